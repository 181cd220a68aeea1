/**
 * Virtual time: a binary heap of things to do, by time and then by the order in which they were scheduled, so that
 * one seed always runs the same way. Time is in milliseconds, true time; what a process sees is its own clock.
 */
/** A run has some 50,000 events. */
const STEP_LIMIT = 3_000_000;

export class Schedule {
  /** True time. */
  now = 0;
  /** How many events ran. */
  steps = 0;
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly tasks: (() => void)[] = [];
  private scheduled = 0;

  /** Runs `task` after `delayMs` of true time. */
  after(delayMs: number, task: () => void): void {
    this.push(this.now + delayMs, this.scheduled, task);
    this.scheduled += 1;
  }

  /** Runs everything that is due up to `untilMs`, or until `enough`. */
  runUntil(untilMs: number, enough: () => boolean = () => false): void {
    while (this.tasks.length > 0 && (this.times[0] as number) <= untilMs) {
      if (enough()) return;
      this.now = this.times[0] as number;
      this.steps += 1;
      if (this.steps > STEP_LIMIT) throw new Error(`more than ${STEP_LIMIT} events: something spins`);
      this.pop()();
    }
    this.now = untilMs;
  }

  private push(time: number, order: number, task: () => void): void {
    const { times, orders, tasks } = this;
    let i = times.length;
    times.push(time);
    orders.push(order);
    tasks.push(task);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const parentTime = times[parent] as number;
      // Equal times: the one scheduled first stays above, and that is the parent.
      if (parentTime <= time) break;
      times[i] = parentTime;
      orders[i] = orders[parent] as number;
      tasks[i] = tasks[parent] as () => void;
      i = parent;
    }
    times[i] = time;
    orders[i] = order;
    tasks[i] = task;
  }

  private pop(): () => void {
    const { times, orders, tasks } = this;
    const first = tasks[0] as () => void;
    const time = times.pop() as number;
    const order = orders.pop() as number;
    const task = tasks.pop() as () => void;
    const length = times.length;
    if (length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && this.isBefore(child + 1, times[child] as number, orders[child] as number)) {
        child += 1;
      }
      if (!this.isBefore(child, time, order)) break;
      times[i] = times[child] as number;
      orders[i] = orders[child] as number;
      tasks[i] = tasks[child] as () => void;
      i = child;
    }
    times[i] = time;
    orders[i] = order;
    tasks[i] = task;
    return first;
  }

  private isBefore(i: number, time: number, order: number): boolean {
    const t = this.times[i] as number;
    return t < time || (t === time && (this.orders[i] as number) < order);
  }
}
