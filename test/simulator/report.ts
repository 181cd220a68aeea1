/** What a seed, and then a batch of seeds, comes to. Plain data, so that it can cross from a worker thread. */

export interface SeedReport {
  readonly seed: number;
  /** Broken promises, the first one first; empty when all is well. */
  readonly violations: readonly string[];
  /** Keys whose history the checker could not decide. */
  readonly undecided: number;
  readonly operations: number;
  readonly unknown: number;
  readonly refused: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** How often each kind of fault struck. */
  readonly faults: Readonly<Record<string, number>>;
  /** What the cluster did, for a look at whether the faults provoke anything. */
  readonly events: Readonly<Record<string, number>>;
  readonly hash: string;
}

export interface Failure {
  readonly seed: number;
  readonly reason: string;
}

/** The sum of many seeds. */
export interface Totals {
  seeds: number;
  operations: number;
  unknown: number;
  refused: number;
  steps: number;
  virtualMs: number;
  violations: number;
  undecided: number;
  compared: number;
  faults: Record<string, number>;
  /** In how many seeds each kind of fault struck. */
  activeIn: Record<string, number>;
  /** In how many seeds at least three kinds struck. */
  overlapping: number;
  events: Record<string, number>;
  failures: Failure[];
}

/** Nothing yet. */
export function noTotals(): Totals {
  return {
    seeds: 0,
    operations: 0,
    unknown: 0,
    refused: 0,
    steps: 0,
    virtualMs: 0,
    violations: 0,
    undecided: 0,
    compared: 0,
    faults: {},
    activeIn: {},
    overlapping: 0,
    events: {},
    failures: [],
  };
}

/** Adds a seed's report. */
export function addReport(totals: Totals, report: SeedReport): void {
  totals.seeds += 1;
  totals.operations += report.operations;
  totals.unknown += report.unknown;
  totals.refused += report.refused;
  totals.steps += report.steps;
  totals.virtualMs += report.virtualMs;
  totals.violations += report.violations.length;
  totals.undecided += report.undecided;
  const kinds = Object.entries(report.faults).filter(([, count]) => count > 0);
  for (const [kind, count] of kinds) {
    totals.faults[kind] = (totals.faults[kind] ?? 0) + count;
    totals.activeIn[kind] = (totals.activeIn[kind] ?? 0) + 1;
  }
  if (kinds.length >= 3) totals.overlapping += 1;
  for (const [name, count] of Object.entries(report.events)) {
    totals.events[name] = (totals.events[name] ?? 0) + count;
  }
  const reason = report.violations[0] ?? (report.undecided > 0 ? 'undecided history' : undefined);
  if (reason !== undefined) totals.failures.push({ seed: report.seed, reason });
}

/** Adds what another worker found. */
export function addTotals(totals: Totals, other: Totals): void {
  totals.seeds += other.seeds;
  totals.operations += other.operations;
  totals.unknown += other.unknown;
  totals.refused += other.refused;
  totals.steps += other.steps;
  totals.virtualMs += other.virtualMs;
  totals.violations += other.violations;
  totals.undecided += other.undecided;
  totals.compared += other.compared;
  totals.overlapping += other.overlapping;
  for (const field of ['faults', 'activeIn', 'events'] as const) {
    for (const [name, count] of Object.entries(other[field])) {
      totals[field][name] = (totals[field][name] ?? 0) + count;
    }
  }
  totals.failures.push(...other.failures);
}

/** The one line that a run ends with. */
export function lastLine(totals: Totals, seconds: number): string {
  const faults = Object.values(totals.faults).reduce((sum, count) => sum + count, 0);
  const kinds = Object.keys(totals.faults).length;
  const rate = (totals.seeds / seconds).toFixed(1);
  return (
    `seeds ${totals.seeds}, operations ${totals.operations}, faults ${faults} of ${kinds} kinds, ` +
    `violations ${totals.violations}, undecided ${totals.undecided}, ${rate} seeds/s`
  );
}
