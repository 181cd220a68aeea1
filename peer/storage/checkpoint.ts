/**
 * Brings the tables up to what the journal has.
 *
 * Kept true: the changes go in by several transactions, and the position that says so with the last of them. A crash in between
 * leaves tables that are in part newer than their position; replaying the journal from there mends that, for each
 * change says what its key holds, whatever it held before, so that making it twice is the same as once; what is to change in a
 * log is found by looking at the tables as they are (log-chunks.ts).
 */

import { deserialize, serialize } from 'node:v8';
import { DamagedRecordError } from './engine.js';
import { type JournalPosition, readJournal } from './journal-recovery.js';
import { type Change, JOURNAL, logBounds, metaBounds, readLogKey } from './lmdb-layout.js';
import { meta } from './lmdb-plan.js';
import type { LmdbTables, TableReader } from './lmdb-tables.js';
import { logChanges, type StoredEntry } from './log-chunks.js';
import { keyOf, nameOf, Overlay } from './overlay.js';
import { readRecord } from './partition-book.js';
import { isSound, SEAL_BYTES } from './sealed.js';

/** A transaction ends when it has this much; the event loop is kept for about 1 ms by each. */
const MAX_CHANGES = 512;
const MAX_BYTES = 1_048_576;

/**
 * Writes all changes, in the order of their keys: so each page is written once. `flushed` is called after each transaction.
 * Rejects with StorageError.
 */
export async function writeAll(
  tables: LmdbTables,
  overlay: Overlay,
  position: Change,
  flushed: () => void = () => undefined,
): Promise<void> {
  let part: Change[] = [];
  let bytes = 0;
  for (const change of changesOf(tables, overlay)) {
    part.push(change);
    bytes += change.record?.length ?? 0;
    if (part.length < MAX_CHANGES && bytes < MAX_BYTES) continue;
    await tables.commit(part);
    flushed();
    part = [];
    bytes = 0;
  }
  await tables.commit([...part, position]);
  flushed();
}

/** What is to be written, table by table; reads what the tables have of a partition's log when it comes to it. */
export function* changesOf(tables: TableReader, overlay: Overlay): Iterable<Change> {
  for (const table of ['meta', 'rows', 'marks'] as const) yield* overlay.sorted(table);
  // Whatever changes a log changes the partition's record.
  const [first, last] = metaBounds('partition');
  for (const { name, record } of overlay.range('meta', nameOf(first), nameOf(last))) {
    const partition = keyOf(name).readUInt16BE(1);
    const extent = record === null ? undefined : readRecord(record, SEAL_BYTES);
    yield* logChanges(tables, partition, extent, [...entriesOf(overlay, partition)]);
  }
}

/** The entries of a partition that were put. Earlier versions have deletions in the journal, which are of no use. */
function* entriesOf(overlay: Overlay, partition: number): Iterable<StoredEntry> {
  const [first, last] = logBounds(partition);
  for (const { name, record } of overlay.range('log', nameOf(first), nameOf(last))) {
    if (record !== null) yield { seq: readLogKey(keyOf(name)), record };
  }
}

/** Says how much of the journal is in the tables. */
export function positionChange(position: JournalPosition): Change {
  return meta(JOURNAL, serialize(position));
}

/** Says that there is nothing in the journal. */
export const NO_JOURNAL: Change = { table: 'meta', key: JOURNAL, record: undefined };

/**
 * At a start: writes what the tables lack, as far as it can be read. Returns whether that is everything.
 * Rejects with StorageError, or with DamagedRecordError if it cannot be told where to begin.
 */
export async function replay(tables: LmdbTables, directory: string): Promise<boolean> {
  const record = tables.get('meta', JOURNAL);
  if (record === undefined) return true;
  if (!isSound(JOURNAL, record)) throw new DamagedRecordError({ partition: undefined, what: 'meta' });
  const { id, through } = deserialize(record.subarray(SEAL_BYTES)) as JournalPosition;
  const { records, damaged } = readJournal(directory, { id, through });
  const overlay = new Overlay();
  for (const changes of records) overlay.add(changes);
  await writeAll(tables, overlay, positionChange({ id, through: through + records.length }));
  return !damaged;
}
