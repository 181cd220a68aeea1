/**
 * Turns the operations of a batch into changes of LMDB's tables.
 *
 * Kept true: what is held here is the state after all batches handed in so far, durable or not; it is asked nothing
 * of the disk, so planning never waits. A copy of rows gets a row space when its first row comes, and gives it up
 * with `drop-copy`; the rows of a space that was given up are the sweeper's.
 */

import { serialize } from 'node:v8';
import { broken } from '../replication/invariant.js';
import { markOf, type PartitionStoreOp, type StoreBatch, type StoreOp } from '../replication/machine.js';
import { Sessions } from '../replication/sessions.js';
import {
  type Change,
  CLUSTER_MAP,
  copyKey,
  droppedKey,
  PROMISED,
  type RowSpace,
  rowKey,
} from './lmdb-layout.js';
import { emptyRecord, PartitionBook } from './partition-book.js';
import { encodeMark, encodeRow } from './row-codec.js';
import { SEAL_BYTES, seal, sealed } from './sealed.js';

type RowOp = Extract<StoreOp, { type: 'row' }>;

const MARK = Buffer.of(1);

/** The row spaces of all copies. */
export class RowSpaces {
  /** By partition, then by copy. */
  private readonly spaces: (Map<number, RowSpace> | undefined)[] = [];
  private next: RowSpace = 1;

  of(partition: number, copy: number): RowSpace | undefined {
    return this.spaces[partition]?.get(copy);
  }

  /** All copies of a partition. */
  copies(partition: number): ReadonlyMap<number, RowSpace> {
    return this.spaces[partition] ?? new Map();
  }

  set(partition: number, copy: number, space: RowSpace): void {
    const copies = this.spaces[partition];
    if (copies === undefined) this.spaces[partition] = new Map([[copy, space]]);
    else copies.set(copy, space);
    this.reserve(space);
  }

  /** This number is in use. */
  reserve(space: RowSpace): void {
    this.next = Math.max(this.next, space + 1);
  }

  take(): RowSpace {
    if (this.next >= 2 ** 32 - 1) broken('fewer than 2^32 copies since the last start', `${this.next}`);
    return this.next++;
  }

  delete(partition: number, copy: number): void {
    this.spaces[partition]?.delete(copy);
  }
}

export class LmdbPlan {
  /** `hasMarks`: the table of marks holds something. */
  constructor(
    private readonly books: Map<number, PartitionBook>,
    private readonly spaces: RowSpaces,
    private hasMarks: boolean,
  ) {}

  /** The changes of a batch; from here on it counts as written. */
  plan(batch: StoreBatch): readonly Change[] {
    const changes: Change[] = [];
    const touched = new Set<PartitionBook>();
    for (const op of batch.ops) {
      if (op.type === 'map') changes.push(meta(CLUSTER_MAP, serialize(op.map)));
      else if (op.type === 'promised') changes.push(meta(PROMISED, serialize(op.ver)));
      else if (op.type === 'forget') this.forget(op.partition, touched, changes);
      else {
        const book = this.book(op.partition);
        touched.add(book);
        this.planFor(book, op, changes);
      }
    }
    for (const book of touched) changes.push(book.record());
    return changes;
  }

  private forget(partition: number, touched: Set<PartitionBook>, changes: Change[]): void {
    const book = this.book(partition);
    touched.delete(book);
    this.books.delete(partition);
    book.forget(changes);
    for (const copy of [...this.spaces.copies(partition).keys()]) {
      this.dropCopy(partition, copy, changes);
    }
  }

  private planFor(book: PartitionBook, op: PartitionStoreOp, changes: Change[]): void {
    switch (op.type) {
      case 'append':
        book.append(op.entries, changes);
        return;
      case 'truncate':
        book.truncate(op.after, changes);
        return;
      case 'trim':
        book.trim(op, changes);
        return;
      case 'row':
        this.planRow(op, changes);
        return;
      case 'drop-copy':
        this.dropCopy(op.partition, op.copy, changes);
        return;
      case 'remember':
        book.remember(op.entry, changes);
        return;
      case 'sessions':
        book.replaceSessions(new Sessions(op.sessions), changes);
        return;
      case 'marks':
        book.marks = op.marks;
        return;
    }
  }

  private planRow(op: RowOp, changes: Change[]): void {
    const { partition, copy, row } = op;
    let space = this.spaces.of(partition, copy);
    if (space === undefined) {
      if (row === undefined) return;
      space = this.spaces.take();
      this.spaces.set(partition, copy, space);
      changes.push(meta(copyKey(partition, copy), serialize(space)));
    }
    const key = rowKey(space, op.key);
    const record = row === undefined ? undefined : seal(key, encodeRow(row, SEAL_BYTES));
    changes.push({ table: 'rows', key, record });
    const mark = row === undefined ? undefined : markOf(op.key, row);
    if (mark !== undefined) this.hasMarks = true;
    if (!this.hasMarks) return;
    const sealedMark = mark === undefined ? undefined : seal(key, encodeMark(mark, SEAL_BYTES));
    changes.push({ table: 'marks', key, record: sealedMark });
  }

  private dropCopy(partition: number, copy: number, changes: Change[]): void {
    const space = this.spaces.of(partition, copy);
    if (space === undefined) return;
    this.spaces.delete(partition, copy);
    changes.push({ table: 'meta', key: copyKey(partition, copy), record: undefined });
    changes.push(droppedMark(space));
  }

  private book(number: number): PartitionBook {
    let book = this.books.get(number);
    if (book === undefined) {
      book = new PartitionBook(number, emptyRecord(), new Sessions());
      this.books.set(number, book);
    }
    return book;
  }
}

/** A sealed record of the table `meta`. */
export function meta(key: Buffer, content: Uint8Array): Change {
  return { table: 'meta', key, record: sealed(key, content) };
}

/** Says that the rows of a space are to be deleted. */
export function droppedMark(space: RowSpace): Change {
  return { table: 'meta', key: droppedKey(space), record: MARK };
}
