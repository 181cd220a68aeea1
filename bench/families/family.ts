/** What a family of rows is, and what all of them share. */

import { compete, type Measured, type Side } from '../measuring/contest.js';
import type { Row } from '../measuring/rows.js';
import type { Part } from '../servers/parts.js';
import type { Workshop } from '../workshop.js';

/** Rows that are measured on the same servers. */
export interface Family {
  readonly name: string;
  readonly about: string;
  readonly needs: readonly Part[];
  /** Whether `--quick` leaves it out, unless it is asked for by name. */
  readonly slow?: boolean;
  measure(workshop: Workshop): Promise<Row[]>;
}

/** Rounds of each side that count. */
export const ROUNDS = 8;
const MOST_WARM_UPS = 4;
/** Some sides are not quite warm by then: what `--quick` tells of them is a little worse than what a full run does. */
const QUICK_MOST_WARM_UPS = 2;
/** Connections, unless a row is about their number. */
export const CONNECTIONS = 32;
/** Different keys of a load over HTTP, as YCSB has it unless told otherwise. */
export const KEYS = 1_000;
/** Different keys of a load over RESP. */
export const RESP_KEYS = 10_000;
export const SMALL_BYTES = 100;

/** One peer with one copy. */
export const ALONE = { peers: 1, copies: 1, minInSync: 1 } as const;

/** Whole seconds of a round over HTTP. */
export function roundSeconds({ quick }: Workshop): number {
  return quick ? 1 : 3;
}

/** Seconds of a round over RESP. */
export function respRoundSeconds({ quick }: Workshop): number {
  return quick ? 0.4 : 2;
}

/** Measures the sides against each other. */
export function compare<S extends readonly Side[]>(
  { quick, say }: Workshop,
  sides: S,
): Promise<{ [K in keyof S]: Measured }> {
  const mostWarmUps = quick ? QUICK_MOST_WARM_UPS : MOST_WARM_UPS;
  return compete(sides, { rounds: ROUNDS, mostWarmUps }, say);
}
