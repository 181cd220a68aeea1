/**
 * The gateway of one peer: takes clients' requests, finds who can answer them, and tries until somebody does.
 *
 * Keeps true: it is synchronous and deterministic; the time is handed in. Every request ends with exactly one
 * answer, by its deadline at the latest (if `tick` is called). Everything it holds is bounded by its settings.
 * A process has one gateway; a new process has a new session, so nothing of an old one is taken for its own.
 */
import { crc32 } from 'node:zlib';
import type { PeerId } from '../../common/configuration.js';
import type { ReplyEffect } from '../replication/machine.js';
import type { GatewayMessage, ReadOutcome, WriteOutcome } from '../replication/messages.js';
import { GatewayReads, type ReadCall } from './reads.js';
import type { GatewayIdentity, GatewayPorts, ReadAnswer, WriteAnswer } from './rim.js';
import type { GatewaySettings } from './settings.js';
import { GatewayWrites, type WriteCall } from './writes.js';

/** One process's gateway. `nowMs` is everywhere the same monotonic clock. */
export class Gateway {
  readonly #identity: GatewayIdentity;
  readonly #writes: GatewayWrites;
  readonly #reads: GatewayReads;
  #lastId: number;

  constructor(identity: GatewayIdentity, settings: GatewaySettings, ports: GatewayPorts) {
    this.#identity = identity;
    this.#lastId = firstId(identity.storeId);
    this.#writes = new GatewayWrites(identity, settings, ports);
    this.#reads = new GatewayReads(identity, settings, ports);
  }

  write(nowMs: number, call: WriteCall, done: (answer: WriteAnswer) => void): void {
    this.#writes.begin(nowMs, call, this.#nextId, done);
  }

  /** The answer to a linearizable read, if this peer can give it at once; else it takes `read`. */
  readNow(partition: number, key: string): ReadAnswer | undefined {
    return this.#reads.readNow(partition, key);
  }

  read(nowMs: number, call: ReadCall, done: (answer: ReadAnswer) => void): void {
    this.#reads.begin(nowMs, call, this.#nextId, done);
  }

  /** This peer left a question without an answer: reads are asked of it last for a while. */
  avoid(nowMs: number, peer: PeerId): void {
    this.#reads.avoid(nowMs, peer);
  }

  /** To be called at `nextTickMs`, or about every 10 to 50 ms, and when a new map was adopted. */
  tick(nowMs: number): void {
    this.#writes.tick(nowMs, this.#nextId);
    this.#reads.tick(nowMs, this.#nextId);
  }

  /** When something is due next, or Infinity while nothing is open. */
  nextTickMs(): number {
    return Math.min(this.#writes.nextMs(), this.#reads.nextMs());
  }

  /** The answer of this peer's own replica. */
  replied(nowMs: number, { id, outcome }: ReplyEffect): void {
    if (isReadOutcome(outcome)) {
      if (!this.#reads.heard(nowMs, id, outcome) && outcome.kind === 'refused') {
        this.#writes.replied(nowMs, id, outcome as WriteOutcome);
      }
    } else {
      this.#writes.replied(nowMs, id, outcome);
    }
  }

  /** The answer of another peer to something forwarded. */
  answered(nowMs: number, _from: PeerId, message: GatewayMessage): void {
    if (message.type === 'fwd_r') {
      if (message.session !== this.#writes.session) return;
      this.#writes.heard(nowMs, message.n, message.attempt, message.outcome);
    } else if (message.inc === this.#identity.inc) {
      this.#reads.heard(nowMs, message.id, message.outcome);
    }
  }

  /** A write's attempt never left, because no connection could be made. Only then; a reset one may have arrived. */
  undelivered(nowMs: number, n: number, attempt: number): void {
    this.#writes.undelivered(nowMs, n, attempt);
  }

  readonly #nextId = (): number => {
    this.#lastId++;
    return this.#lastId;
  };
}

/**
 * Ids start at a place of the store's own: a wiped disk counts its processes from 1 again, and an answer to one
 * of the old store's reads, still on its way, must not fit one of ours. 21 bits of hash, 2^32 ids.
 */
function firstId(storeId: string): number {
  return (crc32(storeId) >>> 11) * 2 ** 32;
}

/** Both kinds of outcome have a `refused`; the ids tell those apart. */
function isReadOutcome(outcome: WriteOutcome | ReadOutcome): outcome is ReadOutcome {
  return outcome.kind === 'row' || outcome.kind === 'refused';
}
