/**
 * LMDB's tables with the journal before them: a commit is one record of the journal, and the tables follow behind.
 *
 * Kept true: a commit that resolved is seen by every read after it. The tables are given the same changes in far fewer
 * transactions (a checkpoint), when there are enough of them or after a while; what they lack is in memory, and
 * bounded: when a checkpoint is slower than the commits, these wait for it. A file of the journal is used again
 * only after a checkpoint of all that it holds.
 */

import { NO_JOURNAL, positionChange, writeAll } from './checkpoint.js';
import { StorageError } from './engine.js';
import type { Journal } from './journal.js';
import type { Change, Table } from './lmdb-layout.js';
import type { LmdbTables, Stored, TableReader } from './lmdb-tables.js';
import { keyOf, type Named, nameOf, Overlay } from './overlay.js';

/** When a checkpoint begins. With twice as much waiting behind one that is running, commits wait. */
export interface CheckpointLimits {
  /** Keys that were changed. */
  readonly changes: number;
  /** Memory that the changes take. */
  readonly bytes: number;
  /** The file of the journal. */
  readonly journalBytes: number;
  /** After the first change. */
  readonly afterMs: number;
}

export const CHECKPOINT_LIMITS: CheckpointLimits = {
  changes: 32_768,
  bytes: 16 * 1_048_576,
  journalBytes: 16 * 1_048_576,
  afterMs: 2_000,
};

/** Hears of checkpoints. */
export interface CheckpointEvents {
  /** The tables have what was committed before it began. */
  done(): void;
  /** It could not be written; nothing may be committed any more. */
  failed(error: unknown): void;
}

export class JournaledTables implements TableReader {
  private fresh = new Overlay();
  /** What a checkpoint is writing. */
  private settling = new Overlay();
  private checkpoint: Promise<void> | undefined;
  private appending = false;
  private due = false;
  /** Why nothing is written any more. */
  private failure: unknown;
  private timer: NodeJS.Timeout | undefined;
  private count = 0;

  /** `journal` undefined: the old one is damaged; nothing can be committed. */
  constructor(
    private readonly tables: LmdbTables,
    private readonly journal: Journal | undefined,
    private readonly limits: CheckpointLimits,
    private readonly events: CheckpointEvents,
  ) {}

  /** How many transactions of checkpoints ended so far: while this goes up, the disk goes on. */
  get flushes(): number {
    return this.count;
  }

  /** Makes changes durable together. Not before the last call resolved. Rejects with an error of the system or StorageError. */
  async commit(changes: readonly Change[]): Promise<void> {
    const { journal } = this;
    if (journal === undefined) throw new StorageError('unusable', 'the journal of the store is damaged');
    if (changes.length === 0) return;
    while (this.checkpoint !== undefined && this.measure(journal) >= 2) await this.checkpoint;
    this.mustBeSound();
    this.appending = true;
    await journal.append(changes);
    this.appending = false;
    this.mustBeSound();
    this.fresh.add(changes);
    this.timer ??= setTimeout(() => {
      this.due = true;
      this.checkpointIfDue(journal);
    }, this.limits.afterMs);
    // `close` brings over what is left: this alone keeps no process alive.
    this.timer.unref();
    this.checkpointIfDue(journal);
  }

  /** Resolves when the tables have everything. Call it when no commit is running. Rejects as commit does. */
  async settle(): Promise<void> {
    const { journal } = this;
    while (journal !== undefined && (this.checkpoint !== undefined || this.fresh.size > 0)) {
      this.due = true;
      this.checkpointIfDue(journal);
      await this.checkpoint;
      this.mustBeSound();
    }
  }

  /** Leaves nothing in the journal, and closes it. Call it when no commit is running. Rejects with StorageError. */
  async close(): Promise<void> {
    await this.settle();
    clearTimeout(this.timer);
    if (this.journal === undefined) return;
    await this.tables.commit([NO_JOURNAL]);
    await this.journal.close();
  }

  get(table: Table, key: Buffer): Buffer | undefined {
    if (this.fresh.size + this.settling.size > 0) {
      const name = nameOf(key);
      const newer = this.fresh.get(table, name);
      const record = newer === undefined ? this.settling.get(table, name) : newer;
      if (record !== undefined) return record ?? undefined;
    }
    return this.tables.get(table, key);
  }

  *range(table: Table, bounds: readonly [Buffer, Buffer]): Iterable<Stored> {
    if (this.fresh.size + this.settling.size === 0) {
      yield* this.tables.range(table, bounds);
      return;
    }
    for (const { name, record } of this.merged(table, bounds, named(this.tables.range(table, bounds)))) {
      if (record !== null) yield { key: keyOf(name), record };
    }
  }

  *keys(table: Table, bounds: readonly [Buffer, Buffer], limit = Number.POSITIVE_INFINITY): Iterable<Buffer> {
    if (this.fresh.size + this.settling.size === 0) {
      yield* this.tables.keys(table, bounds, Number.isFinite(limit) ? limit : undefined);
      return;
    }
    let left = limit;
    for (const { name, record } of this.merged(table, bounds, namedKeys(this.tables.keys(table, bounds)))) {
      if (record === null) continue;
      yield keyOf(name);
      if (--left === 0) return;
    }
  }

  /** Deletions included. */
  private merged(
    table: Table,
    [start, end]: readonly [Buffer, Buffer],
    stored: Iterable<Named>,
  ): Iterable<Named> {
    const [first, last] = [nameOf(start), nameOf(end)];
    const older = overlaid(this.settling.range(table, first, last), stored);
    return overlaid(this.fresh.range(table, first, last), older);
  }

  /** How many times over the limits it is. */
  private measure(journal: Journal): number {
    const { changes, bytes, journalBytes } = this.limits;
    return Math.max(this.fresh.size / changes, this.fresh.bytes / bytes, journal.bytes / journalBytes);
  }

  private checkpointIfDue(journal: Journal): void {
    if (this.checkpoint !== undefined || this.failure !== undefined) return;
    if (this.appending || this.fresh.size === 0) return;
    if (this.due || this.measure(journal) >= 1) this.checkpoint = this.begin(journal);
  }

  private async begin(journal: Journal): Promise<void> {
    this.due = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    [this.settling, this.fresh] = [this.fresh, this.settling];
    try {
      const { id, through } = journal;
      journal.turn();
      // Those who wait for the commit go first.
      await new Promise((resolve) => setImmediate(resolve));
      await writeAll(this.tables, this.settling, positionChange({ id, through }), () => this.count++);
      this.settling = new Overlay();
    } catch (error) {
      this.failure = error;
      this.events.failed(error);
      return;
    } finally {
      this.checkpoint = undefined;
    }
    this.events.done();
    this.checkpointIfDue(journal);
  }

  private mustBeSound(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

/** Both in the order of the names, the newer one's where they share one. */
function* overlaid(newer: Iterable<Named>, older: Iterable<Named>): Iterable<Named> {
  const above = newer[Symbol.iterator]();
  let top = above.next();
  for (const below of older) {
    while (!top.done && top.value.name < below.name) {
      yield top.value;
      top = above.next();
    }
    if (!top.done && top.value.name === below.name) continue;
    yield below;
  }
  while (!top.done) {
    yield top.value;
    top = above.next();
  }
}

function* named(stored: Iterable<Stored>): Iterable<Named> {
  for (const { key, record } of stored) yield { name: nameOf(key), record };
}

/** Keys alone, as if with a record. */
function* namedKeys(keys: Iterable<Buffer>): Iterable<Named> {
  for (const key of keys) yield { name: nameOf(key), record: key };
}
