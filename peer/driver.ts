/**
 * The replication core at work: decides when to tick, and turns effects into messages, writes and answers.
 * Sockets, disk, timers and clocks are handed in, so production and the simulator run this same file.
 *
 * Kept true: all inputs of one turn are stepped before the turn's effects go out, so they share a message and a
 * flush. A message that speaks of what is stored leaves only after its batch is durable (W3, section 9); others may
 * overtake it. Answers leave last. After `stop`, or once anything threw,
 * nothing more goes out: a process that cannot trust its disk or its state must say nothing at all.
 */

import type { PeerId } from '../common/configuration.js';
import type { OrchestratorEnvelope, ReportEnvelope } from '../common/control-messages.js';
import type {
  Clock,
  Effects,
  Input,
  Machine,
  ReadRow,
  ReplyEffect,
  ReportEffect,
  SendEffect,
  StoreBatch,
} from './replication/machine.js';
import type { GatewayMessage, PeerEnvelope, PeerMessage } from './replication/messages.js';

/** Where batches go. */
export interface BatchDisk {
  /**
   * Writes a batch. `done` is called once it and all before it are durable, never within this call. A write or
   * flush that fails must end the process and never call `done` (section 3).
   */
  write(batch: StoreBatch, done: () => void): void;
}

/** What the driver needs of the world. */
export interface PeerWorld {
  /** Reads both clocks, now (L5, L6). */
  clock(): Clock;
  /** Fire and forget, in order; may lose, delay, repeat and reorder. All of one turn to one peer together. */
  send(to: PeerId, envelopes: readonly PeerEnvelope[]): void;
  /** To one orchestrator, or to all of them if `to` is undefined. */
  report(to: string | undefined, envelope: ReportEnvelope): void;
  /** Calls `task` at the end of this event-loop turn, after the inputs that are waiting already. */
  endOfTurn(task: () => void): void;
  /** Calls `task` about every `ms` until the returned function is called. */
  every(ms: number, task: () => void): () => void;
  /** Something broke that must not be survived: log it and end the process at once. */
  fail(error: unknown): void;
}

/** Who asks, and hears the answers: this peer's gateway. */
export interface GatewayPort {
  /** The answer to a `write` or `read` that was given to this driver. */
  replied(reply: ReplyEffect): void;
  /** The answer of another peer to a forwarded request. */
  answered(from: PeerId, message: GatewayMessage): void;
}

/** The machine, with what a driver must know of its process. */
export interface DrivenMachine extends Machine {
  /** An envelope of this process around a message that is sent now. */
  envelope(body: PeerMessage): PeerEnvelope;
}

/** Who this process is, for its reports. */
export interface PeerIdentity {
  readonly clusterId: string;
  readonly peerId: PeerId;
  readonly storeId: string;
  readonly inc: number;
  /** host:port of the listener for peers. */
  readonly addr: string;
}

/**
 * Effects that wait for the disk at the same time. The core has its own limits (W6), which leave far fewer; a disk that
 * stands still is the store's to notice (its flush has a time limit). Beyond this something is wrong: the process ends.
 */
const MAX_HELD = 65_536;

/** One running peer. */
export class PeerDriver {
  private durable = 0;
  /** What waits for a batch; in the order of their numbers, or nearly so, which only delays. */
  private held: (SendEffect | ReportEffect)[] = [];
  private turnOpen = false;
  /** The last answer of this turn that the machine was given. */
  private heard: PeerEnvelope | undefined;
  private stopped = false;
  private stopTicking: (() => void) | undefined;
  private readonly parcels = new Map<PeerId, PeerEnvelope[]>();

  constructor(
    private readonly identity: PeerIdentity,
    private readonly machine: DrivenMachine,
    private readonly disk: BatchDisk,
    private readonly world: PeerWorld,
    private readonly gateway: GatewayPort,
  ) {}

  /** Starts ticking, every `tickMs`; the first tick comes at once. */
  start(tickMs: number): void {
    this.stopTicking = this.world.every(tickMs, () => this.input({ type: 'tick' }));
    this.input({ type: 'tick' });
  }

  /** Nothing is sent, written or answered from here on. */
  stop(): void {
    this.stopped = true;
    this.held = [];
    this.stopTicking?.();
  }

