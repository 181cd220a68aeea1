/**
 * One copy of a partition's rows: the stored ones, and over them those whose batch is not known to be stored.
 * `find` and `range` say of a damaged row that it is one; a put of its key mends it.
 *
 * Kept true: a read sees every row put before it, however slow the disk (W4: lmdb shows a put only after its
 * promise); the overlay is bounded by what the disk has not confirmed. Tombstones leave in the order of their
 * sequence numbers, once every member has them (section 8).
 */

import { compareBytes } from '../../common/byte-order.js';
import { Deadlines } from './deadlines.js';
import type { Row } from './entry.js';
import {
  bytesOf,
  DAMAGED,
  type Damaged,
  type KeyRange,
  type LiveKey,
  markOf,
  type RangeLimit,
  type RowMark,
  type RowRange,
  type StateReader,
  type StoredRow,
} from './machine.js';
import type { Outbox } from './outbox.js';

/** What a batch does to a key. */
interface Pending {
  readonly key: string;
  /** undefined: deleted. */
  readonly row: Row | undefined;
  readonly batch: number;
}

/** Keys of damaged rows that are remembered; others are found again when they are read. */
const MAX_DAMAGED_KEYS = 1_024;

/** What is known of a damaged row. */
export interface Damage {
  /** No write of the key after this position was applied: then it would not be damaged any more. */
  readonly since: number;
  /** Another member, as of this position, has nothing of the key. */
  absentAt: number | undefined;
}

export class Rows {
  private readonly deadlines = new Deadlines();
  /** Damaged rows that were found and are not mended. */
  readonly damaged = new Map<string, Damage>();
  private readonly overlay = new Map<string, Pending>();
  /** In the order of their batches; `settled` of them are done with. */
  private order: (Pending | undefined)[] = [];
  private settled = 0;
  /** Keys that were deleted once, whose tombstone was to be dropped and could not be read. */
  private readonly unreadable = new Set<string>();
  private tombstones: { readonly key: string; readonly seq: number }[] = [];
  private buried = 0;

  constructor(
    private readonly reader: StateReader,
    private readonly out: Outbox,
    readonly partition: number,
    readonly copy: number,
  ) {}

  /** Finds the tombstones and times to live of a stored copy; once, at a start. */
  loadMarks(): void {
    for (const mark of this.reader.marked(this.partition, this.copy)) this.note(mark);
    this.sortTombstones();
  }

  /** A key whose time to live may be over at `nowMs`, each once; undefined: there are no more. */
  takeExpired(nowMs: number): string | undefined {
    const { deadlines } = this;
    if (deadlines.first() === undefined && deadlines.horizonMs <= nowMs) this.findDeadlines();
    const first = deadlines.first();
    if (first === undefined || first.atMs > nowMs) return undefined;
    deadlines.pop();
    return first.key;
  }

  /** The row is to be looked at again when its time to live is over. */
  expireAgain(key: string, row: Row): void {
    if (row.expiresAtMs !== undefined) this.deadlines.push({ atMs: row.expiresAtMs, key });
  }

  /** The row of this key is damaged; these rows show the log up to `com`. */
  noteDamage(key: string, com: number): void {
    if (this.damaged.has(key) || this.damaged.size >= MAX_DAMAGED_KEYS) return;
    this.damaged.set(key, { since: com, absentAt: undefined });
  }

  /** Call after rows were put in another order than that of their sequence numbers. */
  sortTombstones(): void {
    this.tombstones = this.tombstones.slice(this.buried).sort((a, b) => a.seq - b.seq);
    this.buried = 0;
  }

  /** The row of a key, a tombstone included; without `withValue` as a StateReader's `get`. */
  find(key: string, withValue = true): Row | Damaged | undefined {
    const pending = this.overlay.size === 0 ? undefined : this.overlay.get(key);
    return pending === undefined ? this.reader.get(this.partition, this.copy, key, withValue) : pending.row;
  }

  /** Puts a row, into the open batch. */
  put(key: string, row: Row): void {
    this.change(key, row);
    this.note(markOf(key, row));
  }

  /** Puts what another member has in the place of a damaged row; undefined: nothing. */
  mend(key: string, row: Row | undefined): void {
    this.change(key, row);
    if (row === undefined) return;
    this.note(markOf(key, row));
    this.sortTombstones();
  }

  /** Whether the key is known to have been deleted here, and perhaps put again. */
  wasDeleted(key: string): boolean {
    return this.unreadable.has(key) || this.tombstones.some((tombstone) => tombstone.key === key);
  }

