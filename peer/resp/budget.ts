/**
 * What all connections together hold of commands that have not wholly arrived.
 *
 * Invariant: `used` is the sum of what the connections said last. Beyond `most` it is for the connection that asks for more
 * to give way; small commands always fit, so that others can go on.
 */
export class InputBudget {
  #used = 0;

  constructor(private readonly most: number) {}

  /** Bytes held by all. */
  get used(): number {
    return this.#used;
  }

  /** A connection holds `now` where it held `before`; false: it is more than there is. */
  change(before: number, now: number): boolean {
    this.#used += now - before;
    return now <= SMALL_BYTES || this.#used <= this.most;
  }
}

/** Less than this is never too much. */
const SMALL_BYTES = 128 * 1024;
