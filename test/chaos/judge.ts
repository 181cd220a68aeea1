/**
 * Judges a history with the simulator's checker, key by key.
 *
 * Invariants: what surely was not done is left out, so a read that saw it is a violation; a read without an answer says
 * nothing; a version stands for its rank among all the versions that were told for the key.
 */
import { checkKey, type Operation, type Outcome, type Write } from '../simulator/linearizability.js';
import type { Entry } from './history.js';

export interface Judgement {
  readonly keys: number;
  /** Keys whose history cannot be explained. */
  readonly violations: readonly string[];
  /** Keys on which the checker gave up. */
  readonly undecided: readonly string[];
}

/** Judges all keys; `onKey` is told of the progress. */
export function judge(entries: readonly Entry[], onKey: (done: number, of: number) => void): Judgement {
  const byKey = new Map<string, Entry[]>();
  for (const entry of entries) {
    const ofKey = byKey.get(entry.key);
    if (ofKey === undefined) byKey.set(entry.key, [entry]);
    else ofKey.push(entry);
  }
  const violations: string[] = [];
  const undecided: string[] = [];
  let done = 0;
  for (const [key, ofKey] of byKey) {
    const verdict = checkKey(operationsOf(ofKey));
    if (verdict === 'violation') violations.push(key);
    if (verdict === 'undecided') undecided.push(key);
    done += 1;
    onKey(done, byKey.size);
  }
  return { keys: byKey.size, violations, undecided };
}

/** The history of one key in the checker's words. */
export function operationsOf(entries: readonly Entry[]): Operation[] {
  const ranks = rankVersions(entries);
  return entries.flatMap((entry) => {
    const operation = operationOf(entry, ranks);
    return operation === undefined ? [] : [operation];
  });
}

function operationOf(entry: Entry, ranks: ReadonlyMap<string, number>): Operation | undefined {
  const { op, start, end, outcome } = entry;
  if (outcome === 'failed') return undefined;
  if (op === 'get') {
    return { call: { op }, start, end, outcome: { value: entry.value, ...versionIn(entry, ranks) } };
  }
  const call = writeOf(entry, ranks);
  if (outcome === 'unknown') return { call, start, end };
  return { call, start, end, outcome: outcomeOf(entry, ranks) };
}

function writeOf({ value, expected }: Entry, ranks: ReadonlyMap<string, number>): Write {
  const condition =
    expected === undefined
      ? {}
      : expected === '*'
        ? { condition: { kind: 'absent' } as const }
        : { condition: { kind: 'version', version: ranks.get(expected) as number } as const };
  return value === null ? { op: 'delete', ...condition } : { op: 'put', value, ...condition };
}

function outcomeOf(entry: Entry, ranks: ReadonlyMap<string, number>): Outcome {
  const version = versionIn(entry, ranks);
  if (entry.outcome === 'mismatch') return { failed: 'condition', ...version };
  return { ...version, ...(entry.found === undefined ? {} : { found: entry.found }) };
}

function versionIn(
  { version }: Entry,
  ranks: ReadonlyMap<string, number>,
): { readonly version?: number | null } {
  if (version === undefined) return {};
  return { version: version === null ? null : (ranks.get(version) as number) };
}

/** Versions are `epoch-sequence`: their ranks sort as they do. */
function rankVersions(entries: readonly Entry[]): Map<string, number> {
  const told = new Set<string>();
  for (const { version, expected } of entries) {
    if (typeof version === 'string') told.add(version);
    if (expected !== undefined && expected !== '*') told.add(expected);
  }
  const sorted = [...told].sort((a, b) => compareVersions(a, b));
  return new Map(sorted.map((version, rank) => [version, rank]));
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] {
  return version.split(/\D+/).map(Number);
}
