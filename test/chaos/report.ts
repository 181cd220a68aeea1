/** What a run of chaos prints. */
import type { Entry } from './history.js';

export interface Verdict {
  readonly minutes: number;
  readonly operations: number;
  readonly faults: ReadonlyMap<string, number>;
  /** Kinds of faults that were possible here. */
  readonly kinds: number;
  readonly violations: readonly string[];
  readonly undecided: readonly string[];
  /** What went wrong besides: a process that ended by itself, a cluster that did not become whole. */
  readonly failures: readonly string[];
  /** Shares of the writes, 0 to 1. */
  readonly unknownShare: number;
  readonly failedShare: number;
  readonly longestStallMs: number;
  readonly seed: number;
  readonly folder: string;
  readonly words: readonly string[];
}

/** Keys and failures that are named one by one. */
const NAMED = 20;

/** Whether the run is good. */
export function isGood({ violations, undecided, failures }: Verdict): boolean {
  return violations.length + undecided.length + failures.length === 0;
}

/** The one line that a run ends in. */
export function lastLine(verdict: Verdict): string {
  const { faults, kinds, violations, undecided, failures } = verdict;
  const total = [...faults.values()].reduce((sum, each) => sum + each, 0);
  const byKind = [...faults].map(([kind, times]) => `${kind} ${times}`).join(', ');
  return [
    `chaos: ${verdict.minutes.toFixed(1)} minutes`,
    `operations ${verdict.operations}`,
    `faults ${total} of ${faults.size} kinds of ${kinds} (${byKind})`,
    `violations ${violations.length}`,
    `undecided ${undecided.length}`,
    ...(failures.length === 0 ? [] : [`other failures ${failures.length}`]),
    `unknown outcomes ${percent(verdict.unknownShare)} of writes`,
    `refused ${percent(verdict.failedShare)}`,
    `longest write stall ${(verdict.longestStallMs / 1000).toFixed(1)} s`,
    `seed ${verdict.seed}`,
  ].join(', ');
}

/** What is wrong, and how to look at it: printed before the last line. */
export function troubleLines(verdict: Verdict): string[] {
  const { violations, undecided, failures, folder } = verdict;
  const lines = [
    ...violations.slice(0, NAMED).map((key) => `violation: the history of ${key} cannot be explained`),
    ...undecided.slice(0, NAMED).map((key) => `undecided: the checker gave up on ${key}`),
    ...failures.slice(0, NAMED).map((what) => `failure: ${what}`),
  ];
  if (lines.length === 0) return [];
  const words = verdict.words.filter((word, i, all) => word !== '--seed' && all[i - 1] !== '--seed');
  return [
    ...lines,
    `again: npm run chaos -- ${[...words, '--seed', verdict.seed].join(' ')}`,
    `logs, data and the histories of these keys: ${folder}`,
  ];
}

/** How it stands, while it runs. */
export function progressLine(
  seconds: number,
  entries: readonly Entry[],
  now: readonly string[],
  failures: number,
): string {
  const writes = entries.filter(({ op }) => op !== 'get');
  const of = (outcome: Entry['outcome']) => writes.filter((entry) => entry.outcome === outcome).length;
  return [
    `chaos: ${Math.round(seconds)} s`,
    `operations ${entries.length}`,
    `writes ${writes.length} (refused ${of('failed')}, unknown ${of('unknown')})`,
    `now: ${now.length === 0 ? 'nothing' : now.join(', ')}`,
    ...(failures === 0 ? [] : [`failures ${failures}`]),
  ].join(', ');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
