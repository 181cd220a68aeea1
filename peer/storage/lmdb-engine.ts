/**
 * The durable engine: one LMDB environment in a directory, and a journal before it.
 *
 * Kept true: as for every engine (see engine.ts). A batch is part of one record of the journal, and batches that come
 * while another is being flushed share the next. Reads see a batch at the latest when it is done. What is not in LMDB yet
 * is in memory, which is bounded, and so are rows that are read again and again; the rest costs no memory of ours: LMDB's
 * pages are the system's, which takes them back when it needs room.
 * One process has a directory open at a time: a second one is refused.
 */

import { mkdirSync } from 'node:fs';
import { randomToken } from '../../common/clock.js';
import type { StoreId } from '../../common/configuration.js';
import type { Row } from '../replication/entry.js';
import {
  bytesOf,
  DAMAGED,
  type Damaged,
  type KeyRange,
  type LiveKey,
  type RangeLimit,
  type RowMark,
  type RowRange,
  type StoreBatch,
  type StoredRow,
} from '../replication/machine.js';
import { NO_JOURNAL, positionChange, replay } from './checkpoint.js';
import {
  type Damage,
  DamagedRecordError,
  type Durability,
  type LoadedImage,
  type StorageEngine,
  StorageError,
  type StorageEvents,
  type StorageStats,
} from './engine.js';
import { GroupCommit } from './group-commit.js';
import { HotRows } from './hot-rows.js';
import { Journal } from './journal.js';
import { CHECKPOINT_LIMITS, type CheckpointLimits, JournaledTables } from './journaled-tables.js';
import {
  type Change,
  copyKey,
  logBounds,
  type RowSpace,
  readRowKey,
  rowBounds,
  rowKey,
} from './lmdb-layout.js';
import { type Found, loadAll } from './lmdb-load.js';
import { droppedMark, LmdbPlan } from './lmdb-plan.js';
import { LmdbTables, storageError } from './lmdb-tables.js';
import { recordsOf } from './partition-book.js';
import { decodeMark, decodeRow } from './row-codec.js';
import { isSound, SEAL_BYTES } from './sealed.js';
import {
  bootId,
  flushAll,
  identityChange,
  markUnflushed,
  nextIdentity,
  type StoreIdentity,
  setSpoiltAside,
} from './store-identity.js';
import { Sweeper } from './sweeper.js';

/** How a store is opened. */
export interface LmdbOptions {
  /** Made if it is not there. */
  readonly directory: string;
  /** A store of another cluster is refused. */
  readonly clusterId: string;
  readonly durability: Durability;
  readonly events: StorageEvents;
  /** The store calls itself full when its file is larger, in bytes; left out: when the disk is. */
  readonly limitBytes?: number;
  /** A flush of the journal, or of one transaction, that takes longer counts as failed; 10,000 ms if left out. */
  readonly flushLimitMs?: number;
  /** Names the running of the machine; left out: the system's own. */
  readonly bootId?: string;
  /** Left out: CHECKPOINT_LIMITS. */
  readonly checkpoints?: CheckpointLimits;
  /** Memory for rows that are read again and again, in bytes; left out: HOT_BYTES. */
  readonly hotBytes?: number;
}

const FLUSH_LIMIT_MS = 10_000;

/**
 * Opens a store, or makes it, and raises `inc` durably. Rejects with StorageError, or with DamagedRecordError if
 * what concerns all partitions is damaged.
 */
