/**
 * One copy of a partition's rows in memory: keys in a map, rows as bytes in an arena.
 *
 * Kept true: `ordered` with `fresh` holds every key of `handles`, each at least once, and may hold keys that are
 * gone; both are made when a range is asked for, so that a store which is never scanned does not pay for it.
 */

import { compareBytes } from '../../common/byte-order.js';
import type { Row } from '../replication/entry.js';
import {
  bytesOf,
  type KeyRange,
  type LiveKey,
  markOf,
  type RangeLimit,
  type RowMark,
  type RowRange,
  type StoredRow,
} from '../replication/machine.js';
import type { Arena } from './arena.js';
import { decodeRow, viewOfRow } from './row-codec.js';

export class MemoryRows {
  private readonly handles = new Map<string, number>();
  private readonly marks = new Map<string, RowMark>();
  private ordered: string[] | undefined;
  /** Keys that came since `ordered` was made. */
  private fresh: string[] = [];

  constructor(private readonly arena: Arena) {}

  get size(): number {
    return this.handles.size;
  }

  get(key: string): Row | undefined {
    const handle = this.handles.get(key);
    return handle === undefined ? undefined : decodeRow(this.arena.read(handle), 0);
  }

  put(key: string, row: Row): void {
    const content = viewOfRow(row);
    const handle = this.handles.get(key);
    if (handle === undefined) {
      // A text cut out of a larger one keeps all of that in memory; this one stands alone.
      const own = Buffer.from(key).toString();
      this.handles.set(own, this.arena.put(content));
      if (this.ordered !== undefined) this.fresh.push(own);
    } else {
      const now = this.arena.replace(handle, content);
      if (now !== handle) this.handles.set(key, now);
    }
    const mark = markOf(key, row);
    if (mark !== undefined) this.marks.set(key, mark);
    else if (this.marks.size > 0) this.marks.delete(key);
  }

  delete(key: string): void {
    const handle = this.handles.get(key);
    if (handle === undefined) return;
    this.arena.delete(handle);
    this.handles.delete(key);
    this.marks.delete(key);
  }

  /** Frees everything. */
  clear(): void {
    for (const handle of this.handles.values()) this.arena.delete(handle);
    this.handles.clear();
    this.marks.clear();
    this.ordered = undefined;
    this.fresh = [];
  }

  range(after: string | undefined, limit: RangeLimit): RowRange {
    const rows: StoredRow[] = [];
    let bytes = 0;
    for (const key of this.above(after)) {
      const row = this.get(key);
      if (row === undefined) continue;
      bytes += bytesOf({ key, row });
      if (rows.length > 0 && (rows.length >= limit.rows || bytes > limit.bytes)) return { rows, more: true };
      rows.push({ key, row });
    }
    return { rows, more: false };
  }

  keys(after: string | undefined, limit: number): KeyRange {
    const keys: LiveKey[] = [];
    let looked = 0;
    for (const key of this.above(after)) {
      if (!this.handles.has(key)) continue;
      looked++;
      const mark = this.marks.get(key);
      const expiresAtMs = mark?.expiresAtMs;
      if (mark === undefined || expiresAtMs !== undefined) keys.push({ key, expiresAtMs });
      if (looked >= limit) return { keys, next: key };
    }
    return { keys, next: undefined };
  }

  marked(): Iterable<RowMark> {
    return this.marks.values();
  }

  /** Keys above `after` in order, and perhaps some that are gone. */
  private *above(after: string | undefined): Iterable<string> {
    const keys = this.inOrder();
    for (let at = after === undefined ? 0 : firstAbove(keys, after); at < keys.length; at++) {
      yield keys[at] as string;
    }
  }

  private inOrder(): readonly string[] {
    const { ordered, fresh, handles } = this;
    if (ordered === undefined || ordered.length > 2 * handles.size + 64) {
      this.ordered = [...handles.keys()].sort(compareBytes);
    } else if (fresh.length > 0) {
      this.ordered = merged(ordered, fresh.sort(compareBytes));
    }
    if (fresh.length > 0) this.fresh = [];
    return this.ordered as string[];
  }
}

/** Both in one order, each key once. */
function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = [];
  let i = 0;
  for (const key of b) {
    while (i < a.length && compareBytes(a[i] as string, key) < 0) all.push(a[i++] as string);
    if (a[i] !== key && all[all.length - 1] !== key) all.push(key);
  }
  while (i < a.length) all.push(a[i++] as string);
  return all;
}

function firstAbove(keys: readonly string[], after: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle] as string, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
