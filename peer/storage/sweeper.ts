/**
 * Deletes the rows of copies that were dropped, some at a time, between other writes.
 *
 * Kept true: a row space is swept only after it is durable that nobody uses it, so that its rows can only get fewer.
 * That it is to be swept is forgotten in the same transaction that finds it empty, so a crash forgets nothing.
 */

import type { GroupCommit } from './group-commit.js';
import { type Change, droppedKey, type RowSpace, rowBounds, type Table } from './lmdb-layout.js';
import type { LmdbTables } from './lmdb-tables.js';

/** Rows deleted in one batch: about 1 ms of work for LMDB. */
const ROWS_AT_ONCE = 256;

export class Sweeper {
  private spaces: RowSpace[] = [];
  private sweeping = false;
  private stopped = false;

  constructor(
    private readonly tables: LmdbTables,
    private readonly commits: GroupCommit,
  ) {}

  /** Nobody uses these spaces any more, and that is durable. */
  add(spaces: readonly RowSpace[]): void {
    if (spaces.length === 0 || this.stopped) return;
    this.spaces.push(...spaces);
    if (!this.sweeping) this.next();
  }

  /** Sweeps no more; the next start goes on. */
  stop(): void {
    this.stopped = true;
  }

  private next(): void {
    const space = this.spaces[0];
    this.sweeping = space !== undefined && !this.stopped;
    if (space === undefined || this.stopped) return;
    const changes = [...this.deletions('rows', space), ...this.deletions('marks', space)];
    if (changes.length === 0) {
      this.spaces.shift();
      changes.push({ table: 'meta', key: droppedKey(space), record: undefined });
    }
    // Other work comes between two batches.
    this.commits.add(changes, () => setImmediate(() => this.next()));
  }

  private *deletions(table: Table, space: RowSpace): Iterable<Change> {
    for (const key of this.tables.keys(table, rowBounds(space), ROWS_AT_ONCE)) {
      yield { table, key, record: undefined };
    }
  }
}
