/**
 * What a start reads from LMDB: the map, and of each partition marks, log and sessions. Rows stay on the disk.
 *
 * Kept true: damage in what belongs to a partition costs that partition only, and is listed; damage elsewhere is
 * thrown. Nothing is changed here.
 */

import { deserialize } from 'node:v8';
import { type ClusterMap, emptyMap, type MapVersion } from '../../common/configuration.js';
import type { Entry } from '../replication/entry.js';
import type { PartitionImage } from '../replication/machine.js';
import { Sessions } from '../replication/sessions.js';
import { type Damage, DamagedRecordError } from './engine.js';
import { decodeEntry } from './entry-codec.js';
import {
  CLUSTER_MAP,
  logBounds,
  logKey,
  metaBounds,
  PROMISED,
  partitionKey,
  type RowSpace,
  readCopyKey,
} from './lmdb-layout.js';
import { RowSpaces } from './lmdb-plan.js';
import type { Stored, TableReader } from './lmdb-tables.js';
import { entriesIn, type LogExtent, type StoredEntry, standsAlone } from './log-chunks.js';
import { type BookRecord, PartitionBook, readRecord, readSessions } from './partition-book.js';
import { isSound, SEAL_BYTES } from './sealed.js';

/** What was found. */
export interface Found {
  readonly map: ClusterMap;
  readonly promised: MapVersion;
  readonly partitions: readonly PartitionImage[];
  readonly damaged: readonly Damage[];
  readonly books: Map<number, PartitionBook>;
  readonly spaces: RowSpaces;
}

/** Reads everything but the rows. Throws DamagedRecordError for damage that concerns all partitions. */
export function loadAll(tables: TableReader, clusterId: string): Found {
  const damaged = new Map<number, Damage>();
  const spaces = loadSpaces(tables, damaged);
  for (const key of tables.keys('meta', metaBounds('dropped'))) spaces.reserve(key.readUInt32BE(1));
  const partitions: PartitionImage[] = [];
  const books = new Map<number, PartitionBook>();
  for (const stored of tables.range('meta', metaBounds('partition'))) {
    const number = stored.key.readUInt16BE(1);
    if (damaged.has(number)) continue;
    try {
      const { image, book } = loadPartition(tables, number, stored);
      partitions.push(image);
      books.set(number, book);
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
      damaged.set(number, error.damage);
    }
  }
  const map = (metaValue(tables, CLUSTER_MAP) as ClusterMap | undefined) ?? emptyMap(clusterId);
  const promised = (metaValue(tables, PROMISED) as MapVersion | undefined) ?? 0;
  return { map, promised, partitions, damaged: [...damaged.values()], books, spaces };
}

function loadSpaces(tables: TableReader, damaged: Map<number, Damage>): RowSpaces {
  const spaces = new RowSpaces();
  for (const stored of tables.range('meta', metaBounds('copy'))) {
    const { partition, copy } = readCopyKey(stored.key);
    const damage: Damage = { partition, what: 'partition', copy };
    try {
      spaces.set(partition, copy, deserialize(contentOf(stored, damage)) as RowSpace);
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
      damaged.set(partition, damage);
    }
  }
  return spaces;
}

function loadPartition(
  tables: TableReader,
  number: number,
  stored: Stored,
): { readonly image: PartitionImage; readonly book: PartitionBook } {
  const damage: Damage = { partition: number, what: 'partition' };
  contentOf(stored, damage);
  const at = parsed(damage, () => readRecord(stored.record, SEAL_BYTES));
  const entries = loadEntries(tables, number, at);
  const sessions = loadSessions(tables, number, at, entries);
  const log = entries.slice(at.base - at.kept);
  const { marks, base, baseChecksum } = at;
  const image = { partition: number, marks, base, baseChecksum, log, sessions: sessions.image() };
  return { image, book: new PartitionBook(number, at, sessions) };
}

/** The entries kept+1 to end. */
function loadEntries(tables: TableReader, partition: number, { kept, end }: LogExtent): readonly Entry[] {
  const stored: (StoredEntry | undefined)[] = Array.from({ length: end - kept });
  const [, last] = logBounds(partition);
  for (const { key, record } of tables.range('log', [logKey(partition, kept + 1), last])) {
    for (const entry of entriesIn(key, record)) {
      const at = entry.seq - kept - 1;
      // What stands alone may be of the journal, and is newer.
      if (at >= 0 && at < stored.length && (standsAlone(key) || stored[at] === undefined)) stored[at] = entry;
    }
  }
  return stored.map((entry, i) => {
    const seq = kept + 1 + i;
    const damage: Damage = { partition, what: 'entry', seq };
    if (entry === undefined) throw new DamagedRecordError(damage);
    contentOf({ key: logKey(partition, seq), record: entry.record }, damage);
    return parsed(damage, () => decodeEntry(entry.record, SEAL_BYTES));
  });
}

/** The stored image, and the entries that were remembered since. */
function loadSessions(
  tables: TableReader,
  partition: number,
  at: BookRecord,
  entries: readonly Entry[],
): Sessions {
  const key = partitionKey('sessions', partition);
  const record = tables.get('meta', key);
  const damage: Damage = { partition, what: 'sessions' };
  const sessions = record === undefined ? new Sessions() : readSessions(contentOf({ key, record }, damage));
  for (let seq = at.imageAt + 1; seq <= at.remembered; seq++) {
    const entry = entries[seq - at.kept - 1];
    if (entry === undefined) throw new DamagedRecordError({ partition, what: 'entry', seq });
    sessions.apply(entry);
  }
  return sessions;
}

function metaValue(tables: TableReader, key: Buffer): unknown {
  const record = tables.get('meta', key);
  if (record === undefined) return undefined;
  return deserialize(contentOf({ key, record }, { partition: undefined, what: 'meta' }));
}

function contentOf({ key, record }: Stored, damage: Damage): Buffer {
  if (!isSound(key, record)) throw new DamagedRecordError(damage);
  return record.subarray(SEAL_BYTES);
}

function parsed<T>(damage: Damage, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) throw new DamagedRecordError(damage);
    throw error;
  }
}
