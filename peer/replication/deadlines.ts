/**
 * Keys by the time at which they expire: a binary heap that may hold more than is true.
 *
 * Kept true: every row with a time to live is in it. A row that was overwritten since stays in until its old
 * time comes, and is recognised then by its sequence number.
 */

/** A key whose value, if still that of `seq`, expires at `atMs` (wall clock). */
export interface Deadline {
  readonly atMs: number;
  readonly key: string;
  readonly seq: number;
}

export class Deadlines {
  private readonly heap: Deadline[] = [];

  /** The earliest, if any. */
  first(): Deadline | undefined {
    return this.heap[0];
  }

  /** Adds one. */
  push(deadline: Deadline): void {
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
}
