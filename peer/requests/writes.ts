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
  pending: readonly number[];
  /** The ids of local attempts that the own replica has not answered. */
  asked: readonly number[];
  refusals: number;
  /** When it was first refused because there are too few copies. */
  tooFewSinceMs: number | undefined;
  reason: GiveUpReason;
  nextMs: number;
  /** Its neighbours among the open writes of its partition, in the order of their numbers. */
  before: OpenWrite | undefined;
  after: OpenWrite | undefined;
  isFinished: boolean;
}

/** The open writes of one partition. */
interface OpenOfPartition {
  first: OpenWrite | undefined;
  last: OpenWrite | undefined;
}

/** An attempt that was given to the own replica. */
interface AskedAttempt {
  readonly write: OpenWrite;
  readonly attempt: number;
}

const NONE: readonly number[] = [];

/** The writes of one process's gateway. */
export class GatewayWrites {
  readonly session: string;
  readonly #identity: GatewayIdentity;
  readonly #settings: GatewaySettings;
  readonly #ports: GatewayPorts;
  /** Local requests in flight, by the id that the replica answers to. */
  readonly #asked = new Map<number, AskedAttempt>();
  /** Writes that were sent to another peer, by their numbers. */
  readonly #forwarded = new Map<number, OpenWrite>();
  #openCount = 0;
  readonly #byPartition: (OpenOfPartition | undefined)[] = [];
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
    if (this.#openCount >= this.#settings.maxOpenWrites) {
      done({ kind: 'not-applied', reason: 'overloaded' });
      return;
    }
    this.#lastN++;
    const limitMs = nowMs + this.#settings.writeDeadlineMs;
    const others = this.#openOf(call.partition);
    const write: OpenWrite = {
      n: this.#lastN,
      call,
      done,
      deadlineMs: Math.min(limitMs, call.deadlineMs ?? limitMs),
      attempt: 0,
      answered: 0,
      sentTo: undefined,
      pending: NONE,
      asked: NONE,
      refusals: 0,
      tooFewSinceMs: undefined,
      reason: 'no-primary',
      nextMs: nowMs,
      before: others.last,
      after: undefined,
      isFinished: false,
    };
    this.#openCount++;
    if (others.last === undefined) others.first = write;
    else others.last.after = write;
    others.last = write;
    this.#try(nowMs, write, nextId);
  }

  /** Goes on with whatever is due; also after a new map, which may name another primary. */
  tick(nowMs: number, nextId: () => number): void {
    const { ver } = this.#ports.map();
    if (nowMs < this.#soonestMs && ver === this.#seenVer) return;
    this.#seenVer = ver;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const write of this.#allOpen()) {
      if (write.isFinished) continue;
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
    const { write, attempt } = asked;
    this.#asked.delete(id);
    write.asked = without(write.asked, id);
    this.#answered(nowMs, write, attempt, outcome);
    return true;
  }

  /** What became of one attempt. */
  heard(nowMs: number, n: number, attempt: number, outcome: WriteOutcome): void {
    const write = this.#forwarded.get(n);
    if (write !== undefined) this.#answered(nowMs, write, attempt, outcome);
  }

  /** An attempt never left this process (its connection could not be made): it has no effect. */
  undelivered(nowMs: number, n: number, attempt: number): void {
    const write = this.#forwarded.get(n);
    if (!write) return;
    write.pending = without(write.pending, attempt);
    this.#retrySoon(nowMs, write, attempt);
  }

  #answered(nowMs: number, write: OpenWrite, attempt: number, outcome: WriteOutcome): void {
    switch (outcome.kind) {
      case 'result': {
        const servedBy = write.sentTo ?? this.#identity.peerId;
        this.#finish(write, { kind: 'result', result: outcome.result, servedBy });
        return;
      }
      case 'conflict':
        this.#finish(write, outcome);
        return;
      case 'refused':
        write.pending = without(write.pending, attempt);
        write.reason = outcome.reason;
        if (write.pending.length === 0 && this.#isHopeless(nowMs, write, outcome.reason)) this.#giveUp(write);
        else this.#retrySoon(nowMs, write, attempt);
        return;
      case 'maybe':
        this.#retrySoon(nowMs, write, attempt);
        return;
    }
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
    write.pending = plus(write.pending, attempt);
    this.#wait(write, nowMs + this.#settings.writeAttemptMs);
    const tag = this.#tagOf(write);
    if (primary === this.#identity.peerId) {
      const id = nextId();
      this.#asked.set(id, { write, attempt });
      write.asked = plus(write.asked, id);
      this.#ports.ask({ type: 'write', id, partition, tag, command, idempotency });
    } else {
      this.#forwarded.set(write.n, write);
      this.#ports.send(primary, { type: 'fwd', partition, tag, attempt, command, idempotency });
    }
  }

  #tagOf({ n, call }: OpenWrite): RequestTag {
    return { session: this.session, n, fi: this.#openOf(call.partition).first?.n ?? n };
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
    write.isFinished = true;
    this.#openCount--;
    for (const id of write.asked) this.#asked.delete(id);
    if (this.#forwarded.size > 0) this.#forwarded.delete(write.n);
    this.#unlink(write);
    write.done(answer);
  }

  #allOpen(): readonly OpenWrite[] {
    const all: OpenWrite[] = [];
    for (const open of this.#byPartition) {
      for (let write = open?.first; write !== undefined; write = write.after) all.push(write);
    }
    return all;
  }

  #unlink({ call, before, after }: OpenWrite): void {
    const others = this.#openOf(call.partition);
    if (before === undefined) others.first = after;
    else before.after = after;
    if (after === undefined) others.last = before;
    else after.before = before;
  }

  #openOf(partition: number): OpenOfPartition {
    const known = this.#byPartition[partition];
    if (known !== undefined) return known;
    const none = { first: undefined, last: undefined };
    this.#byPartition[partition] = none;
    return none;
  }
}

function plus(numbers: readonly number[], number: number): readonly number[] {
  return numbers.length === 0 ? [number] : [...numbers, number];
}

function without(numbers: readonly number[], number: number): readonly number[] {
  return numbers.length === 1 && numbers[0] === number ? NONE : numbers.filter((other) => other !== number);
}
