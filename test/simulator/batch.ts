/** Runs seeds one after another and adds them up; some of them twice, to see that a seed always runs the same way. */
import type { SeedOptions } from './options.js';
import { addReport, noTotals, type SeedReport, type Totals } from './report.js';
import { runSeed } from './seed.js';

/** Adds one seed to the totals, running it twice where its number says so. */
export function runInto(totals: Totals, seed: number, options: SeedOptions): SeedReport {
  let report = runSeed(seed, options);
  if (seed % options.compareEvery === 0 && !options.trace) {
    const again = runSeed(seed, options);
    totals.compared += 1;
    if (again.hash !== report.hash) {
      const difference = `DETERMINISM: the trace hash is ${report.hash} and then ${again.hash}`;
      report = { ...report, violations: [...report.violations, difference] };
    }
  }
  addReport(totals, report);
  return report;
}

/** Runs a batch. */
export function runBatch(
  seeds: readonly number[],
  options: SeedOptions,
  each: (report: SeedReport) => boolean = () => true,
): Totals {
  const totals = noTotals();
  for (const seed of seeds) {
    if (!each(runInto(totals, seed, options))) break;
  }
  return totals;
}
