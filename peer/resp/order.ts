/**
 * Which commands of one connection may run beside which.
 *
 * Invariants: of those that name the same key at most one runs, and they come in order, since whoever may not run yet
 * lets nobody pass; all together name at most `most` keys, but a command that names more may run by itself; one that is
 * about everything runs by itself.
 */
import type { Action } from './action.js';

export class Order {
  /** Keys that commands under way name. */
  readonly #busy = new Set<string>();
  #running = 0;
  #alone = false;

  constructor(private readonly most: number) {}

  /** Whether a command about everything is under way. */
  get alone(): boolean {
    return this.#alone;
  }

  /** Whether an action on this key alone could begin. */
  isFree(key: string): boolean {
    return !this.#alone && (this.#running === 0 || !this.#busy.has(key));
  }

  /** Begins an action, or returns false: it has to wait for what runs. */
  begin(action: Action): boolean {
    const count = action.kind === 'key' ? 1 : action.keys.length;
    if (this.#alone || (this.#running > 0 && this.#running + count > this.most)) return false;
    if (action.kind === 'key') {
      if (this.#busy.has(action.key)) return false;
      this.#busy.add(action.key);
    } else {
      if (this.#busy.size > 0 && action.keys.some((key) => this.#busy.has(key))) return false;
      for (const key of action.keys) this.#busy.add(key);
    }
    this.#running += count;
    return true;
  }

  /** Ends an action that was begun. */
  end(action: Action): void {
    if (action.kind === 'key') {
      this.#busy.delete(action.key);
      this.#running--;
    } else {
      for (const key of action.keys) this.#busy.delete(key);
      this.#running -= action.keys.length;
    }
  }

  /** Begins a command about everything, or returns false. */
  beginAlone(): boolean {
    if (this.#alone || this.#running > 0) return false;
    this.#alone = true;
    return true;
  }

  endAlone(): void {
    this.#alone = false;
  }
}
