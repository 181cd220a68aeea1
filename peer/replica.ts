/**
 * The replication core of this process at work: the machine with its driver, and the gateway's retries, over a real
 * store, transport and clock.
 *
 * Invariants: what the machine wants done in one turn of the event loop is done together at its end; a forwarded
 * request that could not be sent is known not to have been; after `stop`, or once anything broke, nothing goes out.
 */
import type { Clock } from '../common/clock.js';
import type { ClusterMap } from '../common/configuration.js';
import type { OrchestratorEnvelope, ReportEnvelope } from '../common/control-messages.js';
import { LeaseClock } from '../common/lease-clock.js';
import { PeerDriver, type PeerIdentity } from './driver.js';
import { atEndOfTurn } from './end-of-turn.js';
import { ReadQueue } from './read-queue.js';
import type { PeerEnvelope } from './replication/messages.js';
import { ReplicationNode } from './replication/node.js';
import type { Settings } from './replication/settings.js';
import type { PartitionStatus, ShownRows } from './replication/standing.js';
import { Gateway } from './requests/gateway.js';
import type { ReadCall } from './requests/reads.js';
import type { ReadAnswer, WriteAnswer } from './requests/rim.js';
import type { GatewaySettings } from './requests/settings.js';
import type { WriteCall } from './requests/writes.js';
import type { LoadedImage, StorageEngine } from './storage/engine.js';
import type { Transport } from './transport/transport.js';

/** The answer to a forwarded read of a peer that asks for more than the way to it carries. */
const TOO_MUCH = { kind: 'refused', reason: 'overloaded' } as const;

/** What a replica is built on. */
export interface ReplicaParts {
  readonly identity: PeerIdentity;
  readonly settings: Settings;
  readonly gateway: GatewaySettings;
  readonly engine: StorageEngine;
  /** What the engine gave back at its start. */
  readonly image: LoadedImage;
  readonly transport: Pick<Transport, 'send' | 'backlog'>;
  readonly clock: Clock;
}

/** Who hears of what happens here. */
export interface ReplicaEvents {
  /** To one orchestrator, or to all of them if `to` is undefined. */
  report(to: string | undefined, envelope: ReportEnvelope): void;
  /** Another map was adopted. */
  mapChanged(map: ClusterMap): void;
  /** The clocks jumped, and the leases were dropped. */
  clockJumped(): void;
  /** Something broke that must not be survived: the process must end. Called once. */
  broke(error: unknown): void;
}

export class Replica {
  private readonly leaseClock: LeaseClock;
  private readonly node: ReplicationNode;
  private readonly driver: PeerDriver;
  private readonly gateway: Gateway;
  private readonly forwarded: ReadQueue;
  /** When the gateway is to be ticked, by the monotonic clock. */
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private alarm: NodeJS.Timeout | undefined;
  private knownMap: ClusterMap;

  constructor(
    private readonly parts: ReplicaParts,
    private readonly events: ReplicaEvents,
  ) {
    const { identity, settings, engine, image, clock } = parts;
    const { peerId, storeId, inc } = identity;
    this.leaseClock = new LeaseClock(clock, () => this.dropLeases());
    this.node = new ReplicationNode(peerId, image, engine, settings, this.clocks());
    this.knownMap = this.node.map;
    this.gateway = new Gateway({ peerId, storeId, inc }, parts.gateway, {
      map: () => this.node.map,
      readNow: (partition, key) => this.driver.readNow(partition, key),
      ask: (request) => this.driver.input(request),
      send: (to, message) => this.driver.send(to, message),
    });
    this.forwarded = new ReadQueue({
      pass: (envelope) => this.driver.receive(envelope),
      backlog: (peer) => parts.transport.backlog(peer),
      atEndOfTurn,
      monotonicMs: () => clock.monotonicMs(),
      expireMs: parts.gateway.readDeadlineMs,
    });
    this.driver = new PeerDriver(identity, this.node, engine, this.world(), {
      replied: (reply) => {
        this.gateway.replied(clock.monotonicMs(), reply);
        this.setAlarm();
      },
      answered: (from, message) => {
        this.gateway.answered(clock.monotonicMs(), from, message);
        this.setAlarm();
      },
    });
  }

  /** The map that this peer follows. */
  get map(): ClusterMap {
    return this.node.map;
  }

  start(): void {
    this.events.mapChanged(this.knownMap);
    this.driver.start(this.parts.settings.tickMs);
  }

  /** The answer to a linearizable read, if this peer can give it at once; else it takes `read`. */
  readNow(partition: number, key: string): ReadAnswer | undefined {
    return this.gateway.readNow(partition, key);
  }

  read(call: ReadCall): Promise<ReadAnswer> {
    return new Promise((resolve) => this.beginRead(call, resolve));
  }

  write(call: WriteCall): Promise<WriteAnswer> {
    return new Promise((resolve) => this.beginWrite(call, resolve));
  }

