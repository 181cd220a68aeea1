/**
 * The pace of planned copies: they go in waves with a rest after each, so that clients keep most of what the machines can do.
 *
 * Keeps true: a wave begins only when the one before is over and its rest, too; a rest is in proportion to how long its
 * wave took, whatever makes that long. Nothing but the beginning of planned copies is held up.
 */

/** How long rests are. */
export interface PaceSettings {
  /** How many times as long as its wave a rest is; 0: there are none. */
  readonly restFactor: number;
  /** No rest is longer than this, in ms. */
  readonly maxRestMs: number;
}

export class Pace {
  #begunMs: number | undefined;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  /** Whether a wave may begin now; to be asked in every round. `moving`: planned copies are on their way. */
  allows(nowMs: number, moving: boolean, { restFactor, maxRestMs }: PaceSettings): boolean {
    if (moving) {
      this.#begunMs ??= nowMs;
      return false;
    }
    if (this.#begunMs !== undefined) {
      this.#restsUntilMs = nowMs + Math.min(maxRestMs, restFactor * (nowMs - this.#begunMs));
      this.#begunMs = undefined;
    }
    return nowMs >= this.#restsUntilMs;
  }
}
