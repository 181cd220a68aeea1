/**
 * The clock of leases (rule L5): it runs on while the machine is suspended, which `monotonicMs` does not.
 *
 * Invariants: it never goes back. A suspend is noticed at the first reading after it: by the wall clock, which jumps
 * ahead of the monotonic one, and at the latest `LOOK_MS` later, should that have stood still too. The uptime, which
 * costs some microseconds to read, is only asked then.
 * Limit: on macOS the uptime has whole seconds, so the clock would leap ahead by up to one; but there the monotonic clock
 * itself runs on in a suspend, and the uptime is not asked.
 */
import { platform, uptime } from 'node:os';
import type { Clock } from './clock.js';

/** The uptime is looked at this often, in ms. */
const LOOK_MS = 10;
/** The wall clock is corrected by less than this between two readings, or the uptime is looked at. */
const STEP_MS = 5;
/** The uptime may be off by this much, and still nobody was suspended. */
const SLACK_MS = 30;
/** If the wall clock jumps ahead by more than this, and the uptime does not, the machine may have been copied. */
const JUMP_MS = 100;

export class LeaseClock {
  private readonly offsetMs: number;
  private suspendedMs = 0;
  private lookedAtMs: number;
  private wallAheadMs: number;

  /**
   * @param jumped is told when the clocks are not to be trusted: leases must be dropped
   * @param uptimeMs milliseconds since the machine started, suspends included
   */
  constructor(
    private readonly clock: Clock,
    private readonly jumped: () => void,
    private readonly uptimeMs: () => number = uptimeBeside(clock),
  ) {
    this.lookedAtMs = clock.monotonicMs();
    this.offsetMs = uptimeMs() - this.lookedAtMs;
    this.wallAheadMs = clock.wallMs() - this.lookedAtMs;
  }

  /** Milliseconds; only differences mean anything. */
  now(): number {
    return this.read().leaseMs;
  }

  /** The same, with the wall clock as of then: both for the price of one look at it. */
  read(): { readonly leaseMs: number; readonly wallMs: number } {
    const nowMs = this.clock.monotonicMs();
    const wallMs = this.clock.wallMs();
    const stepMs = wallMs - nowMs - this.wallAheadMs;
    if (nowMs - this.lookedAtMs >= LOOK_MS || Math.abs(stepMs) > STEP_MS) this.look(nowMs, stepMs);
    return { leaseMs: nowMs + this.suspendedMs, wallMs };
  }

  private look(nowMs: number, stepMs: number): void {
    this.lookedAtMs = nowMs;
    this.wallAheadMs += stepMs;
    const aheadMs = this.uptimeMs() - nowMs - this.offsetMs;
    const sleptMs = aheadMs > this.suspendedMs + SLACK_MS ? aheadMs - this.suspendedMs : 0;
    this.suspendedMs += sleptMs;
    if (stepMs - sleptMs > JUMP_MS) this.jumped();
  }
}

function uptimeBeside(clock: Pick<Clock, 'monotonicMs'>): () => number {
  return platform() === 'darwin' ? () => clock.monotonicMs() : () => uptime() * 1_000;
}
