/**
 * Lets faults happen: a new one every 5 to 15 s, drawn from a seed, beside those that last.
 *
 * Invariants: at most `MOST_AT_ONCE` at a time; every kind that is possible comes before one comes the second time; when the
 * time is up, all that lasts is mended before `run` returns.
 */

import { until, whole } from '../../harness/watching.js';
import type { Random } from '../simulator/random.js';
import type { Fault } from './faults/fault.js';
import { type Run, Stage } from './stage.js';

const MOST_AT_ONCE = 2;
const NEXT_LOW_MS = 5_000;
const NEXT_HIGH_MS = 15_000;
/** After this time something that should be mended is not. */
const OTHERS_OVER_MS = 180_000;
const WHOLE_WITHIN_MS = 120_000;

export class Nemesis {
  private readonly counts = new Map<string, number>();
  private readonly active = new Map<Promise<void>, string>();
  private deck: Fault[] = [];

  constructor(
    private readonly faults: readonly Fault[],
    private readonly random: Random,
    private readonly shared: Run,
  ) {}

  /** How often each kind happened. */
  get happened(): ReadonlyMap<string, number> {
    return this.counts;
  }

  /** What lasts now. */
  get now(): readonly string[] {
    return [...this.active.values()];
  }

  async run(): Promise<void> {
    while (!this.shared.ending()) {
      await this.pause(this.random.integer(NEXT_LOW_MS, NEXT_HIGH_MS));
      if (this.shared.ending()) break;
      await this.next(this.draw());
    }
    await this.othersOver(0);
  }

  /** One fault; returns when the next may be drawn. */
  private async next(fault: Fault): Promise<void> {
    await this.othersOver(fault.when === 'beside' ? MOST_AT_ONCE - 1 : 0);
    if (fault.when === 'whole') {
      const why = await whole(this.shared.cluster, WHOLE_WITHIN_MS);
      if (why !== null) {
        this.shared.fail(`${fault.kind} does not begin: not whole after ${WHOLE_WITHIN_MS / 1000} s: ${why}`);
        return;
      }
    }
    if (this.shared.ending()) return;
    const over = this.inflict(fault);
    this.active.set(over, fault.kind);
    void over.then(() => this.active.delete(over));
    if (fault.lasting === true) await over;
  }

  private async inflict(fault: Fault): Promise<void> {
    const stage = new Stage(fault.kind, this.shared);
    try {
      if (await fault.inflict(stage)) this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    } catch (error) {
      stage.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      stage.release();
    }
  }

  /** Waits until so few others last. */
  private async othersOver(atMost: number): Promise<void> {
    const left = () => (this.active.size <= atMost ? null : this.now.join(', '));
    const why = await until(async () => left(), OTHERS_OVER_MS);
    if (why !== null) this.shared.fail(`still not mended after ${OTHERS_OVER_MS / 1000} s: ${why}`);
  }

  private async pause(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    await until(async () => (this.shared.ending() || performance.now() >= deadline ? null : ''), ms);
  }

  private draw(): Fault {
    if (this.deck.length === 0) this.deck = shuffled(this.faults, this.random);
    return this.deck.pop() as Fault;
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.integer(0, left.length - 1), 1)[0] as T);
}
