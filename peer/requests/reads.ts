/**
 * Reads at the gateway: here if this peer can, else at another member, until somebody answers (R1, R4, R5).
 *
 * Keeps true: a read is answered only by a replica's answer to an attempt of this read, so every answer was
 * current at some moment between the client's call and ours. Attempts may overlap; the first answer counts,
 * later ones are dropped. A `stale` read says from where and as of when it is; the others are never stale.
 */
import { isPartitionLost, type PeerId } from '../../common/configuration.js';
import type { Consistency, ReadOutcome } from '../replication/messages.js';
import type { GatewayIdentity, GatewayPorts, GiveUpReason, ReadAnswer } from './rim.js';
import type { GatewaySettings } from './settings.js';

/** A read as a client asks for it. */
export interface ReadCall {
  readonly partition: number;
  readonly key: string;
  readonly consistency: Consistency;
  /** The latest time for an answer, at most `readDeadlineMs` from now; undefined for that. */
  readonly deadlineMs?: number | undefined;
}

/** Its id, who was asked, and when. */
interface Attempt {
  readonly id: number;
  readonly to: PeerId;
  readonly atMs: number;
}

/** A value of this size takes its time on the wire: others behind it come later. */
const LARGE_BYTES = 64 * 1024;

interface OpenRead {
  readonly call: ReadCall;
  /** Gone with the answer: a Map's table that has grown old holds on to what it once held, until the next full collection. */
  done: ((answer: ReadAnswer) => void) | undefined;
  readonly deadlineMs: number;
  attempts: number;
  /** The attempts without an answer; few. */
  readonly waiting: Attempt[];
  refusals: number;
  reason: GiveUpReason;
  nextMs: number;
}

/** The reads of one process's gateway. */
export class GatewayReads {
  readonly #identity: GatewayIdentity;
  readonly #settings: GatewaySettings;
  readonly #ports: GatewayPorts;
  readonly #open = new Set<OpenRead>();
  readonly #byId = new Map<number, OpenRead>();
  /** Peers that lately left a read without an answer, and until when they are asked last. */
  readonly #avoid = new Map<PeerId, number>();
  /** Peers that sent a large value, and when the last one came. */
  readonly #largeAt = new Map<PeerId, number>();
  #turn = 0;
  /** Nothing is due before this; it may be too early, never too late. */
  #soonestMs = Number.POSITIVE_INFINITY;

  constructor(identity: GatewayIdentity, settings: GatewaySettings, ports: GatewayPorts) {
    this.#identity = identity;
    this.#settings = settings;
    this.#ports = ports;
  }

