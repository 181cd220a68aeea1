/** How long a condition has held, as far as it was looked at. */
export class Stopwatch {
  #sinceMs: number | undefined;

  /** Tells whether it holds now; returns for how long it has without a break, in ms. */
  lasts(holds: boolean, nowMs: number): number {
    if (!holds) {
      this.#sinceMs = undefined;
      return 0;
    }
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs;
  }
}
