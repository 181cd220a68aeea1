/**
 * Keys by the time at which they expire: a binary heap that may hold more than is true.
 *
 * Kept true: every row with a time to live that ends before `horizonMs` is in it. A row that was overwritten since stays
 * in until its old time comes, and is recognised then by its row. With too many of them the later half is let go, and
 * the horizon is drawn before it: what lies beyond is looked up in the store when its time has come. So memory does not
 * grow with the data.
 */

/** Deadlines kept for a partition; beyond it the later half is let go. */
const MAX_DEADLINES = 1_024;

/** A key whose value, if it is still the same, expires at `atMs` (wall clock). */
export interface Deadline {
  readonly atMs: number;
  readonly key: string;
}

export class Deadlines {
  /** Deadlines from here on may be missing. */
  horizonMs = Number.POSITIVE_INFINITY;
  private heap: Deadline[] = [];

  constructor(private readonly limit = MAX_DEADLINES) {}

  /** The earliest, if any. */
  first(): Deadline | undefined {
    return this.heap[0];
  }

  /** Adds one. */
  push(deadline: Deadline): void {
    if (deadline.atMs >= this.horizonMs) return;
    if (this.heap.length >= this.limit) this.letGo();
    if (deadline.atMs >= this.horizonMs) return;
    const heap = this.heap;
    let at = heap.push(deadline) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Deadline;
      if (parent.atMs <= deadline.atMs) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = deadline;
  }

  /** Removes the earliest. */
  pop(): void {
    const heap = this.heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.atMs < (heap[child] as Deadline).atMs) child++;
      const least = heap[child] as Deadline;
      if (least.atMs >= last.atMs) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }

  private letGo(): void {
    // In order it is a heap, too.
    const sorted = this.heap.sort((a, b) => a.atMs - b.atMs);
    const kept = this.limit >> 1;
    this.horizonMs = (sorted[kept] as Deadline).atMs;
    this.heap = sorted.slice(0, kept);
  }
}
