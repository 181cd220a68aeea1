/**
 * From what a key is to hold to the command that makes it so.
 *
 * A time to live counts from the primary's clock, so what is left of it is reckoned here, at the last moment. A key
 * whose time is over is deleted.
 */
import type { Command, Condition } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import type { State } from './action.js';
import type { Change } from './store.js';

/** The command that takes a key from its row to `next`; undefined where that is nothing. */
export function commandOf(
  key: string,
  row: Row | null,
  next: State | null,
  nowMs: number,
): Command | undefined {
  const ttlMs = leftMs(next, nowMs);
  if (next === null || (ttlMs !== undefined && ttlMs <= 0)) {
    return row === null ? undefined : { kind: 'delete', key };
  }
  if (row !== null && next.value === row.value) return { kind: 'expire', key, ttlMs };
  return { kind: 'put', key, value: next.value, ...(ttlMs === undefined ? {} : { ttlMs }) };
}

/** The same as part of a transaction. */
export function changeOf(key: string, next: State | null, nowMs: number): Change {
  const ttlMs = leftMs(next, nowMs);
  if (next === null || (ttlMs !== undefined && ttlMs <= 0)) return { kind: 'delete', key };
  return { kind: 'put', key, value: next.value, ...(ttlMs === undefined ? {} : { ttlMs }) };
}

/** Nothing happened to the key since it was read. */
export function conditionOf(row: Row | null): Condition {
  return row === null ? { kind: 'absent' } : { kind: 'version', version: { epoch: row.epoch, seq: row.seq } };
}

function leftMs(state: State | null, nowMs: number): number | undefined {
  return state?.expiresAtMs === undefined ? undefined : state.expiresAtMs - nowMs;
}