  /** As `read`, without a promise; `done` may be called before this returns. */
  beginRead(call: ReadCall, done: (answer: ReadAnswer) => void): void {
    this.gateway.read(this.parts.clock.monotonicMs(), call, done);
    this.setAlarm();
  }

  /** As `write`, without a promise; `done` may be called before this returns. */
  beginWrite(call: WriteCall, done: (answer: WriteAnswer) => void): void {
    this.gateway.write(this.parts.clock.monotonicMs(), call, done);
    this.setAlarm();
  }

  /** This peer left a question without an answer: reads are asked of it last for a while. */
  avoid(peer: string): void {
    this.gateway.avoid(this.parts.clock.monotonicMs(), peer);
  }

  /** Envelopes of another peer. */
  receive(envelopes: readonly PeerEnvelope[]): void {
    for (const envelope of envelopes) {
      if (envelope.body.type === 'rfwd') this.forwarded.take(envelope);
      else this.driver.receive(envelope);
    }
  }

  disconnected(peer: string): void {
    this.forwarded.drop(peer);
    this.driver.input({ type: 'disconnected', peer });
  }

  /** A message of an orchestrator. */
  obey(envelope: OrchestratorEnvelope): void {
    this.driver.obey(envelope);
  }

  /** Asks once to have everything, or only what a restart needs, moved off this peer. */
  leave(only: 'duties' | undefined): void {
    this.driver.input(only === undefined ? { type: 'leave' } : { type: 'leave', only });
  }

  /** How this peer stands in a partition; undefined where it has nothing of it. */
  status(partition: number): PartitionStatus | undefined {
    return this.node.status(partition, this.leaseClock.now());
  }

  /** The rows of a partition that this peer is a member of. */
  rows(partition: number): ShownRows | undefined {
    return this.node.rows(partition);
  }

  stop(): void {
    this.driver.stop();
    this.forwarded.stop();
    clearTimeout(this.alarm);
  }

  private world(): ConstructorParameters<typeof PeerDriver>[3] {
    return {
      clock: () => this.clocks(),
      send: (to, envelopes) => this.send(to, envelopes),
      report: (to, envelope) => this.events.report(to, envelope),
      endOfTurn: (task) => {
        atEndOfTurn(() => {
          task();
          this.lookAtMap();
        });
      },
      every: (ms, task) => {
        const timer = setInterval(task, ms);
        return () => clearInterval(timer);
      },
      fail: (error) => this.events.broke(error),
    };
  }

  private clocks(): { leaseMs: number; wallMs: number } {
    return this.leaseClock.read();
  }

  private dropLeases(): void {
    this.driver.input({ type: 'drop-leases' });
    this.events.clockJumped();
  }

  /** Where there is no room for all of a turn's envelopes, a lease or an acknowledgement may still go: one by one. */
  private send(to: string, envelopes: readonly PeerEnvelope[]): void {
    const { transport } = this.parts;
    this.forwarded.sent(envelopes);
    if (transport.send(to, envelopes)) return;
    const isOne = envelopes.length === 1;
    const unsent = envelopes.filter((envelope) => isOne || !transport.send(to, [envelope]));
    this.unsent(to, unsent);
  }

  /**
   * What was forwarded and did not leave goes elsewhere at once, and is known to have had no effect. An answer that finds no
   * room becomes a refusal, so that it is asked for again.
   */
  private unsent(to: string, envelopes: readonly PeerEnvelope[]): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const envelope of envelopes) {
      const { body } = envelope;
      if (body.type === 'fwd') this.gateway.undelivered(nowMs, body.tag.n, body.attempt);
      else if (body.type === 'rfwd') {
        const { id, inc } = body;
        const outcome = { kind: 'refused', reason: 'timeout' } as const;
        this.gateway.answered(nowMs, to, { type: 'rfwd_r', id, inc, outcome });
      } else if (body.type === 'rfwd_r' && body.outcome.kind === 'row') {
        this.parts.transport.send(to, [{ ...envelope, body: { ...body, outcome: TOO_MUCH } }]);
      }
    }
    this.setAlarm();
  }

  /** A new map may name other primaries: what waits is tried again. */
  private lookAtMap(): void {
    const { map } = this.node;
    if (map === this.knownMap) return;
    this.knownMap = map;
    this.events.mapChanged(map);
    this.gateway.tick(this.parts.clock.monotonicMs());
    this.setAlarm();
  }

  /** One timer for all open requests: it is set anew only where something is due earlier. */
  private setAlarm(): void {
    const dueMs = this.gateway.nextTickMs();
    if (dueMs >= this.wakeAtMs) return;
    clearTimeout(this.alarm);
    this.wakeAtMs = dueMs;
    const waitMs = Math.max(0, dueMs - this.parts.clock.monotonicMs());
    this.alarm = setTimeout(() => this.wake(), waitMs);
  }

  private wake(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.gateway.tick(this.parts.clock.monotonicMs());
    this.setAlarm();
  }
}
