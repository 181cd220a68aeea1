/**
 * Transactions of the workload: over keys that others write too, and over groups. The keys of a group are only ever written
 * together, each with the same value, so that together they are one register, whichever of them is read: the checker of
 * single keys then finds every reading of one key that is older than what another one has shown.
 */
import type { Write } from './linearizability.js';
import type { Random } from './random.js';
import type { Known } from './workload.js';

/** What a transaction does to one key. */
export interface Part {
  readonly key: string;
  readonly call: Write;
  readonly ttlMs: number | undefined;
}

/** Keys that are only written together. */
export interface Group {
  /** The name of their history. */
  readonly name: string;
  readonly keys: readonly string[];
  left: number;
}

/** A group of two to four keys with this tag; `number` tells it from all others. */
export function freshGroup(random: Random, tag: string, number: number, keyLife: number): Group {
  const name = `${tag}group${number}`;
  const keys = Array.from({ length: random.integer(2, 4) }, (_, i) => `${name}-${i}`);
  return { name, keys, left: random.integer(1, keyLife) + 10 };
}

/** A write of a whole group, by one that knows this of it. */
export function writeOf(random: Random, value: string, known: Known | undefined): Write {
  const condition = conditionOf(random, known);
  return random.chance(0.8) ? { op: 'put', value, ...condition } : { op: 'delete', ...condition };
}

/** The same as a transaction: what happens to each key. At least one is looked at where there is a condition. */
export function partsOf(random: Random, { keys }: Group, write: Write): Part[] {
  const first = random.integer(0, keys.length - 1);
  const { condition: _, ...blind } = write;
  return keys.map((key, i) => {
    const call = i === first || random.chance(0.3) ? write : (blind as Write);
    return { key, call, ttlMs: undefined };
  });
}

/** One key's part of a transaction over keys that others write too. */
export function freePart(
  random: Random,
  key: string,
  value: string,
  known: Known | undefined,
  expiring: number,
): Part {
  const condition = random.chance(0.5) ? {} : conditionOf(random, known);
  if (random.chance(0.2)) return { key, call: { op: 'delete', ...condition }, ttlMs: undefined };
  const ttlMs = random.chance(expiring) ? random.integer(900, 6000) : undefined;
  return { key, call: { op: 'put', value, ...condition }, ttlMs };
}

function conditionOf(random: Random, known: Known | undefined): Pick<Write, 'condition'> {
  if (random.chance(0.4)) return {};
  if (known === undefined || known.version === null) return { condition: { kind: 'absent' } };
  return { condition: { kind: 'version', version: known.version } };
}
