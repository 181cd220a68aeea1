/**
 * Deletes the rows of copies that were dropped, some at a time, between other writes.
 *
 * Kept true: a row space is swept only when the tables themselves say that nobody uses it. Then they have all rows that it
 * ever had, and nothing on its way to them adds any. That it is to be swept is forgotten in the same transaction
 * that finds it empty, so a crash forgets nothing.
 */

import { type Change, droppedKey, metaBounds, type RowSpace, rowBounds, type Table } from './lmdb-layout.js';
import type { LmdbTables } from './lmdb-tables.js';

/** Rows deleted in one transaction: about 1 ms of work for LMDB. */
const ROWS_AT_ONCE = 256;

export class Sweeper {
  private waiting: RowSpace[] = [];
  private sweeping: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly tables: LmdbTables,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Sweeps what is to be swept by now. Call it when no checkpoint is half done. */
  sweep(): void {
    if (this.stopped) return;
    this.waiting = [...this.tables.keys('meta', metaBounds('dropped'))].map((key) => key.readUInt32BE(1));
    if (this.waiting.length > 0) this.sweeping ??= this.run();
  }

  /** Sweeps no more; the next start goes on. Resolves when nothing is being deleted. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.sweeping;
  }

  private async run(): Promise<void> {
    try {
      for (let space = this.waiting.shift(); space !== undefined; space = this.waiting.shift()) {
        while (!this.stopped && (await this.sweepSome(space)));
      }
    } catch (error) {
      this.failed(error);
    }
    this.sweeping = undefined;
  }

  /** Returns whether there is more. */
  private async sweepSome(space: RowSpace): Promise<boolean> {
    const changes = [...this.deletions('rows', space), ...this.deletions('marks', space)];
    if (changes.length === 0) {
      await this.tables.commit([{ table: 'meta', key: droppedKey(space), record: undefined }]);
      return false;
    }
    await this.tables.commit(changes);
    // Other work comes between two transactions.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  private *deletions(table: Table, space: RowSpace): Iterable<Change> {
    for (const key of this.tables.keys(table, rowBounds(space), ROWS_AT_ONCE)) {
      yield { table, key, record: undefined };
    }
  }
}
