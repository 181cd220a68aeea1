/**
 * Turns at a key: those that read, compute and write it through this peer go one after the other, so that they do not
 * make each other start again.
 *
 * Invariant: at most one has the turn; all others follow in the order they came. How many wait is bounded by the
 * connections, which each have a bounded number of commands running.
 */
export class Turns {
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Calls `begin` when it is its turn; whoever has it gives it back with `end`. */
  take(key: string, begin: () => void): void {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(begin);
      return;
    }
    this.#waiting.set(key, []);
    begin();
  }

  /** Ends the turn at a key. */
  end(key: string): void {
    const next = this.#waiting.get(key)?.shift();
    if (next === undefined) this.#waiting.delete(key);
    // Not from within: a long row of those whose commands end at once would fill the stack.
    else process.nextTick(next);
  }
}