  /** The answer to a linearizable read, if this peer can give it at once. */
  readNow(partition: number, key: string): ReadAnswer | undefined {
    const found = this.#ports.readNow(partition, key);
    if (found === undefined) return undefined;
    return { kind: 'row', row: found.row, servedBy: this.#identity.peerId };
  }

  /** Starts a read. `nextId` gives a fresh id for each attempt. */
  begin(nowMs: number, call: ReadCall, nextId: () => number, done: (answer: ReadAnswer) => void): void {
    const { partition, key, consistency } = call;
    const answer = consistency === 'linearizable' ? this.readNow(partition, key) : undefined;
    if (answer !== undefined) {
      done(answer);
      return;
    }
    if (this.#open.size >= this.#settings.maxOpenReads) {
      done({ kind: 'unavailable', reason: 'overloaded' });
      return;
    }
    const limitMs = nowMs + this.#settings.readDeadlineMs;
    const read: OpenRead = {
      call,
      done,
      deadlineMs: Math.min(limitMs, call.deadlineMs ?? limitMs),
      attempts: 0,
      waiting: [],
      refusals: 0,
      reason: 'timeout',
      nextMs: nowMs,
    };
    this.#open.add(read);
    this.#try(nowMs, read, nextId);
  }

  /** Goes on with whatever is due. */
  tick(nowMs: number, nextId: () => number): void {
    if (nowMs < this.#soonestMs) return;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const read of [...this.#open]) {
      if (!this.#open.has(read)) continue;
      if (nowMs >= read.deadlineMs) this.#finish(read, { kind: 'unavailable', reason: read.reason });
      else if (nowMs < read.nextMs) this.#wait(read, read.nextMs);
      else if (this.#isComing(nowMs, read)) this.#wait(read, nowMs + this.#settings.readHedgeMs);
      else {
        for (const { to } of read.waiting) this.avoid(nowMs, to);
        this.#try(nowMs, read, nextId);
      }
    }
  }

  /** This peer left a question without an answer: it is asked last for a while. */
  avoid(nowMs: number, peer: PeerId): void {
    this.#avoid.set(peer, nowMs + this.#settings.avoidMs);
  }

  /** When `tick` should be called next, or Infinity. */
  nextMs(): number {
    return this.#soonestMs;
  }

  /** What became of one attempt. False: the id is not one of ours. */
  heard(nowMs: number, id: number, outcome: ReadOutcome): boolean {
    const read = this.#byId.get(id);
    if (!read) return false;
    const { waiting } = read;
    const at = waiting.findIndex((attempt) => attempt.id === id);
    const { to: servedBy } = waiting[at] as Attempt;
    waiting.splice(at, 1);
    this.#byId.delete(id);
    this.#avoid.delete(servedBy);
    if (outcome.kind === 'row') {
      if ((outcome.row?.value?.bytes.length ?? 0) >= LARGE_BYTES) this.#largeAt.set(servedBy, nowMs);
      this.#finish(read, { kind: 'row', row: outcome.row, servedBy });
      return true;
    }
    read.reason = outcome.reason;
    if (waiting.length === 0) this.#wait(read, Math.min(read.nextMs, nowMs + this.#pauseMs(read)));
    read.refusals++;
    return true;
  }

  /** Whether the peer that was asked last is sending large values: what it is still to send is behind them. */
  #isComing(nowMs: number, { waiting }: OpenRead): boolean {
    const last = waiting.at(-1);
    if (last === undefined) return false;
    const largeAtMs = this.#largeAt.get(last.to) ?? Number.NEGATIVE_INFINITY;
    const { readHedgeMs, reaskMs } = this.#settings;
    return largeAtMs >= last.atMs && nowMs - largeAtMs < 2 * readHedgeMs && nowMs - last.atMs < reaskMs;
  }

  #try(nowMs: number, read: OpenRead, nextId: () => number): void {
    const { partition, key, consistency } = read.call;
    if (read.attempts > 0 && isPartitionLost(this.#ports.map(), partition)) {
      this.#finish(read, { kind: 'unavailable', reason: 'data-lost' });
      return;
    }
    const to = this.#chooseTarget(nowMs, read);
    this.#wait(read, nowMs + this.#settings.readHedgeMs);
    if (to === undefined) return;
    read.attempts++;
    const id = nextId();
    read.waiting.push({ id, to, atMs: nowMs });
    this.#byId.set(id, read);
    if (to === this.#identity.peerId) {
      this.#ports.ask({ type: 'read', id, partition, key, consistency });
    } else {
      const { inc } = this.#identity;
      this.#ports.send(to, { type: 'rfwd', id, inc, partition, key, consistency });
    }
  }

  /**
   * Ourselves first if we are a member; then the others in turn, those that do not answer last. Nobody is asked twice, but
   * that an answer may have been lost.
   */
  #chooseTarget(nowMs: number, read: OpenRead): PeerId | undefined {
    const part = this.#ports.map().parts[read.call.partition];
    if (!part) {
      read.reason = 'no-partition';
      return undefined;
    }
    const { peerId } = this.#identity;
    const { members } = part;
    const lostMs = nowMs - this.#settings.reaskMs;
    const isAsked = (id: PeerId): boolean => read.waiting.some(({ to, atMs }) => to === id && atMs > lostMs);
    if (read.attempts % 2 === 0 && members.has(peerId) && !isAsked(peerId)) return peerId;
    const others: PeerId[] = [];
    for (const id of members.keys()) if (id !== peerId && !isAsked(id)) others.push(id);
    const ready = others.filter((id) => (this.#avoid.get(id) ?? 0) <= nowMs);
    const choice = ready.length > 0 ? ready : others;
    this.#turn++;
    if (choice.length > 0) return choice[this.#turn % choice.length];
    // Who is no member has nothing to say but that, unless what it says may be old.
    const mayKnow = members.has(peerId) || members.size === 0 || read.call.consistency === 'stale';
    return mayKnow && !isAsked(peerId) ? peerId : undefined;
  }

  /** The first refusals are followed at once by a try elsewhere; then the waits grow. */
  #pauseMs({ refusals }: OpenRead): number {
    if (refusals < 2) return 0;
    const { retryMinMs, retryMaxMs } = this.#settings;
    return Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(refusals - 2, 20));
  }

  #wait(read: OpenRead, untilMs: number): void {
    read.nextMs = untilMs;
    this.#soonestMs = Math.min(this.#soonestMs, untilMs, read.deadlineMs);
  }

  #finish(read: OpenRead, answer: ReadAnswer): void {
    this.#open.delete(read);
    for (const { id } of read.waiting) this.#byId.delete(id);
    const { done } = read;
    read.done = undefined;
    done?.(answer);
  }
}