  /** A message of another peer. Answers to this peer's gateway pass the machine by, which only has to know who speaks. */
  receive(envelope: PeerEnvelope): void {
    const { body } = envelope;
    if (this.stopped) return;
    if (body.type === 'fwd_r' || body.type === 'rfwd_r') {
      if (envelope.clusterId === this.identity.clusterId) this.gateway.answered(envelope.from, body);
      if (this.isHeard(envelope)) return;
      this.heard = envelope;
    }
    this.input({ type: 'message', envelope });
  }

  /** Whether an answer of this turn said all that the machine takes from one. */
  private isHeard({ clusterId, from, fromInc, ver }: PeerEnvelope): boolean {
    const { heard } = this;
    return (
      heard?.from === from && heard.ver === ver && heard.fromInc === fromInc && heard.clusterId === clusterId
    );
  }

  /** A message of an orchestrator. */
  obey(envelope: OrchestratorEnvelope): void {
    this.input({ type: 'control', envelope });
  }

  /** Sends a message of the gateway to another peer, at the end of this turn. */
  send(to: PeerId, body: PeerMessage): void {
    if (this.stopped) return;
    this.pack(to, this.machine.envelope(body));
    this.openTurn();
  }

  /** Answers a read that needs nobody else at once, without a turn of its own; undefined: it is to be an input. */
  readNow(partition: number, key: string): ReadRow | undefined {
    if (this.stopped) return undefined;
    try {
      return this.machine.readNow(this.world.clock(), partition, key);
    } catch (error) {
      this.broke(error);
      return undefined;
    }
  }

  /** Gives any input to the machine; its effects follow at the end of this turn. */
  input(input: Input): void {
    if (this.step(input)) this.openTurn();
  }

  /** Whether the machine took it. */
  private step(input: Input): boolean {
    if (this.stopped) return false;
    try {
      this.machine.step(this.world.clock(), input);
    } catch (error) {
      this.broke(error);
      return false;
    }
    return true;
  }

  private openTurn(): void {
    if (this.turnOpen) return;
    this.turnOpen = true;
    this.world.endOfTurn(() => this.closeTurn());
  }

  private closeTurn(): void {
    this.turnOpen = false;
    this.heard = undefined;
    if (this.stopped) return;
    let effects: Effects;
    try {
      effects = this.machine.take(this.world.clock());
    } catch (error) {
      this.broke(error);
      return;
    }
    const { store } = effects;
    if (store !== undefined) this.disk.write(store, () => this.stored(store.number));
    for (const send of effects.sends) {
      if (send.after <= this.durable) this.pack(send.to, send.envelope);
      else this.held.push(send);
    }
    for (const report of effects.reports) {
      if (report.after <= this.durable) this.reportNow(report);
      else this.held.push(report);
    }
    if (this.held.length > MAX_HELD) {
      this.broke(new Error(`more than ${MAX_HELD} messages wait for the disk`));
      return;
    }
    this.post();
    for (const reply of effects.replies) if (!this.stopped) this.gateway.replied(reply);
  }

  private stored(through: number): void {
    if (this.stopped) return;
    this.durable = Math.max(this.durable, through);
    let released = 0;
    for (const effect of this.held) {
      if (effect.after > this.durable) break;
      released++;
      if ('envelope' in effect) this.pack(effect.to, effect.envelope);
      else this.reportNow(effect);
    }
    this.held.splice(0, released);
    // The disk calls in a turn of its own: what waited for it goes on at once, unless more has come.
    if (this.step({ type: 'stored', through }) && !this.turnOpen) this.closeTurn();
  }

  private reportNow(report: ReportEffect): void {
    const { clusterId, peerId, storeId, inc, addr } = this.identity;
    const { ver, body } = report;
    this.world.report(report.to, { clusterId, from: peerId, fromInc: inc, storeId, addr, ver, body });
  }

  private pack(to: PeerId, envelope: PeerEnvelope): void {
    const parcel = this.parcels.get(to);
    if (parcel === undefined) this.parcels.set(to, [envelope]);
    else parcel.push(envelope);
  }

  private post(): void {
    for (const [to, envelopes] of this.parcels) this.world.send(to, envelopes);
    this.parcels.clear();
  }

  private broke(error: unknown): void {
    this.stop();
    this.world.fail(error);
  }
}
