/**
 * One copy of a partition's rows: the stored ones, and over them those whose batch is not known to be stored.
 * `find` and `range` say of a damaged row that it is one; a put of its key mends it.
 *
 * Kept true: a read sees every row put before it, however slow the disk (W4: lmdb shows a put only after its
 * promise); the overlay is bounded by what the disk has not confirmed. Tombstones leave in the order of their
 * sequence numbers, once every member has them (section 8).
 */

import { Deadlines } from './deadlines.js';
import type { Row } from './entry.js';
import {
  bytesOf,
  DAMAGED,
  type Damaged,
  type KeyRange,
  type LiveKey,
  type RangeLimit,
  type RowRange,
  type StateReader,
  type StoredRow,
} from './machine.js';
import type { Outbox } from './outbox.js';

interface Pending {
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
  readonly deadlines = new Deadlines();
  /** Damaged rows that were found and are not mended. */
  readonly damaged = new Map<string, Damage>();
  private readonly overlay = new Map<string, Pending>();
  /** Batches in order, with the keys that they put; `settled` of them are done with. */
  private order: { readonly batch: number; readonly key: string }[] = [];
  private settled = 0;
  private tombstones: { readonly key: string; readonly seq: number }[] = [];
  private buried = 0;

  constructor(
    private readonly reader: StateReader,
    private readonly out: Outbox,
    readonly partition: number,
    readonly copy: number,
  ) {}

  /** Finds the tombstones and times to live of a stored copy, which shows the log up to `com`; once, at a start. */
  loadMarks(com: number): void {
    for (const { key, row } of this.reader.marked(this.partition, this.copy)) {
      if (row === DAMAGED) this.noteDamage(key, com);
      else this.mark(key, row);
    }
    this.sortTombstones();
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

  /** The row of a key, a tombstone included. */
  find(key: string): Row | Damaged | undefined {
    const pending = this.overlay.get(key);
    return pending === undefined ? this.reader.get(this.partition, this.copy, key) : pending.row;
  }

  /** Puts a row, into the open batch. */
  put(key: string, row: Row): void {
    this.change(key, row);
    this.mark(key, row);
  }

  /** Puts what another member has in the place of a damaged row; undefined: nothing. */
  mend(key: string, row: Row | undefined): void {
    this.change(key, row);
    if (row === undefined) return;
    this.mark(key, row);
    this.sortTombstones();
  }

  /** Drops tombstones whose sequence number is `upTo` or lower. */
  dropTombstones(upTo: number): void {
    for (;;) {
      const oldest = this.tombstones[this.buried];
      if (oldest === undefined || oldest.seq > upTo) break;
      this.buried++;
      const row = this.find(oldest.key);
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
      this.settled++;
      const pending = this.overlay.get(next.key);
      if (pending !== undefined && pending.batch <= through) this.overlay.delete(next.key);
    }
    if (this.settled > 64 && this.settled * 2 > this.order.length) {
      this.order = this.order.slice(this.settled);
      this.settled = 0;
    }
    return this.overlay.size > 0;
  }

  /** Rows above `after` (undefined: from the first), as they are now. */
  range(after: string | undefined, limit: RangeLimit): RowRange {
    const stored = this.reader.range(this.partition, this.copy, after, limit);
    const end = stored.more ? stored.rows[stored.rows.length - 1]?.key : undefined;
    const rows = stored.rows.filter(({ key }) => !this.overlay.has(key));
    for (const [key, row] of this.overlaid(after, end)) if (row !== undefined) rows.push({ key, row });
    // Everything that is stored there was deleted in the overlay.
    if (rows.length === 0 && end !== undefined) return this.range(end, limit);
    rows.sort((a, b) => compareKeys(a.key, b.key));
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
    keys.sort((a, b) => compareKeys(a.key, b.key));
    return { keys, next };
  }

  /** What the overlay says of keys above `after` up to `end`, in no order. */
  private *overlaid(after: string | undefined, end: string | undefined): Iterable<[string, Row | undefined]> {
    for (const [key, { row }] of this.overlay) {
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      if (end === undefined || compareKeys(key, end) <= 0) yield [key, row];
    }
  }

  private change(key: string, row: Row | undefined): void {
    const batch = this.out.add({ type: 'row', partition: this.partition, copy: this.copy, key, row });
    this.overlay.set(key, { row, batch });
    if (this.damaged.size > 0) this.damaged.delete(key);
    this.order.push({ batch, key });
    this.out.overlaid.add(this);
  }

  private mark(key: string, row: Row): void {
    if (row.value === null) this.tombstones.push({ key, seq: row.seq });
    else if (row.expiresAtMs !== undefined) this.deadlines.push({ atMs: row.expiresAtMs, key, seq: row.seq });
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

/** Orders keys by their UTF-8 bytes, as storage engines do; JavaScript's own order differs above U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all other code units, so they rank behind U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
