/**
 * One timer for any number of deadlines: it rings at the earliest, and whoever is due is found by looking.
 * A timer for each call would cost more than the call.
 */
import type { Clock } from '../../common/clock.js';

/** Deadlines closer together than this share a ring, so that looking stays rare; they are met this much late. */
const MIN_GAP_MS = 4;
/** Whoever rings this late stood still: what came meanwhile is read first, as it may be what is waited for. */
const STALL_MS = 20;
/** Longer than this setTimeout cannot wait; we look in between, for nothing. */
const MAX_GAP_MS = 3_600_000;

export class Alarm {
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private dueMs = Number.POSITIVE_INFINITY;

  /** @param ring settles what is due at `nowMs`, and answers when the next one is, or Infinity */
  constructor(
    private readonly clock: Clock,
    private readonly ring: (nowMs: number) => number,
  ) {}

  /** Sees to it that the alarm rings at `dueMs` (monotonic) or a few milliseconds after. */
  set(dueMs: number): void {
    if (dueMs >= this.dueMs) return;
    this.dueMs = dueMs;
    clearTimeout(this.timer);
    const waitMs = Math.min(Math.max(dueMs - this.clock.monotonicMs(), MIN_GAP_MS), MAX_GAP_MS);
    this.timer = setTimeout(() => this.rang(), waitMs);
  }

  /** Forgets what is due. */
  stop(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  private rang(): void {
    const lateMs = this.clock.monotonicMs() - this.dueMs;
    this.dueMs = Number.POSITIVE_INFINITY;
    if (lateMs < STALL_MS) this.look();
    else this.immediate = setImmediate(() => this.look());
  }

  private look(): void {
    const nextMs = this.ring(this.clock.monotonicMs());
    if (nextMs !== Number.POSITIVE_INFINITY) this.set(nextMs);
  }
}
