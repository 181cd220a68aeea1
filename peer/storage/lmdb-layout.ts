/**
 * How records are keyed in LMDB.
 *
 * Kept true: keys sort bytewise, so the entries of a partition stand in the order of their positions and the rows
 * of a copy in that of `compareBytes`. A copy of rows is stored under a number of its own that is never used for two
 * at once: so dropping it means to forget the number, and its rows can go later.
 */

import { MAX_KEY_BYTES } from '../replication/commands.js';
import { broken } from '../replication/invariant.js';

/** The tables of the environment. `marks` lists the keys of rows that are tombstones or expire. */
export type Table = 'meta' | 'rows' | 'marks' | 'log';

export const TABLES: readonly Table[] = ['meta', 'rows', 'marks', 'log'];

/** One change of a table; without a record the key is deleted, whether it was there or not. */
export interface Change {
  readonly table: Table;
  readonly key: Buffer;
  readonly record: Buffer | undefined;
}

/** The name under which the rows of a copy are stored. */
export type RowSpace = number;

const ROW_SPACE_BYTES = 4;
/** Of the key of an entry that stands alone. */
export const LOG_KEY_BYTES = 8;
const COPY_BYTES = 6;

/** A StoreIdentity. */
export const IDENTITY = Buffer.from('i');
export const CLUSTER_MAP = Buffer.from('m');
export const PROMISED = Buffer.from('p');
/** A JournalPosition. */
export const JOURNAL = Buffer.from('j');

/** Kinds of records in `meta` that are kept for each partition, copy or row space. */
export type MetaKind = 'partition' | 'sessions' | 'copy' | 'dropped';
const META_TAGS: Record<MetaKind, number> = { partition: 0x50, sessions: 0x53, copy: 0x43, dropped: 0x44 };

/** The key of a partition's record of this kind, or the beginning of those of its copies. */
export function partitionKey(kind: 'partition' | 'sessions' | 'copy', partition: number): Buffer {
  const key = Buffer.allocUnsafe(3);
  key[0] = META_TAGS[kind];
  key.writeUInt16BE(partition, 1);
  return key;
}

/** The key of the record that names the row space of a copy. */
export function copyKey(partition: number, copy: number): Buffer {
  const key = Buffer.allocUnsafe(3 + COPY_BYTES);
  key[0] = META_TAGS.copy;
  key.writeUInt16BE(partition, 1);
  key.writeUIntBE(copy, 3, COPY_BYTES);
  return key;
}

/** Partition and copy of such a key. */
export function readCopyKey(key: Buffer): { readonly partition: number; readonly copy: number } {
  return { partition: key.readUInt16BE(1), copy: key.readUIntBE(3, COPY_BYTES) };
}

/** The key of the record that says that the rows of this space are to be deleted. */
export function droppedKey(space: RowSpace): Buffer {
  const key = Buffer.allocUnsafe(1 + ROW_SPACE_BYTES);
  key[0] = META_TAGS.dropped;
  key.writeUInt32BE(space, 1);
  return key;
}

/** From the first key of this kind to before the first of the next. */
export function metaBounds(kind: MetaKind): readonly [Buffer, Buffer] {
  const tag = META_TAGS[kind];
  return [Buffer.from([tag]), Buffer.from([tag + 1])];
}

/** The key of an entry. */
export function logKey(partition: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(LOG_KEY_BYTES);
  key.writeUInt16BE(partition, 0);
  key.writeUIntBE(seq, 2, 6);
  return key;
}

/** The position in such a key, or in that of a chunk (log-chunks.ts). */
export function readLogKey(key: Buffer): number {
  return key.readUIntBE(2, 6);
}

/** From the first possible entry of a partition to before the first of the next partition. */
export function logBounds(partition: number): readonly [Buffer, Buffer] {
  return [logKey(partition, 0), Buffer.concat([logKey(partition, 2 ** 48 - 1), Buffer.of(0)])];
}

/** The key of a row. */
export function rowKey(space: RowSpace, key: string): Buffer {
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) broken(`keys of at most ${MAX_KEY_BYTES} bytes`, `${bytes}`);
  const stored = Buffer.allocUnsafe(ROW_SPACE_BYTES + bytes);
  stored.writeUInt32BE(space, 0);
  stored.write(key, ROW_SPACE_BYTES, 'utf8');
  return stored;
}

/** The client's key in the key of a row. */
export function readRowKey(key: Buffer): string {
  return key.toString('utf8', ROW_SPACE_BYTES);
}

/** From the first row of a space, or the first above `after`, to before the first of the next space. */
export function rowBounds(space: RowSpace, after?: string): readonly [Buffer, Buffer] {
  const end = Buffer.allocUnsafe(ROW_SPACE_BYTES);
  end.writeUInt32BE(space + 1, 0);
  const start = rowKey(space, after ?? '');
  // The least key above another is that one with a zero byte after it.
  return [after === undefined ? start : Buffer.concat([start, Buffer.of(0)]), end];
}
