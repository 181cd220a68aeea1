/**
 * Who waits for positions of a log to be committed.
 *
 * Kept true: positions are committed in order, each once, so they are taken in order; nobody waits for one that was taken.
 */

import type { Incarnation, PeerId } from '../../common/configuration.js';
import { broken } from './invariant.js';

/** Who is to be told the outcome of a request: our own gateway, or that of another peer. */
export type Origin =
  | { readonly kind: 'local'; readonly id: number }
  | {
      readonly kind: 'remote-write';
      readonly to: PeerId;
      readonly session: string;
      readonly n: number;
      readonly attempt: number;
    }
  | { readonly kind: 'remote-read'; readonly to: PeerId; readonly id: number; readonly inc: Incarnation };

/** Something of this peer's own that goes on when a position is committed. */
export interface OwnWaiter {
  readonly kind: 'own';
  committed(): void;
  /** The epoch ended: the entry may or may not be committed by another primary. */
  dropped(): void;
}

/** Somebody who waits for a position; an origin gets the result of its entry. */
export type Waiter = Origin | OwnWaiter;

export class Waiters {
  /** From position `taken` + 1 on: nobody, somebody, or several. */
  private readonly slots: (Waiter | readonly Waiter[] | undefined)[] = [];

  /** `taken` is the last position that is committed already. */
  constructor(private taken: number) {}

  /** How many positions there are up to the last that somebody waits for. */
  get size(): number {
    return this.slots.length;
  }

  /** From now on `waiter` waits for position `seq`, which is not committed. */
  add(seq: number, waiter: Waiter): void {
    const { slots, taken } = this;
    const at = seq - taken - 1;
    if (at < 0) broken(`a wait for a position above ${taken}`, `${seq}`);
    while (slots.length <= at) slots.push(undefined);
    const known = slots[at];
    slots[at] = known === undefined ? waiter : [...several(known), waiter];
  }

  /** Those who wait for the next position, which is committed. */
  take(): readonly Waiter[] | Waiter | undefined {
    this.taken++;
    return this.slots.shift();
  }

  /** All of them, in the order of their positions. */
  all(): readonly Waiter[] {
    return this.slots.flatMap((slot) => (slot === undefined ? [] : several(slot)));
  }
}

/** One waiter or several, as several. */
export function several(slot: Waiter | readonly Waiter[]): readonly Waiter[] {
  return isList(slot) ? slot : [slot];
}

function isList(slot: Waiter | readonly Waiter[]): slot is readonly Waiter[] {
  return Array.isArray(slot);
}
