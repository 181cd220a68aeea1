/** What a family of rows is, and what all of them share. */

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
