/**
 * The log in LMDB's tables: what one checkpoint brings of a partition's entries stands together, in chunks.
 *
 * Kept true: which entries there are is said by the partition's record alone: those above `kept` up to `end`. Batches only put
 * entries; those that the record does not speak of any more go with the next checkpoint that writes it. What the
 * journal has of an entry is newer than what a chunk has. Each entry keeps a checksum of its own. The key of a chunk is that of
 * its last entry and one byte more, so that no entry that stands alone has it (earlier versions stored each alone).
 */

import { type Change, LOG_KEY_BYTES, logBounds, logKey, readLogKey } from './lmdb-layout.js';
import type { TableReader } from './lmdb-tables.js';
import { nameOf } from './overlay.js';

/** A chunk ends before it has more; an entry that was read keeps the memory of its chunk. */
const MAX_BYTES = 65_536;

/** The position of the first entry, then of each entry the length of its record, and that. */
const FIRST_BYTES = 6;
const LENGTH_BYTES = 4;

/** An entry as it is stored. */
export interface StoredEntry {
  readonly seq: number;
  /** Sealed under the entry's own key. */
  readonly record: Buffer;
}

/** Which entries of a partition there are: above `kept` up to `end`. */
export interface LogExtent {
  readonly kept: number;
  readonly end: number;
}

/** The entries of a record in the table. One whose length is damaged ends it, and fails its checksum. */
export function* entriesIn(key: Buffer, record: Buffer): Iterable<StoredEntry> {
  if (standsAlone(key)) {
    yield { seq: readLogKey(key), record };
    return;
  }
  let seq = record.length < FIRST_BYTES ? 0 : record.readUIntBE(0, FIRST_BYTES);
  for (let at = FIRST_BYTES; at + LENGTH_BYTES <= record.length; seq++) {
    const from = at + LENGTH_BYTES;
    at = from + record.readUInt32BE(at);
    yield { seq, record: record.subarray(from, at) };
  }
}

/** Whether the record under this key stands for one entry alone. */
export function standsAlone(key: Buffer): boolean {
  return key.length === LOG_KEY_BYTES;
}

/**
 * What brings the table up to date for a partition, in order. `extent` is undefined if the partition is no more; `added` are the
 * entries that were put since the last checkpoint, in order, also those that there are no more.
 */
export function* logChanges(
  tables: TableReader,
  partition: number,
  extent: LogExtent | undefined,
  added: readonly StoredEntry[],
): Iterable<Change> {
  const [first, last] = logBounds(partition);
  if (extent === undefined) {
    for (const key of tables.keys('log', [first, last])) yield deletionOf(key);
    return;
  }
  const { kept, end } = extent;
  const stale = [...tables.keys('log', [first, logKey(partition, kept + 1)])];
  // What was put anew, or is beyond the end, was cut off since; it may be part of a chunk.
  const cutAt = Math.min(added[0]?.seq ?? end + 1, end + 1);
  const put: Change[] = [];
  for (const { key, record } of tables.range('log', [logKey(partition, Math.max(cutAt, kept + 1)), last])) {
    const left = [...entriesIn(key, record)].filter(({ seq }) => seq > kept && seq < cutAt);
    put.push(...chunksOf(partition, left));
    stale.push(key);
  }
  const stored = added.filter(({ seq }) => seq > kept && seq <= end);
  put.push(...chunksOf(partition, stored));
  // In this order, for a crash may come between any two: what is there twice is no loss.
  yield* put;
  const anew = new Set(put.map(({ key }) => nameOf(key)));
  for (const key of stale) if (!anew.has(nameOf(key))) yield deletionOf(key);
}

function* chunksOf(partition: number, entries: readonly StoredEntry[]): Iterable<Change> {
  let from = 0;
  let bytes = FIRST_BYTES;
  for (const [i, { record }] of entries.entries()) {
    bytes += LENGTH_BYTES + record.length;
    const next = entries[i + 1];
    if (next !== undefined && bytes + LENGTH_BYTES + next.record.length <= MAX_BYTES) continue;
    yield chunkOf(partition, entries.slice(from, i + 1), bytes);
    from = i + 1;
    bytes = FIRST_BYTES;
  }
}

/** `entries` follow each other and take so many bytes. */
function chunkOf(partition: number, entries: readonly StoredEntry[], bytes: number): Change {
  const chunk = Buffer.allocUnsafe(bytes);
  const { seq: first } = entries[0] as StoredEntry;
  let at = chunk.writeUIntBE(first, 0, FIRST_BYTES);
  for (const { record } of entries) {
    at = chunk.writeUInt32BE(record.length, at);
    chunk.set(record, at);
    at += record.length;
  }
  return { table: 'log', key: chunkKey(partition, first + entries.length - 1), record: chunk };
}

function chunkKey(partition: number, last: number): Buffer {
  return Buffer.concat([logKey(partition, last), Buffer.of(0)]);
}

function deletionOf(key: Buffer): Change {
  return { table: 'log', key, record: undefined };
}
