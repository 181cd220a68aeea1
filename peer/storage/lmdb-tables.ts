/**
 * The LMDB environment: opening it, reading from it, and committing changes to it in one transaction.
 *
 * Kept true: `commit` resolves when its transaction, and every one before it, is as durable as was asked for at
 * opening, and rejects if it is not. That needs lmdb-js without `overlappingSync`, its default: with it, a promise
 * resolves before the flush, and a flush that fails rejects nothing (its error only goes to console.error, and
 * `flushed` stays open for ever). And without `eventTurnBatching`, also a default: it makes a promise of its own for
 * each transaction, which nobody can handle, so that a full disk would end the process as an unhandled rejection.
 */

import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { type Durability, StorageError } from './engine.js';
import { type Change, TABLES, type Table } from './lmdb-layout.js';
import { otherHolder } from './store-lock.js';

/** Address space, not memory or disk: files grow as they must. */
const MAP_BYTES = 2 ** 40;

/** A disk with less room than this is called full; lmdb-js reports a short write as an input/output error. */
const FULL_BELOW_BYTES = 4 * 1_048_576;

/**
 * Of lmdb-js's options, though missing in its types. Many systems read megabytes around each page that is missed; a store larger
 * than memory then reads all of it again and again, for pages of which it needs one.
 */
const NO_READ_AHEAD = { noReadAhead: true };

/** Error numbers of the system and of LMDB. */
const EACCES = 13;
const ENOSPC = 28;
const EROFS = 30;
const EDQUOT = 122;
const MDB_MAP_FULL = -30_792;

/** The file in the store's directory. */
export const DATA_FILE = 'store.mdb';

/** LMDB's own; see store-lock.ts. */
export const LOCK_FILE = `${DATA_FILE}-lock`;

type Records = Database<Buffer, Buffer>;

/** A key with its record. */
export interface Stored {
  readonly key: Buffer;
  readonly record: Buffer;
}

/** What can be read of the tables. */
export interface TableReader {
  /** A record that nobody changes. */
  get(table: Table, key: Buffer): Buffer | undefined;
  /** The records from `start` to before `end`, in order. */
  range(table: Table, bounds: readonly [start: Buffer, end: Buffer]): Iterable<Stored>;
  /** The keys alone; at most `limit`. */
  keys(table: Table, bounds: readonly [start: Buffer, end: Buffer], limit?: number): Iterable<Buffer>;
}

export class LmdbTables implements TableReader {
  private constructor(
    private readonly directory: string,
    private readonly root: RootDatabase<Buffer, Buffer>,
    private readonly tables: Readonly<Record<Table, Records>>,
  ) {}

  /** Opens the environment in `directory`, and makes it if it is not there. Throws StorageError. */
  static open(directory: string, durability: Durability): LmdbTables {
    try {
      const root = open<Buffer, Buffer>({
        path: join(directory, DATA_FILE),
        mapSize: MAP_BYTES,
        maxDbs: TABLES.length,
        noSync: durability === 'commit',
        overlappingSync: false,
        eventTurnBatching: false,
        ...BINARY,
        ...NO_READ_AHEAD,
      });
      const other = otherHolder(join(directory, LOCK_FILE));
      if (other !== undefined) {
        void root.close();
        throw new StorageError('in-use', `the store in ${directory} is in use by process ${other}`);
      }
      const table = (name: Table): Records => root.openDB<Buffer, Buffer>({ name, ...BINARY });
      const tables = { meta: table('meta'), rows: table('rows'), marks: table('marks'), log: table('log') };
      // LMDB flushes the file, but not the directory that names it.
      syncDirectory(directory);
      return new LmdbTables(directory, root, tables);
    } catch (error) {
      throw storageError(directory, error, 'unusable');
    }
  }

  /** A copy of the record. */
  get(table: Table, key: Buffer): Buffer | undefined {
    const record = this.tables[table].getBinary(key);
    return record === undefined ? undefined : asBuffer(record);
  }

  /** Copies of the records. */
  *range(table: Table, [start, end]: readonly [Buffer, Buffer]): Iterable<Stored> {
    for (const { key, value } of this.tables[table].getRange({ start, end })) {
      yield { key: asBuffer(key), record: asBuffer(value) };
    }
  }

  *keys(table: Table, [start, end]: readonly [Buffer, Buffer], limit?: number): Iterable<Buffer> {
    const options = limit === undefined ? { start, end } : { start, end, limit };
    for (const key of this.tables[table].getKeys(options)) yield asBuffer(key);
  }

  /** How many records a table has. */
  count(table: Table): number {
    return statsOf(this.tables[table]).entryCount ?? 0;
  }

  /** Bytes of the file in use; pages that were freed are used again before it grows. */
  get bytes(): number {
    const { lastPageNumber = 0, pageSize = 0 } = statsOf(this.root);
    return (lastPageNumber + 1) * pageSize;
  }

  /** Makes the changes, in this order, in one transaction. Rejects with StorageError; then none was made. */
  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      await this.root.batch(() => {
        for (const { table, key, record } of changes) {
          if (record === undefined) void this.tables[table].remove(key);
          else void this.tables[table].put(key, record);
        }
      });
    } catch (error) {
      throw storageError(this.directory, await causeOf(error), 'failed-write');
    }
  }

  async close(): Promise<void> {
    await this.root.close();
  }
}

const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** Flushes a directory, so that the names of its files are on the disk. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The error of the system, with what it means for a store in `directory`. */
export function storageError(
  directory: string,
  error: unknown,
  otherwise: 'unusable' | 'failed-write',
): StorageError {
  if (error instanceof StorageError) return error;
  const kind = kindOf(directory, error) ?? otherwise;
  const text = error instanceof Error ? error.message : String(error);
  return new StorageError(kind, `the store in ${directory}: ${kind}: ${text}`, { cause: error });
}

function kindOf(directory: string, error: unknown): 'full' | 'read-only' | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === EROFS || code === EACCES || code === 'EROFS' || code === 'EACCES') return 'read-only';
  if (code === ENOSPC || code === EDQUOT || code === MDB_MAP_FULL) return 'full';
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full';
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < FULL_BELOW_BYTES ? 'full' : undefined;
  } catch {
    return undefined;
  }
}

/** lmdb-js tells why a commit failed in a second promise. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return error;
  return commitError.catch((cause: unknown) => cause);
}

interface LmdbStats {
  readonly entryCount?: number;
  readonly lastPageNumber?: number;
  readonly pageSize?: number;
}

function statsOf(table: Records): LmdbStats {
  return table.getStats();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
