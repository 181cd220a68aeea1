/**
 * Lets batches share a flush: those that come while one is running go together into the next.
 *
 * Kept true: groups are written one after another and batches are done in the order in which they came. After a
 * failure nothing is written and nothing called done. A batch waits for at most the group that is running and those
 * before it in the queue; a group has a limit in bytes and changes, and each flush that it needs one in time (then it
 * counts as failed): a disk that is slow, but goes on, is none that stands still. The queue itself is bounded by what the core allows to be uncommitted (W6).
 */

import { StorageError } from './engine.js';
import type { Change } from './lmdb-layout.js';

/** A group ends when it has this much; a single batch may have more. */
const MAX_GROUP_BYTES = 8 * 1_048_576;
const MAX_GROUP_CHANGES = 16_384;

/** The limit in time is counted in so many steps: while the process is stopped it is at most one that ends, not the limit. */
const LIMIT_STEPS = 20;

interface Waiting {
  readonly changes: readonly Change[];
  readonly done: () => void;
}

export class GroupCommit {
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private broken = false;

  /**
   * `commit` makes changes durable together, in order; `failed` is called once. A commit may take `limitMs`, and as much
   * again after each flush that it waits for, which `flushes` counts.
   */
  constructor(
    private readonly commit: (changes: readonly Change[]) => Promise<void>,
    private readonly failed: (error: unknown) => void,
    private readonly limitMs: number,
    private readonly flushes: () => number = () => 0,
  ) {}

  /** Writes changes together; `done` is called when they are durable, never within this call. */
  add(changes: readonly Change[], done: () => void): void {
    if (this.broken) return;
    this.waiting.push({ changes, done });
    this.running ??= this.run();
  }

  /** Resolves when nothing is being written any more, well or not. */
  async idle(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0 && !this.broken) {
      const group = this.takeGroup();
      const changes = group.length === 1 && group[0] ? group[0].changes : group.flatMap((one) => one.changes);
      try {
        await this.inTime(this.commit(changes));
      } catch (error) {
        this.broken = true;
        this.waiting = [];
        this.failed(error);
        break;
      }
      for (const { done } of group) done();
    }
    this.running = undefined;
  }

  private takeGroup(): Waiting[] {
    let bytes = 0;
    let changes = 0;
    let count = 0;
    for (const batch of this.waiting) {
      for (const { record } of batch.changes) bytes += record?.length ?? 0;
      changes += batch.changes.length;
      if (count > 0 && (bytes > MAX_GROUP_BYTES || changes > MAX_GROUP_CHANGES)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private inTime(commit: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = LIMIT_STEPS;
      let before = this.flushes();
      const timer = setInterval(() => {
        const flushes = this.flushes();
        left = flushes === before ? left - 1 : LIMIT_STEPS;
        before = flushes;
        if (left > 0) return;
        clearInterval(timer);
        reject(new StorageError('stalled', `a flush took longer than ${this.limitMs} ms`));
      }, this.limitMs / LIMIT_STEPS);
      commit.then(resolve, reject).finally(() => clearInterval(timer));
    });
  }
}
