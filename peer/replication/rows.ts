/**
 * One copy of a partition's rows: the stored ones, and over them those whose batch is not known to be stored.
 *
 * Kept true: a read sees every row put before it, however slow the disk (W4: lmdb shows a put only after its
 * promise); the overlay is bounded by what the disk has not confirmed. Tombstones leave in the order of their
 * sequence numbers, once every member has them (section 8).
 */

import { Deadlines } from './deadlines.js';
import type { Row } from './entry.js';
import type { StateReader } from './machine.js';
import type { KeyedRow } from './messages.js';
import type { Outbox } from './outbox.js';

interface Pending {
  /** undefined: deleted. */
  readonly row: Row | undefined;
  readonly batch: number;
}

export class Rows {
  readonly deadlines = new Deadlines();
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

  /** Finds the tombstones and times to live of a stored copy; once, at a start. */
  loadMarks(): void {
    for (const { key, row } of this.reader.marked(this.partition, this.copy)) this.mark(key, row);
    this.sortTombstones();
  }

  /** Call after rows were put in another order than that of their sequence numbers. */
  sortTombstones(): void {
    this.tombstones.sort((a, b) => a.seq - b.seq);
  }

  /** The row of a key, a tombstone included. */
  get(key: string): Row | undefined {
    const pending = this.overlay.get(key);
    return pending === undefined ? this.reader.get(this.partition, this.copy, key) : pending.row;
  }

  /** Puts a row, into the open batch. */
  put(key: string, row: Row): void {
    this.change(key, row);
    this.mark(key, row);
  }

  /** Drops tombstones whose sequence number is `upTo` or lower. */
  dropTombstones(upTo: number): void {
    for (;;) {
      const oldest = this.tombstones[this.buried];
      if (oldest === undefined || oldest.seq > upTo) break;
      this.buried++;
      const row = this.get(oldest.key);
      if (row !== undefined && row.value === null && row.seq === oldest.seq)
        this.change(oldest.key, undefined);
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

  /** Up to `limit` rows above `after` in the order of `compareKeys`, as they are now; fewer only at the end. */
  range(after: string | undefined, limit: number): readonly KeyedRow[] {
    const stored = this.reader.range(this.partition, this.copy, after, limit);
    const end = stored.length < limit ? undefined : stored[stored.length - 1]?.key;
    const rows = stored.filter(({ key }) => !this.overlay.has(key));
    for (const [key, { row }] of this.overlay) {
      if (row === undefined || (after !== undefined && compareKeys(key, after) <= 0)) continue;
      if (end === undefined || compareKeys(key, end) <= 0) rows.push({ key, row });
    }
    rows.sort((a, b) => compareKeys(a.key, b.key));
    // What was deleted in the overlay leaves a hole; the rest of the range is asked for until it is full.
    if (rows.length < limit && end !== undefined) return [...rows, ...this.range(end, limit - rows.length)];
    return rows.length > limit ? rows.slice(0, limit) : rows;
  }

  private change(key: string, row: Row | undefined): void {
    const batch = this.out.add({ type: 'row', partition: this.partition, copy: this.copy, key, row });
    this.overlay.set(key, { row, batch });
    this.order.push({ batch, key });
    this.out.overlaid.add(this);
  }

  private mark(key: string, row: Row): void {
    if (row.value === null) this.tombstones.push({ key, seq: row.seq });
    else if (row.expiresAtMs !== undefined) this.deadlines.push({ atMs: row.expiresAtMs, key, seq: row.seq });
  }
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
