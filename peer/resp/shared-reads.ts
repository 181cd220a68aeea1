/**
 * Reads of one key that share one answer of the store: in a pipeline the same key is often read many times in a row.
 *
 * Invariant: a read is shared only by commands that had arrived when it began, so the answer is as of a moment while each
 * of them was open. `close` ends the sharing of all that began, before anything else can arrive.
 */
import type { KeyAction, State } from './action.js';
import type { Slot } from './outbox.js';
import type { Reply } from './replies.js';

interface Reader {
  readonly action: KeyAction;
  readonly slot: Slot;
}

/** A read under way, with all who wait for it. */
export interface SharedRead {
  readonly first: Reader;
  others: Reader[] | undefined;
}

export class SharedReads {
  readonly #open = new Map<string, SharedRead>();

  /** Whether a read of this key can be joined. */
  has(key: string): boolean {
    return this.#open.size > 0 && this.#open.has(key);
  }

  /** Notes a read that is about to begin. */
  begin(action: KeyAction, slot: Slot): SharedRead {
    const read: SharedRead = { first: { action, slot }, others: undefined };
    this.#open.set(action.key, read);
    return read;
  }

  /** Joins a read that is open. */
  join(action: KeyAction, slot: Slot): void {
    const read = this.#open.get(action.key);
    if (read === undefined) return;
    read.others ??= [];
    read.others.push({ action, slot });
  }

  /** Gives every reader its answer: what it makes of the state, or the refusal. */
  settle(
    read: SharedRead,
    refusal: Reply | undefined,
    state: State | null,
    settled: (slot: Slot, reply: Reply) => void,
  ): void {
    const { first, others } = read;
    this.#open.delete(first.action.key);
    settled(first.slot, refusal ?? first.action.judge(state).reply);
    for (const { action, slot } of others ?? []) settled(slot, refusal ?? action.judge(state).reply);
  }

  /** What is read from here on begins anew. */
  close(): void {
    if (this.#open.size > 0) this.#open.clear();
  }
}
