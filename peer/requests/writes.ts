/**
 * Writes at the gateway: one request, as many attempts as it takes, applied once (D1, D5).
 *
 * Keeps true:
 * - all attempts of a request carry the same session and number; numbers grow, and `fi` is the smallest number
 *   of that partition which is not finished, so a primary may forget everything below it (D1);
 * - a client hears a result only from a result. It hears `not-applied` only if every attempt was refused by a
 *   primary or never left; if any attempt may have arrived, the deadline brings `unknown` (D5);
 * - an answer to an attempt whose request is finished is dropped.
 */
import { isPartitionLost, type PeerId } from '../../common/configuration.js';
import type { Write } from '../replication/commands.js';
import type { IdempotencyTag, RequestTag } from '../replication/entry.js';
import type { WriteOutcome, WriteRefusal } from '../replication/messages.js';
import { sessionId } from '../replication/sessions.js';
import type { GatewayIdentity, GatewayPorts, GiveUpReason, WriteAnswer } from './rim.js';
import type { GatewaySettings } from './settings.js';

/** A write as a client asks for it. */
export interface WriteCall {
  readonly partition: number;
  readonly command: Write;
  /** The client's own key (D6), or undefined. */
  readonly idempotency: IdempotencyTag | undefined;
  /** The latest time for an answer, at most `writeDeadlineMs` from now; undefined for that. */
  readonly deadlineMs?: number | undefined;
}

interface OpenWrite {
  readonly n: number;
  readonly call: WriteCall;
  readonly done: (answer: WriteAnswer) => void;
  readonly deadlineMs: number;
  attempt: number;
  /** The latest attempt that was answered without a result: the next one is due at `nextMs`. */
  answered: number;
  sentTo: PeerId | undefined;
  /** Attempts that may have an effect, now or later. */
  readonly pending: number[];
  /** Local attempts that the own replica has not answered. */
  readonly asked: number[];
  refusals: number;
  /** When it was first refused because there are too few copies. */
  tooFewSinceMs: number | undefined;
  reason: GiveUpReason;
  nextMs: number;
}

/** The writes of one process's gateway. */
export class GatewayWrites {
  readonly session: string;
  readonly #identity: GatewayIdentity;
  readonly #settings: GatewaySettings;
  readonly #ports: GatewayPorts;
  /** Local requests in flight, by the id that the replica answers to. */
  readonly #asked = new Map<number, { readonly n: number; readonly attempt: number }>();
  readonly #open = new Map<number, OpenWrite>();
  /** Open numbers by partition; insertion order is their order, since numbers grow. */
  readonly #byPartition = new Map<number, Set<number>>();
  #lastN = 0;
  /** Nothing is due before this; it may be too early, never too late. */
  #soonestMs = Number.POSITIVE_INFINITY;
  /** The map that `tick` last looked at: only another one can have moved a primary. */
  #seenVer = -1;

  constructor(identity: GatewayIdentity, settings: GatewaySettings, ports: GatewayPorts) {
    this.#identity = identity;
    this.#settings = settings;
    this.#ports = ports;
    this.session = sessionId(identity.peerId, identity.storeId, identity.inc);
  }

  /** Starts a write. `id` names local attempts and must be fresh each time. */
  begin(nowMs: number, call: WriteCall, nextId: () => number, done: (answer: WriteAnswer) => void): void {
    if (this.#open.size >= this.#settings.maxOpenWrites) {
      done({ kind: 'not-applied', reason: 'overloaded' });
      return;
    }
    this.#lastN++;
    const limitMs = nowMs + this.#settings.writeDeadlineMs;
    const write: OpenWrite = {
      n: this.#lastN,
      call,
      done,
      deadlineMs: Math.min(limitMs, call.deadlineMs ?? limitMs),
      attempt: 0,
      answered: 0,
      sentTo: undefined,
      pending: [],
      asked: [],
      refusals: 0,
      tooFewSinceMs: undefined,
      reason: 'no-primary',
      nextMs: nowMs,
    };
    this.#open.set(write.n, write);
    const numbers = this.#byPartition.get(call.partition) ?? new Set();
    this.#byPartition.set(call.partition, numbers.add(write.n));
    this.#try(nowMs, write, nextId);
  }

