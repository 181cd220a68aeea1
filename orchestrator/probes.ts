/**
 * Asks every peer every second how it is, and tells every peer that answers the newest view. A new view is told at once.
 *
 * Invariants: a slow peer delays neither the others nor the next round; at most one probe and one push a peer are under
 * way; a view is turned into JSON once; no peer is told an older view than before.
 */
import { type ScheduledTask, schedule } from 'node-cron';
import type { Clock } from '../common/clock.js';
import type { Health } from '../common/control.js';
import type { Member, View } from '../common/view.js';
import { CALL_MS } from './peer-caller.js';

const EVERY_SECOND = '* * * * * *';
/** While data is on its way, the peers that wait for it are asked this often, so that its source is let go soon. */
const MOVING_MS = 200;
/** A call that took so much longer than it may tells that this process stood still, and nothing about the peer. */
const STALL_MS = 500;

/** The calls to peers. */
export interface Caller {
  health(member: Member): Promise<Health | null>;
  tell(member: Member, view: string): Promise<boolean>;
}

/** Who hears what came of a probe. */
export interface Listener {
  readonly view: View;
  /** False where the answer was not the member's own. */
  answered(id: string, askedMs: number, health: Health): boolean;
  missed(id: string, askedMs: number): void;
}

export class Probes {
  readonly #caller: Caller;
  readonly #listener: Listener;
  readonly #clock: Clock;
  readonly #probing = new Set<string>();
  /** Peers that are being told a view. */
  readonly #telling = new Set<string>();
  #json = { epoch: -1, text: '' };
  #job: ScheduledTask | undefined;
  #movingTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(caller: Caller, listener: Listener, clock: Clock) {
    this.#caller = caller;
    this.#listener = listener;
    this.#clock = clock;
  }

  start(): void {
    this.#job = schedule(EVERY_SECOND, () => this.round(), { suppressMissedWarning: true });
    this.round();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#movingTimer);
    await this.#job?.destroy();
  }

  /** One probe of every member, all at once. */
  round(): void {
    for (const member of this.#listener.view.members) void this.#probe(member);
  }

  /** Tells a new view to everybody that may hear it. */
  publish(view: View): void {
    for (const { id, status } of view.members) if (status !== 'down') void this.#tell(id);
    this.#watchMoves();
  }

  async #probe(member: Member): Promise<void> {
    const { id } = member;
    if (this.#probing.has(id) || this.#stopped) return;
    this.#probing.add(id);
    const askedMs = this.#clock.monotonicMs();
    const health = await this.#caller.health(member);
    this.#probing.delete(id);
    if (this.#stopped) return;
    if (health === null) {
      if (this.#clock.monotonicMs() - askedMs < CALL_MS + STALL_MS) this.#listener.missed(id, askedMs);
      return;
    }
    // A peer that knows a newer view than ours would not take it, and registers when it hears nothing for a while.
    const own = this.#listener.answered(id, askedMs, health);
    if (own && health.epoch <= this.#listener.view.epoch) await this.#tell(id);
  }

  async #tell(id: string): Promise<void> {
    if (this.#telling.has(id)) return;
    this.#telling.add(id);
    try {
      for (let told = -1; !this.#stopped; ) {
        const view = this.#listener.view;
        const member = view.members.find((each) => each.id === id);
        // A view that came while the last one was on its way is told right after it.
        if (
          member === undefined ||
          view.epoch <= told ||
          !(await this.#caller.tell(member, this.#textOf(view)))
        ) {
          return;
        }
        told = view.epoch;
      }
    } finally {
      this.#telling.delete(id);
    }
  }

  #watchMoves(): void {
    clearTimeout(this.#movingTimer);
    if (this.#stopped) return;
    const { members, partitions } = this.#listener.view;
    const fetching = new Set(partitions.filter((each) => each.source !== null).map((each) => each.primary));
    if (fetching.size === 0) return;
    this.#movingTimer = setTimeout(() => {
      for (const member of members) if (fetching.has(member.id)) void this.#probe(member);
      this.#watchMoves();
    }, MOVING_MS);
  }

  #textOf(view: View): string {
    if (this.#json.epoch !== view.epoch) this.#json = { epoch: view.epoch, text: JSON.stringify(view) };
    return this.#json.text;
  }
}
