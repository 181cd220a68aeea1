/**
 * How long writes stood still. For every key that is written all the time: the time between two acknowledgements in which a
 * write was waiting for its own.
 *
 * Invariant: keys that are written rarely do not count, since their gaps tell of the clients.
 */
import type { Entry } from './history.js';
import { isHot } from './keys.js';

const NS_PER_MS = 1_000_000;

export interface Stall {
  readonly key: string;
  readonly ms: number;
  /** Nanoseconds since the run began. */
  readonly from: number;
  readonly to: number;
}

export class StallMeter {
  /** By key: when the oldest write began that is not yet followed by an acknowledged one. */
  private readonly waiting = new Map<string, number>();
  /** By key: when the last acknowledgement came. */
  private readonly acked = new Map<string, number>();
  private longestSoFar: Stall | undefined;

  /** `onStall` is told of every stall of `tellFromMs` and more. */
  constructor(
    private readonly tellFromMs: number,
    private readonly onStall: (stall: Stall) => void,
  ) {}

  saw({ key, outcome, start, end }: Entry): void {
    if (!isHot(key)) return;
    const since = Math.min(this.waiting.get(key) ?? start, start);
    if (outcome !== 'ok' && outcome !== 'mismatch') {
      this.waiting.set(key, since);
      return;
    }
    // A write that waited long tells nothing of the time in which others were acknowledged.
    const from = Math.max(since, this.acked.get(key) ?? 0);
    this.waiting.delete(key);
    this.acked.set(key, end);
    const stall = { key, ms: (end - from) / NS_PER_MS, from, to: end };
    if (stall.ms >= this.tellFromMs) this.onStall(stall);
    if (stall.ms > (this.longestSoFar?.ms ?? 0)) this.longestSoFar = stall;
  }

  get longest(): Stall | undefined {
    return this.longestSoFar;
  }
}