  /** Goes on with whatever is due; also after a new map, which may name another primary. */
  tick(nowMs: number, nextId: () => number): void {
    const { ver } = this.#ports.map();
    if (nowMs < this.#soonestMs && ver === this.#seenVer) return;
    this.#seenVer = ver;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const write of [...this.#open.values()]) {
      if (!this.#open.has(write.n)) continue;
      if (nowMs >= write.deadlineMs) this.#giveUp(write);
      else if (nowMs >= write.nextMs || this.#hasMoved(write)) this.#try(nowMs, write, nextId);
      else this.#wait(write, write.nextMs);
    }
  }

  /** When `tick` should be called next, or Infinity. */
  nextMs(): number {
    return this.#soonestMs;
  }

  /** The own replica's answer to a local attempt. False: the id is not one of ours. */
  replied(nowMs: number, id: number, outcome: WriteOutcome): boolean {
    const asked = this.#asked.get(id);
    if (!asked) return false;
    this.#asked.delete(id);
    const write = this.#open.get(asked.n);
    if (write !== undefined) remove(write.asked, id);
    this.heard(nowMs, asked.n, asked.attempt, outcome);
    return true;
  }

  /** What became of one attempt. */
  heard(nowMs: number, n: number, attempt: number, outcome: WriteOutcome): void {
    const write = this.#open.get(n);
    if (!write) return;
    switch (outcome.kind) {
      case 'result':
        this.#finish(write, { ...outcome, servedBy: write.sentTo ?? this.#identity.peerId });
        return;
      case 'conflict':
        this.#finish(write, outcome);
        return;
      case 'refused':
        remove(write.pending, attempt);
        write.reason = outcome.reason;
        if (write.pending.length === 0 && this.#isHopeless(nowMs, write, outcome.reason)) this.#giveUp(write);
        else this.#retrySoon(nowMs, write, attempt);
        return;
      case 'maybe':
        this.#retrySoon(nowMs, write, attempt);
        return;
    }
  }

  /** An attempt never left this process (its connection could not be made): it has no effect. */
  undelivered(nowMs: number, n: number, attempt: number): void {
    const write = this.#open.get(n);
    if (!write) return;
    remove(write.pending, attempt);
    this.#retrySoon(nowMs, write, attempt);
  }

  #try(nowMs: number, write: OpenWrite, nextId: () => number): void {
    const { partition, command, idempotency } = write.call;
    const primary = this.#ports.map().parts[partition]?.primary;
    if (primary === undefined) {
      write.reason = 'no-partition';
      this.#wait(write, nowMs + this.#settings.retryMaxMs);
      return;
    }
    if (write.attempt > 0 && write.pending.length === 0 && isPartitionLost(this.#ports.map(), partition)) {
      this.#finish(write, { kind: 'not-applied', reason: 'data-lost' });
      return;
    }
    write.attempt++;
    const { attempt } = write;
    write.sentTo = primary;
    write.pending.push(attempt);
    this.#wait(write, nowMs + this.#settings.writeAttemptMs);
    const tag = this.#tagOf(write);
    if (primary === this.#identity.peerId) {
      const id = nextId();
      this.#asked.set(id, { n: write.n, attempt });
      write.asked.push(id);
      this.#ports.ask({ type: 'write', id, partition, tag, command, idempotency });
    } else {
      this.#ports.send(primary, { type: 'fwd', partition, tag, attempt, command, idempotency });
    }
  }

  #tagOf({ n, call }: OpenWrite): RequestTag {
    const [first] = this.#byPartition.get(call.partition) ?? [];
    return { session: this.session, n, fi: first ?? n };
  }

  /** Whether the map names another primary than the one that has the latest attempt. */
  #hasMoved(write: OpenWrite): boolean {
    if (write.sentTo === undefined) return false;
    return this.#ports.map().parts[write.call.partition]?.primary !== write.sentTo;
  }

  /** Whether more attempts would only add to the load, or wait for a copy that takes longer than any client. */
  #isHopeless(nowMs: number, write: OpenWrite, reason: WriteRefusal): boolean {
    if (reason !== 'too-few-copies') return reason === 'overloaded';
    write.tooFewSinceMs ??= nowMs;
    return nowMs - write.tooFewSinceMs >= this.#settings.tooFewCopiesMs;
  }

  #retrySoon(nowMs: number, write: OpenWrite, attempt: number): void {
    if (attempt !== write.attempt || attempt === write.answered) return;
    write.answered = attempt;
    const { retryMinMs, retryMaxMs } = this.#settings;
    const waitMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(write.refusals, 20));
    write.refusals++;
    this.#wait(write, nowMs + waitMs);
  }

  #wait(write: OpenWrite, untilMs: number): void {
    write.nextMs = untilMs;
    this.#soonestMs = Math.min(this.#soonestMs, untilMs, write.deadlineMs);
  }

  #giveUp(write: OpenWrite): void {
    if (write.pending.length === 0) this.#finish(write, { kind: 'not-applied', reason: write.reason });
    else this.#finish(write, { kind: 'unknown', request: `${this.session}/${write.n}` });
  }

  #finish(write: OpenWrite, answer: WriteAnswer): void {
    this.#open.delete(write.n);
    for (const id of write.asked) this.#asked.delete(id);
    const numbers = this.#byPartition.get(write.call.partition);
    numbers?.delete(write.n);
    if (numbers?.size === 0) this.#byPartition.delete(write.call.partition);
    write.done(answer);
  }
}

/** Takes a number out of a short list. */
function remove(numbers: number[], number: number): void {
  const at = numbers.indexOf(number);
  if (at !== -1) numbers.splice(at, 1);
}
