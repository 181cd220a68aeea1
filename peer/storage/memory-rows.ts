/**
 * One copy of a partition's rows in memory: keys and rows as bytes, and a table that finds them.
 *
 * Kept true: the index names every record that is not garbage, and no other; `ordered` with `fresh` holds every key, each at least once, and may hold keys that are
 * gone; both are made when a range is asked for, so that a store which is never scanned does not pay for it.
 */

import { compareBytes } from '../../common/byte-order.js';
import { MAX_KEY_BYTES } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import { broken } from '../replication/invariant.js';
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
import { type HashKey, hashBytes } from './key-hash.js';
import { KeyIndex } from './key-index.js';
import { RecordSpace } from './record-space.js';
import { encodeHead, headBytes } from './row-codec.js';

const NO_BYTES = new Uint8Array(0);

export class MemoryRows {
  private readonly space = new RecordSpace();
  private readonly index = new KeyIndex(this.space);
  private readonly marks = new Map<string, RowMark>();
  private ordered: string[] | undefined;
  /** Keys that came since `ordered` was made. */
  private fresh: string[] = [];
  private readonly move = (handle: number) => this.moveRecord(handle);

  constructor(private readonly hashKey: HashKey) {}

  get size(): number {
    return this.index.size;
  }

  /** Bytes of memory for keys and rows. */
  get bytes(): number {
    return this.space.bytes + this.index.bytes;
  }

  /** Without `withValue` a value is `UNREAD`. */
  get(key: string, withValue = true): Row | undefined {
    const slot = this.slotOf(key);
    return slot < 0 ? undefined : this.space.row(this.index.handleAt(slot), withValue);
  }

  put(key: string, row: Row): void {
    const { space, index } = this;
    const headLength = encodeHead(row);
    const head = headBytes();
    const tail = row.value?.bytes ?? NO_BYTES;
    const length = encode(key);
    if (length > MAX_KEY_BYTES) broken(`keys of at most ${MAX_KEY_BYTES} bytes`, `${length}`);
    const hash = hashBytes(this.hashKey, encoded, 0, length);
    const slot = index.find(hash, encoded, length);
    if (slot < 0) {
      index.add(hash, space.put(encoded, length, head, headLength, tail));
      // A text cut out of a larger one keeps all of that in memory; this one stands alone.
      if (this.ordered !== undefined) this.note(encoded.toString('utf8', 0, length));
    } else if (!space.overwrite(index.handleAt(slot), head, headLength, tail)) {
      const before = index.handleAt(slot);
      index.setHandle(slot, space.put(encoded, length, head, headLength, tail));
      space.delete(before);
    }
    this.mark(key, row);
    if (space.isSparse) space.compact(this.move);
  }

  delete(key: string): void {
    const { space, index } = this;
    const slot = this.slotOf(key);
    if (slot < 0) return;
    space.delete(index.handleAt(slot));
    index.removeAt(slot);
    if (this.marks.size > 0) this.marks.delete(key);
    if (space.isSparse) space.compact(this.move);
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
      if (this.slotOf(key) < 0) continue;
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

  /** Keys that come and go without anybody asking for a range would fill `fresh`: then the order is made anew. */
  private note(key: string): void {
    this.fresh.push(key);
    if (this.fresh.length <= 2 * this.index.size + 64) return;
    this.ordered = undefined;
    this.fresh = [];
  }

  private mark(key: string, row: Row): void {
    const mark = markOf(key, row);
    if (mark !== undefined) {
      const own = Buffer.from(key).toString();
      this.marks.set(own, { ...mark, key: own });
    } else if (this.marks.size > 0) this.marks.delete(key);
  }

  private slotOf(key: string): number {
    const length = encode(key);
    if (length > MAX_KEY_BYTES) return -1;
    return this.index.find(hashBytes(this.hashKey, encoded, 0, length), encoded, length);
  }

  /** Puts a record of a segment that is given back anew, if it is still there. */
  private moveRecord(handle: number): void {
    const { space, index } = this;
    const key = space.key(handle);
    const slot = index.slotOf(hashBytes(this.hashKey, key, 0, key.length), handle);
    if (slot >= 0) index.setHandle(slot, space.put(key, key.length, NO_BYTES, 0, space.content(handle)));
  }

  /** Keys above `after` in order, and perhaps some that are gone. */
  private *above(after: string | undefined): Iterable<string> {
    const keys = this.inOrder();
    for (let at = after === undefined ? 0 : firstAbove(keys, after); at < keys.length; at++) {
      yield keys[at] as string;
    }
  }

  private inOrder(): readonly string[] {
    const { ordered, fresh, index, space } = this;
    if (ordered === undefined || ordered.length > 2 * index.size + 64) {
      const keys = Array.from(index.handles(), (handle) => space.key(handle).toString());
      this.ordered = keys.sort(compareBytes);
    } else if (fresh.length > 0) {
      this.ordered = merged(ordered, fresh.sort(compareBytes));
    }
    if (fresh.length > 0) this.fresh = [];
    return this.ordered as string[];
  }
}

/** The key that was encoded last; no character takes more than three bytes of a UTF-16 unit. */
const encoded = Buffer.allocUnsafeSlow(3 * MAX_KEY_BYTES);

/** Puts the key's bytes into `encoded`; answers how many, more than MAX_KEY_BYTES for a key that is too long. */
function encode(key: string): number {
  const { length } = key;
  if (length > MAX_KEY_BYTES) return length;
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i);
    if (unit > 0x7f) return encoded.write(key, 0, 'utf8');
    encoded[i] = unit;
  }
  return length;
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
