/**
 * Looks at the cluster again and again, and tells people: the roster to all peers, what moves and what is lost to the
 * log.
 *
 * Invariants: it decides nothing; the roster goes to every peer that is there once a second, and at once when it
 * changes; while partitions are lost the log says so every minute; what the cluster waits for is said when it changes,
 * at most once a second.
 */
import { type ScheduledTask, schedule } from 'node-cron';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Roster } from '../common/roster.js';
import type { ManagerStatus } from './configuration/machine.js';
import type { ControlChannel } from './control-channel.js';
import type { OrchestratorDriver } from './driver.js';
import type { PeerHealth } from './health.js';
import { MoveWatch, type WatchedMove } from './move-watch.js';
import { lostLine } from './notes.js';
import { headline } from './reports.js';
import { RosterKeeper } from './roster-keeper.js';

const EVERY_SECOND = '* * * * * *';
const EVERY_MINUTE = '0 * * * * *';

export interface WatchmanParts {
  readonly driver: OrchestratorDriver;
  readonly channel: ControlChannel;
  readonly health: PeerHealth;
  /** Copies that the cluster is to have of every partition. */
  readonly copies: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Watchman {
  readonly #parts: WatchmanParts;
  readonly #roster: RosterKeeper;
  readonly #moves = new MoveWatch();
  /** What the log said last of what the cluster waits for. */
  #said = '';
  #jobs: readonly ScheduledTask[] = [];

  constructor(parts: WatchmanParts) {
    this.#parts = parts;
    this.#roster = new RosterKeeper(parts.copies);
  }

  get roster(): Roster {
    return this.#roster.roster;
  }

  get moves(): readonly WatchedMove[] {
    return this.#moves.moves;
  }

  /** Copies that arrived in the run of moves that is under way. */
  get moved(): number {
    return this.#moves.done;
  }

  start(): void {
    const quiet = { suppressMissedWarning: true };
    this.#jobs = [
      schedule(EVERY_SECOND, () => this.#everySecond(this.#parts.driver.status()), quiet),
      schedule(EVERY_MINUTE, () => this.#repeatLosses(), quiet),
    ];
  }

  async stop(): Promise<void> {
    for (const job of this.#jobs) await job.destroy();
  }

  /** Notices what has changed; to be called after every tick of the driver. */
  look(): void {
    const { driver, health, clock, log } = this.#parts;
    const status = driver.status();
    const wallMs = clock.wallMs();
    health.keep(status.map.peers);
    if (this.#roster.look(status, wallMs)) this.#tellRoster(status);
    const left = () => driver.imbalance();
    for (const { level, text } of this.#moves.look(status, clock.monotonicMs(), wallMs, left)) {
      log[level](text);
    }
  }

  #everySecond(status: ManagerStatus): void {
    this.#tellRoster(status);
    const { phase, map } = status;
    const isManaged = phase === 'managing';
    const text = isManaged ? 'the cluster is managed' : headline(status);
    if (text === this.#said || text === '') return;
    this.#said = text;
    const size = `${map.peers.size} peers, ${map.parts.length} partitions, map ${map.ver}`;
    this.#parts.log.info(isManaged ? `${text}: ${size}` : text);
  }

  #tellRoster({ map, live }: ManagerStatus): void {
    for (const id of live) {
      const addr = map.peers.get(id)?.addr;
      if (addr !== undefined) this.#parts.channel.tellRoster(id, addr, this.#roster.text);
    }
  }

  #repeatLosses(): void {
    const { lost } = this.#parts.driver.status();
    if (lost.length > 0) this.#parts.log.error(lostLine(lost).text);
  }
}