  /** Drops tombstones whose sequence number is `upTo` or lower. */
  dropTombstones(upTo: number): void {
    for (;;) {
      const oldest = this.tombstones[this.buried];
      if (oldest === undefined || oldest.seq > upTo) break;
      this.buried++;
      const row = this.find(oldest.key, false);
      if (row === DAMAGED) this.unreadable.add(oldest.key);
      if (row === undefined || row === DAMAGED) continue;
      if (row.value === null && row.seq === oldest.seq) this.change(oldest.key, undefined);
    }
    if (this.buried > 64 && this.buried * 2 > this.tombstones.length) {
      this.tombstones = this.tombstones.slice(this.buried);
      this.buried = 0;
    }
  }

  /** Every batch up to `through` is stored. Returns whether rows of later ones remain. */
  stored(through: number): boolean {
    for (;;) {
      const next = this.order[this.settled];
      if (next === undefined || next.batch > through) break;
      // Nothing holds on to its row.
      this.order[this.settled++] = undefined;
      if (this.overlay.get(next.key) === next) this.overlay.delete(next.key);
    }
    if (this.settled > 64 && this.settled * 2 > this.order.length) {
      this.order = this.order.slice(this.settled);
      this.settled = 0;
    }
    return this.settled < this.order.length;
  }

  /** Rows above `after` (undefined: from the first), as they are now. */
  range(after: string | undefined, limit: RangeLimit): RowRange {
    const stored = this.reader.range(this.partition, this.copy, after, limit);
    const end = stored.more ? stored.rows[stored.rows.length - 1]?.key : undefined;
    const rows = stored.rows.filter(({ key }) => !this.overlay.has(key));
    for (const [key, row] of this.overlaid(after, end)) if (row !== undefined) rows.push({ key, row });
    // Everything that is stored there was deleted in the overlay.
    if (rows.length === 0 && end !== undefined) return this.range(end, limit);
    rows.sort((a, b) => compareBytes(a.key, b.key));
    const fitting = countWithin(rows, limit);
    return { rows: rows.slice(0, fitting), more: stored.more || fitting < rows.length };
  }

  /** Keys that have a value, as they are now; looks at up to `limit` stored ones. */
  keys(after: string | undefined, limit: number): KeyRange {
    const { keys: stored, next } = this.reader.keys(this.partition, this.copy, after, limit);
    const keys: LiveKey[] = stored.filter(({ key }) => !this.overlay.has(key));
    for (const [key, row] of this.overlaid(after, next)) {
      if (row?.value != null) keys.push({ key, expiresAtMs: row.expiresAtMs });
    }
    keys.sort((a, b) => compareBytes(a.key, b.key));
    return { keys, next };
  }

  /** What the overlay says of keys above `after` up to `end`, in no order. */
  private *overlaid(after: string | undefined, end: string | undefined): Iterable<[string, Row | undefined]> {
    for (const [key, { row }] of this.overlay) {
      if (after !== undefined && compareBytes(key, after) <= 0) continue;
      if (end === undefined || compareBytes(key, end) <= 0) yield [key, row];
    }
  }

  private change(key: string, row: Row | undefined): void {
    const batch = this.out.add({ type: 'row', partition: this.partition, copy: this.copy, key, row });
    const pending = { key, row, batch };
    this.overlay.set(key, pending);
    if (this.damaged.size > 0) this.damaged.delete(key);
    if (this.unreadable.size > 0) this.unreadable.delete(key);
    if (this.order.length === this.settled) this.out.overlaid.add(this);
    this.order.push(pending);
  }

  private note(mark: RowMark | undefined): void {
    if (mark === undefined) return;
    const { key, seq, expiresAtMs: atMs } = mark;
    if (atMs === undefined) this.tombstones.push({ key, seq });
    else this.deadlines.push({ atMs, key });
  }

  /** What lay beyond the horizon: in the store, and what that does not show yet. */
  private findDeadlines(): void {
    const { deadlines, reader, partition, copy } = this;
    deadlines.horizonMs = Number.POSITIVE_INFINITY;
    for (const { key, expiresAtMs: atMs } of reader.marked(partition, copy)) {
      if (atMs !== undefined && !this.overlay.has(key)) deadlines.push({ atMs, key });
    }
    for (const [key, { row }] of this.overlay) if (row?.value != null) this.expireAgain(key, row);
  }
}

/** How many of these rows are within the limit; the first always is. */
function countWithin(rows: readonly StoredRow[], limit: RangeLimit): number {
  let count = 0;
  let bytes = 0;
  for (const row of rows) {
    bytes += bytesOf(row);
    if (count > 0 && (count >= limit.rows || bytes > limit.bytes)) break;
    count++;
  }
  return count;
}
