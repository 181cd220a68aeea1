/**
 * From what a key is to hold to the command that makes it so. A key whose time is over is deleted.
 */
import type { Change, Command, Condition } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import type { State } from './action.js';

/** The command that takes a key from its row to `next`; undefined where that is nothing. */
export function commandOf(
  key: string,
  row: Row | null,
  next: State | null,
  nowMs: number,
): Command | undefined {
  if (next === null || isOver(next, nowMs)) return row === null ? undefined : { kind: 'delete', key };
  if (row !== null && next.value === row.value) {
    return { kind: 'expire', key, ttlMs: undefined, ...momentOf(next) };
  }
  return { kind: 'put', key, value: next.value, ...momentOf(next) };
}

/** The same as part of a transaction. */
export function changeOf(key: string, next: State | null, nowMs: number): Change {
  if (next === null || isOver(next, nowMs)) return { kind: 'delete', key };
  return { kind: 'put', key, value: next.value, ...momentOf(next) };
}

/** Nothing happened to the key since it was read. */
export function conditionOf(row: Row | null): Condition {
  return row === null ? { kind: 'absent' } : { kind: 'version', version: { epoch: row.epoch, seq: row.seq } };
}

function isOver({ expiresAtMs }: State, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

function momentOf({ expiresAtMs }: State): { readonly expiresAtMs?: number } {
  return expiresAtMs === undefined ? {} : { expiresAtMs };
}