export async function openLmdbEngine(options: LmdbOptions): Promise<StorageEngine> {
  const { directory, durability, clusterId } = options;
  const boot = options.bootId ?? bootId();
  let tables: LmdbTables | undefined;
  try {
    mkdirSync(directory, { recursive: true });
    setSpoiltAside(directory, boot);
    tables = LmdbTables.open(directory, durability);
    // Opening alone changes nothing that was stored before.
    if (durability === 'commit') markUnflushed(directory, boot);
    const identity = nextIdentity(tables, clusterId);
    const whole = await replay(tables, directory);
    const found = loadAll(tables, clusterId);
    // A damaged journal stays as it is, until the store is given up.
    const journal = whole ? Journal.open(directory, durability) : undefined;
    const position = journal === undefined ? [] : [positionChange({ id: journal.id, through: 0 })];
    await tables.commit([identityChange(identity), ...position]);
    if (durability === 'flush') flushAll(directory);
    return new LmdbEngine(tables, journal, identity, found, options);
  } catch (error) {
    await tables?.close();
    if (error instanceof DamagedRecordError) throw error;
    throw storageError(directory, error, 'unusable');
  }
}

class LmdbEngine implements StorageEngine {
  readonly storeId: StoreId;
  readonly inc: number;
  private found: Found | undefined;
  private failed = false;
  private readonly journaled: JournaledTables;
  private readonly plan: LmdbPlan;
  private readonly commits: GroupCommit;
  private readonly sweeper: Sweeper;
  private readonly spaces: Found['spaces'];
  private readonly hot: HotRows;

  constructor(
    private readonly tables: LmdbTables,
    private readonly journal: Journal | undefined,
    private readonly identity: StoreIdentity,
    found: Found,
    private readonly options: LmdbOptions,
  ) {
    this.storeId = identity.storeId;
    this.inc = identity.inc;
    this.found = found;
    this.spaces = found.spaces;
    this.hot = new HotRows(options.hotBytes);
    const failed = (error: unknown) => this.fail(error);
    const done = () => this.sweeper.sweep();
    const checkpoints = options.checkpoints ?? CHECKPOINT_LIMITS;
    this.journaled = new JournaledTables(tables, journal, checkpoints, { done, failed });
    this.plan = new LmdbPlan(found.books, found.spaces, tables.count('marks') > 0);
    const limitMs = options.flushLimitMs ?? FLUSH_LIMIT_MS;
    const flushes = () => this.journaled.flushes;
    this.commits = new GroupCommit((changes) => this.commit(changes), failed, limitMs, flushes);
    this.sweeper = new Sweeper(tables, failed);
    this.sweeper.sweep();
  }

  load(): LoadedImage {
    const { storeId, inc } = this;
    const { map, promised, partitions, ...found } =
      this.found ?? loadAll(this.journaled, this.options.clusterId);
    this.found = undefined;
    const journal: Damage = { partition: undefined, what: 'journal' };
    const damaged = this.journal === undefined ? [journal, ...found.damaged] : found.damaged;
    for (const damage of damaged) this.options.events.damaged(damage);
    return { storeId, inc, promised, map, partitions, damaged };
  }

  write(batch: StoreBatch, done: () => void): void {
    if (this.failed) return;
    this.found = undefined;
    this.commits.add(this.plan.plan(batch), done);
  }

  get(partition: number, copy: number, key: string, withValue = true): Row | Damaged | undefined {
    const space = this.spaces.of(partition, copy);
    if (space === undefined) return undefined;
    const hot = this.hot.get(space, key);
    if (hot !== undefined) return hot;
    const stored = rowKey(space, key);
    const record = this.journaled.get('rows', stored);
    if (record === undefined) return undefined;
    const row = this.row(stored, record, { partition, what: 'row', copy, key });
    if (row !== DAMAGED && withValue) this.hot.put(space, key, row);
    return row;
  }

  range(partition: number, copy: number, after: string | undefined, limit: RangeLimit): RowRange {
    const space = this.spaces.of(partition, copy);
    const rows: StoredRow[] = [];
    if (space === undefined) return { rows, more: false };
    let bytes = 0;
    for (const { key: stored, record } of this.journaled.range('rows', rowBounds(space, after))) {
      const key = readRowKey(stored);
      const found = { key, row: this.row(stored, record, { partition, what: 'row', copy, key }) };
      bytes += bytesOf(found);
      if (rows.length > 0 && (rows.length >= limit.rows || bytes > limit.bytes)) return { rows, more: true };
      rows.push(found);
    }
    return { rows, more: false };
  }

