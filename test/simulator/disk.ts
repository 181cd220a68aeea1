/**
 * A simulated disk: batches become durable in order, some milliseconds after they were written, all that waited in one
 * flush (as LMDB commits them). A batch is atomic. At a crash any prefix of what was not flushed yet may have made it.
 */
import type { Process } from './process.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

interface Pending<Batch> {
  readonly batch: Batch;
  readonly done: () => void;
}

export interface DiskEvents<Batch> {
  /** A batch is durable from now on: put it into the image that a restart will find. */
  persist(batch: Batch): void;
  /** A flush failed, or a crash was ordered at this very point: the process must die now. */
  die(reason: 'failed-flush' | 'crash-point'): void;
}

export class Disk<Batch> {
  /** Extra time of each flush. */
  slowMs = 0;
  /** The next flush fails. */
  failNext = false;
  /** The process dies right after so many more batches are durable, before it hears of the last; 0: never. */
  crashAfterBatches = 0;
  flushes = 0;
  /** It hangs: no flush comes back, and the process knows nothing but that. */
  hangs = false;
  /** A flush would have come back meanwhile. */
  private due = false;
  private pending: Pending<Batch>[] = [];
  private flushing = 0;

  constructor(
    private readonly schedule: Schedule,
    private readonly random: Random,
    private readonly process: Process,
    private readonly events: DiskEvents<Batch>,
  ) {}

  /** Writes a batch; `done` runs in the process once it is durable. */
  write(batch: Batch, done: () => void): void {
    this.pending.push({ batch, done });
    if (this.flushing === 0) this.flush();
  }

  /** The process died: decides which of the unflushed batches survive. Returns how many were lost. */
  crash(): number {
    const { pending } = this;
    const kept = this.random.integer(0, pending.length);
    for (let i = 0; i < kept; i += 1) this.events.persist((pending[i] as Pending<Batch>).batch);
    this.pending = [];
    this.flushing = 0;
    this.crashAfterBatches = 0;
    this.failNext = false;
    this.hangs = false;
    this.due = false;
    return pending.length - kept;
  }

  /** No more trouble. */
  heal(): void {
    this.slowMs = 0;
    this.failNext = false;
    this.crashAfterBatches = 0;
    this.goOn();
  }

  /** From now on no flush comes back. */
  hang(): void {
    this.hangs = true;
  }

  /** Hangs no more. */
  goOn(): void {
    this.hangs = false;
    if (!this.due) return;
    this.due = false;
    this.flushed();
  }

  private flush(): void {
    this.flushing = this.pending.length;
    const { random } = this;
    const base = random.chance(0.03) ? random.integer(20, 150) : 1 + random.next() * 5;
    const life = this.process.life;
    this.schedule.after(base + (this.slowMs === 0 ? 0 : random.next() * this.slowMs), () => {
      if (life !== this.process.life) return;
      if (this.hangs) this.due = true;
      else this.flushed();
    });
  }

  private flushed(): void {
    if (this.failNext) {
      this.events.die('failed-flush');
      return;
    }
    const finished = this.pending.splice(0, this.flushing);
    this.flushes += 1;
    for (const [i, { batch }] of finished.entries()) {
      this.events.persist(batch);
      if (this.crashAfterBatches > 0) {
        this.crashAfterBatches -= 1;
        if (this.crashAfterBatches === 0) {
          this.pending = [...finished.slice(i + 1), ...this.pending];
          this.events.die('crash-point');
          return;
        }
      }
    }
    this.flushing = 0;
    if (this.pending.length > 0) this.flush();
    this.process.run(() => {
      for (const { done } of finished) done();
    });
  }
}
