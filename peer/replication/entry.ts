/**
 * One entry of a partition's log, and the row that it leaves behind.
 *
 * Kept true: an entry is never changed once it was made. Its checksum is chained over all entries before it, so
 * two replicas with the same checksum at a position hold the same history up to it.
 */

import type { Epoch } from '../../common/configuration.js';
import type { Effect, Result, Value } from './commands.js';

/** Who asked, exactly once: request `n` of a gateway's session; `fi` is the smallest request not yet finished (D1). */
export interface RequestTag {
  /** `sessionId(peer, storeId, inc)` of the gateway. */
  readonly session: string;
  readonly n: number;
  readonly fi: number;
}

/** A client's own Idempotency-Key, with a fingerprint of the command that came with it (D6). */
export interface IdempotencyTag {
  readonly token: string;
  readonly fingerprint: number;
}

/** One position of the log: an evaluated effect and its result. */
export interface Entry {
  readonly seq: number;
  /** The epoch in which it was appended; (epoch, seq) is the version that it gives to its key. */
  readonly epoch: Epoch;
  /** The primary's wall clock in ms when it was appended, never lower than that of the entry before. */
  readonly ts: number;
  /** '' for an entry that concerns no key (retire). */
  readonly key: string;
  readonly effect: Effect;
  readonly result: Result;
  /** undefined for entries that the primary made by itself (expiry, retire). */
  readonly request: RequestTag | undefined;
  readonly idempotency: IdempotencyTag | undefined;
  /** Chained over all entries up to this one; unsigned 32 bits. */
  readonly checksum: number;
}

/** What the primary decides about an entry; the rest follows from the log. */
export interface Draft {
  readonly key: string;
  readonly effect: Effect;
  readonly result: Result;
  readonly request: RequestTag | undefined;
  readonly idempotency: IdempotencyTag | undefined;
}

/** What a replica keeps of a key: its newest committed value, or a tombstone. */
export interface Row {
  /** null is a tombstone: the key was deleted at `seq`. */
  readonly value: Value | null;
  readonly epoch: Epoch;
  readonly seq: number;
  /** When it was written, the primary's wall clock in ms. */
  readonly ts: number;
  /** Wall-clock ms at which the key may be expired by its primary; no replica decides that alone. */
  readonly expiresAtMs: number | undefined;
}

/** What an entry of the log leaves at its key; undefined where it leaves nothing. */
export function rowOf(entry: Entry): Row | undefined {
  const { effect } = entry;
  if (effect.kind !== 'put' && effect.kind !== 'delete') return undefined;
  const put = effect.kind === 'put' ? effect : undefined;
  return {
    value: put === undefined ? null : put.value,
    epoch: entry.epoch,
    seq: entry.seq,
    ts: entry.ts,
    expiresAtMs: put?.expiresAtMs,
  };
}

/** Whether the entry changes its key. */
export function writesKey(entry: Entry): boolean {
  return entry.effect.kind === 'put' || entry.effect.kind === 'delete';
}

/** What an entry takes without its key and value, with Node 20: 480 to 510 bytes. */
const ENTRY_BYTES = 512;

/** About how much memory an entry takes, in bytes; for limits, not for accounts. */
export function sizeOf(entry: Entry): number {
  const value = entry.effect.kind === 'put' ? entry.effect.value.bytes.length : 0;
  return ENTRY_BYTES + entry.key.length * 2 + value;
}

/** The same of a run of entries. */
export function sizeOfEntries(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
}