  keys(partition: number, copy: number, after: string | undefined, limit: number): KeyRange {
    const space = this.spaces.of(partition, copy);
    if (space === undefined) return { keys: [], next: undefined };
    const looked = [...this.journaled.keys('rows', rowBounds(space, after), limit)].map(readRowKey);
    const last = looked[looked.length - 1];
    const marks = new Map<string, number | undefined>();
    if (last !== undefined) {
      const [[start], [end]] = [rowBounds(space, after), rowBounds(space, last)];
      for (const { key, expiresAtMs } of this.marksIn(partition, copy, [start, end]))
        marks.set(key, expiresAtMs);
    }
    const keys: LiveKey[] = [];
    for (const key of looked) {
      const expiresAtMs = marks.get(key);
      if (expiresAtMs !== undefined || !marks.has(key)) keys.push({ key, expiresAtMs });
    }
    return { keys, next: looked.length < limit ? undefined : last };
  }

  marked(partition: number, copy: number): Iterable<RowMark> {
    const space = this.spaces.of(partition, copy);
    return space === undefined ? [] : this.marksIn(partition, copy, rowBounds(space));
  }

  stats(): StorageStats {
    return { keys: this.tables.count('rows'), bytes: this.tables.bytes };
  }

  async renew(partitions: readonly number[]): Promise<void> {
    await this.commits.idle();
    if (this.failed) throw new StorageError('failed-write', 'the store stopped writing before');
    await this.journaled.settle();
    const changes = [identityChange({ ...this.identity, storeId: randomToken() }), NO_JOURNAL];
    for (const partition of partitions) changes.push(...this.deletionOf(partition));
    await this.tables.commit(changes);
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await this.sweeper.stop();
    // What is done is in the journal: where it cannot be brought to the tables now, the next start does.
    if (!this.failed) await this.journaled.close().catch((error: unknown) => this.fail(error));
    // A failed transaction may hold LMDB's locks for ever; the process is about to end anyway.
    if (this.failed) return;
    await this.tables.close();
    if (this.options.durability === 'commit') flushAll(this.options.directory);
  }

  private async commit(changes: readonly Change[]): Promise<void> {
    await this.journaled.commit(changes);
    this.hot.changed(changes);
    const { limitBytes } = this.options;
    if (limitBytes !== undefined && changes.length > 0 && this.tables.bytes > limitBytes) {
      throw new StorageError('full', `the store is larger than its limit of ${limitBytes} bytes`);
    }
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    void this.sweeper.stop();
    this.options.events.failed(storageError(this.options.directory, error, 'failed-write'));
  }

  private row(stored: Buffer, record: Buffer, damage: Damage): Row | Damaged {
    if (isSound(stored, record)) return decodeRow(record, SEAL_BYTES);
    this.options.events.damaged(damage);
    return DAMAGED;
  }

  private *marksIn(
    partition: number,
    copy: number,
    bounds: readonly [Buffer, Buffer],
  ): Generator<RowMark, undefined> {
    for (const { key: stored, record } of this.journaled.range('marks', bounds)) {
      const key = readRowKey(stored);
      // Without its mark a row is kept for longer than it must be, no more: the row itself says what it is.
      if (isSound(stored, record)) yield decodeMark(key, record, SEAL_BYTES);
      else this.options.events.damaged({ partition, what: 'row', copy, key });
    }
  }

  private *deletionOf(partition: number): Iterable<Change> {
    yield* recordsOf(partition);
    for (const key of this.tables.keys('log', logBounds(partition))) {
      yield { table: 'log', key, record: undefined };
    }
    for (const [copy, space] of this.spaces.copies(partition)) {
      yield* this.dropped(partition, copy, space);
    }
  }

  private *dropped(partition: number, copy: number, space: RowSpace): Iterable<Change> {
    yield { table: 'meta', key: copyKey(partition, copy), record: undefined };
    yield droppedMark(space);
  }
}
