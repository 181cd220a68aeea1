/**
 * A simulated process and its clock. It can be killed, stopped (SIGSTOP, an event-loop stall), slowed, and started
 * again. Whatever reaches it while it stands still waits and runs, in order, when it goes on; whatever was meant for
 * an earlier life of it is lost.
 */
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** The bound ρ on the rate of clocks that the protocol relies on. */
export const CLOCK_RATE_BOUND = 0.01;

export class Process {
  /** Counts the lives of the process. */
  life = 0;
  up = false;
  private pausedUntil = 0;
  private waiting: (() => void)[] = [];
  private slowMs = 0;
  private busyUntil = 0;
  private readonly offset: number;
  private readonly rate: number;
  private readonly wallOffset: number;
  private after: (() => void) | undefined;
  private frozen = 0;
  private frozenSince: number | undefined;

  constructor(
    readonly id: string,
    protected readonly schedule: Schedule,
    random: Random,
    rateBound: number,
  ) {
    this.offset = random.integer(1, 1_000_000);
    this.rate = 1 + (random.next() * 2 - 1) * rateBound * 0.99;
    this.wallOffset = random.integer(-WALL_SKEW_MS, WALL_SKEW_MS);
  }

  /** Its own monotonic clock: runs on while the process is stopped, stands while the machine is suspended. */
  clock(): number {
    const now = (this.frozenSince ?? this.schedule.now) - this.frozen;
    return this.offset + now * this.rate;
  }

  /** Its idea of the time of day. */
  wallClock(): number {
    return EPOCH_MS + this.schedule.now + this.wallOffset;
  }

  get paused(): boolean {
    return this.pausedUntil > this.schedule.now;
  }

  /** Runs `task` in this life of the process: now, or when it goes on; never if it is down. */
  run(task: () => void): void {
    if (!this.up) return;
    if (this.pausedUntil > 0) this.waiting.push(task);
    else if (this.slowMs > 0 || this.busyUntil > this.schedule.now) this.queue(task);
    else this.turn(task);
  }

  /** Runs `task` when the task that is running is over, before anything else does. */
  afterTask(task: () => void): void {
    this.after = task;
  }

  private turn(task: () => void): void {
    task();
    while (this.after !== undefined) {
      const { after } = this;
      this.after = undefined;
      after();
    }
  }

  /** A timer by the process's own clock; dies with this life. */
  timer(delayMs: number, task: () => void): void {
    const life = this.life;
    this.schedule.after(delayMs / this.rate, () => {
      if (life === this.life) this.run(task);
    });
  }

  /** Work handed to the outside (a disk, a socket) that comes back in `delayMs`; lost if the process died. */
  completion(delayMs: number, task: () => void): void {
    const life = this.life;
    this.schedule.after(delayMs, () => {
      if (life === this.life) this.run(task);
    });
  }

  /** A new life. */
  begin(): void {
    this.life += 1;
    this.up = true;
    this.pausedUntil = 0;
    this.waiting = [];
    this.busyUntil = 0;
    this.after = undefined;
  }

  /** The end of this life, without a word to anybody. */
  end(): void {
    if (!this.up) return;
    this.life += 1;
    this.up = false;
    this.pausedUntil = 0;
    this.waiting = [];
    this.after = undefined;
    if (this.frozenSince !== undefined) this.thaw();
  }

  /** Stands still for a while; with `clockToo` its clock stands as well, as when a machine is suspended. */
  pause(ms: number, clockToo = false): void {
    if (!this.up || this.pausedUntil > 0) return;
    this.pausedUntil = this.schedule.now + ms;
    if (clockToo) this.frozenSince = this.schedule.now;
    const life = this.life;
    this.schedule.after(ms, () => {
      if (life === this.life) this.resume();
    });
  }

  /** Goes on at once. */
  resume(): void {
    if (this.pausedUntil === 0) return;
    if (this.frozenSince !== undefined) this.thaw();
    this.pausedUntil = 0;
    const tasks = this.waiting;
    this.waiting = [];
    const life = this.life;
    for (const task of tasks) {
      if (life === this.life) this.run(task);
    }
  }

  /** From now on every event takes this long; 0: at once. */
  slowDown(msEach: number): void {
    this.slowMs = msEach;
  }

  private queue(task: () => void): void {
    const start = Math.max(this.schedule.now, this.busyUntil);
    this.busyUntil = start + this.slowMs;
    const life = this.life;
    this.schedule.after(this.busyUntil - this.schedule.now, () => {
      if (life !== this.life) return;
      if (this.pausedUntil > 0) this.waiting.push(task);
      else this.turn(task);
    });
  }

  private thaw(): void {
    this.frozen += this.schedule.now - (this.frozenSince as number);
    this.frozenSince = undefined;
  }
}

/** Wall clocks differ from true time by at most this. */
export const WALL_SKEW_MS = 400;

const EPOCH_MS = 1_800_000_000_000;
