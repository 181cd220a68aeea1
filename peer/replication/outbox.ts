/**
 * Gathers what the steps of one turn want done.
 *
 * Kept true: batches are numbered 1, 2, … and become durable in that order, so "everything until now is durable"
 * is one number. A message that speaks of what is stored carries that number and leaves after it (W3, section 9).
 * Changes that nobody waits for (com, rows, trims) may lie in the open batch for a while: they follow from the log.
 */

import type {
  Effects,
  PartitionMarks,
  ReplyEffect,
  ReportEffect,
  SendEffect,
  StoreBatch,
  StoreOp,
} from './machine.js';

/** Something whose rows wait for a batch to be stored. */
export interface Overlaid {
  stored(through: number): boolean;
}

/** Something whose marks go into the batch that is open. */
export interface Marked {
  readonly number: number;
  marks(): PartitionMarks;
}

const NOTHING: readonly never[] = [];

export class Outbox {
  sends: SendEffect[] = [];
  reports: ReportEffect[] = [];
  replies: ReplyEffect[] = [];
  /** Rows with an overlay: told when a batch is stored. */
  readonly overlaid = new Set<Overlaid>();
  /** Every batch up to here is stored. */
  durable = 0;
  private ops: StoreOp[] = [];
  private readonly marked = new Set<Marked>();
  private open = 1;
  private awaited = false;
  private openedAtMs = 0;

  constructor(
    private readonly lazyMs: number,
    private readonly lazyOps: number,
  ) {}

  /** Adds a change to the open batch and says which number that has. Nobody waits for it. */
  add(op: StoreOp): number {
    this.ops.push(op);
    return this.open;
  }

  /** The marks of a partition changed: they go into the open batch, once, as they then are. */
  mark(partition: Marked): void {
    this.marked.add(partition);
  }

  /** The partition is deleted: it has no marks. */
  unmark(partition: Marked): void {
    this.marked.delete(partition);
  }

  /** The batch after which everything until now is durable; the open batch is then stored with this turn. */
  barrier(): number {
    if (this.ops.length === 0 && this.marked.size === 0) return this.open - 1;
    this.awaited = true;
    return this.open;
  }

  /** What is to be sent and answered, which is then out of the box. */
  empty(): Pick<Effects, 'sends' | 'reports' | 'replies'> {
    const { sends, reports, replies } = this;
    if (sends.length > 0) this.sends = [];
    if (reports.length > 0) this.reports = [];
    if (replies.length > 0) this.replies = [];
    return {
      sends: sends.length > 0 ? sends : NOTHING,
      reports: reports.length > 0 ? reports : NOTHING,
      replies: replies.length > 0 ? replies : NOTHING,
    };
  }

  /** A batch was stored. */
  stored(through: number): void {
    this.durable = through;
    for (const rows of this.overlaid) if (!rows.stored(through)) this.overlaid.delete(rows);
  }

  /** Closes the open batch if somebody waits for it, or it is full or old. */
  close(nowMs: number): StoreBatch | undefined {
    if (this.ops.length === 0 && this.marked.size === 0) {
      this.openedAtMs = nowMs;
      return undefined;
    }
    const due = this.awaited || this.ops.length >= this.lazyOps || nowMs - this.openedAtMs >= this.lazyMs;
    if (!due) return undefined;
    for (const partition of this.marked) {
      this.ops.push({ type: 'marks', partition: partition.number, marks: partition.marks() });
    }
    this.marked.clear();
    const batch = { number: this.open++, ops: this.ops };
    this.ops = [];
    this.awaited = false;
    this.openedAtMs = nowMs;
    return batch;
  }
}
