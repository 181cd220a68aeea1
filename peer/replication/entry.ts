/**
 * One entry of a partition's log, and the row that it leaves behind.
 *
 * Kept true: an entry is never changed once it was made. Its checksum is chained over all entries before it, so
 * two replicas with the same checksum at a position hold the same history up to it.
 */

import type { Epoch } from '../../common/configuration.js';
import type { Change, Effect, KeyEffect, Result, Value } from './commands.js';

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
  /** The epoch in which it was appended; (epoch, seq) is the version that it gives to each key that it changes. */
  readonly epoch: Epoch;
  /** The primary's wall clock in ms when it was appended, never lower than that of the entry before. */
  readonly ts: number;
  /** '' for an entry that concerns no key (retire), or several. */
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

/** A row that holds a value. */
export type LiveRow = Row & { readonly value: Value };

/** Whether a row holds a value: no row, and a tombstone, hold none. */
export function isLive(row: Row | null): row is LiveRow {
  return row !== null && row.value !== null;
}

/** What an entry of the log leaves at `key`; undefined where it leaves nothing. */
export function rowOf(entry: Entry, key: string): Row | undefined {
  const { effect } = entry;
  switch (effect.kind) {
    case 'put':
    case 'delete':
      return entry.key === key ? rowLeftBy(entry, effect) : undefined;
    case 'several': {
      const change = effect.changes.get(key);
      return change === undefined ? undefined : rowLeftBy(entry, change);
    }
    case 'none':
    case 'retire':
      return undefined;
  }
}

/** Calls `visit` for each key that the entry changes, with what it does to it. */
export function eachChange(entry: Entry, visit: (key: string, effect: KeyEffect) => void): void {
  const { effect } = entry;
  if (effect.kind === 'put' || effect.kind === 'delete') visit(entry.key, effect);
  else if (effect.kind === 'several') for (const [key, change] of effect.changes) visit(key, change);
}

/** The row that one of the entry's changes leaves at its key. */
export function rowLeftBy(entry: Entry, change: KeyEffect): Row {
  const { epoch, seq, ts } = entry;
  return change.kind === 'put'
    ? { value: change.value, epoch, seq, ts, expiresAtMs: change.expiresAtMs }
    : { value: null, epoch, seq, ts, expiresAtMs: undefined };
}

/** By how many the keys that have a value become more; its result says how many had one before. */
export function keysAddedBy({ effect, result }: Entry): number {
  if (result.kind === 'failed') return 0;
  switch (effect.kind) {
    case 'put':
      return result.existed ? 0 : 1;
    case 'delete':
      return result.existed ? -1 : 0;
    case 'several': {
      let put = 0;
      for (const { kind } of effect.changes.values()) if (kind === 'put') put++;
      return put - Number(result.number);
    }
    case 'none':
    case 'retire':
      return 0;
  }
}

/** What an entry takes without its key and value, with Node 20: 480 to 510 bytes. */
const ENTRY_BYTES = 512;

/** What a change of a transaction takes without its key and value, with Node 20: 230 bytes. */
const CHANGE_BYTES = 256;

/** About how much memory an entry takes, in bytes; for limits, not for accounts. */
export function sizeOf(entry: Entry): number {
  const { effect } = entry;
  if (effect.kind === 'several') return sizeOfSeveral(effect.changes);
  const value = effect.kind === 'put' ? effect.value.bytes.length : 0;
  return ENTRY_BYTES + entry.key.length * 2 + value;
}

function sizeOfSeveral(changes: ReadonlyMap<string, Change>): number {
  let bytes = ENTRY_BYTES;
  for (const [key, change] of changes) {
    const value = change.kind === 'put' ? change.value.bytes.length : 0;
    bytes += CHANGE_BYTES + key.length * 2 + value;
  }
  return bytes;
}

/** The same of a run of entries. */
export function sizeOfEntries(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
}
