/** `npm run sim`: runs seeds, prints one line, exits 1 if anything was wrong. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { run } from '../program.js';
import { runOnJobs } from './jobs.js';
import { isMutantTree, runInMutant } from './mutant-tree.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { lastLine, type Totals } from './report.js';

const PROGRESS_EVERY_MS = 10_000;
/** Of a failure's reason, while the run goes on. */
const FIRST_CHARACTERS = 200;
/** Failing seeds that are printed. */
const PRINTED_FAILURES = 20;

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = parseOptions(args, () => execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }));
  if (options.mutant !== undefined && !isMutantTree()) return runInMutant(options.mutant, args);
  const started = performance.now();
  let told = started;
  let failuresTold = 0;
  // With more than one job a long run can be ended early, and still says what it came to.
  let interrupted = false;
  process.once('SIGTERM', () => {
    interrupted = true;
  });
  const totals = await runOnJobs(options.seeds, options, options.jobs, (so) => {
    if (performance.now() - told > PROGRESS_EVERY_MS) {
      told = performance.now();
      process.stderr.write(`${lastLine(so, (told - started) / 1000)}\n`);
    }
    for (const { seed, reason } of so.failures.slice(failuresTold)) {
      process.stderr.write(`seed ${seed}: ${reason.slice(0, FIRST_CHARACTERS)}\n`);
    }
    failuresTold = so.failures.length;
    return !interrupted && !(options.untilFailure && so.failures.length > 0);
  });
  const seconds = (performance.now() - started) / 1000;
  printFailures(totals, options);
  if (options.stats !== undefined)
    writeFileSync(options.stats, `${JSON.stringify(statistics(totals, seconds), null, 2)}\n`);
  process.stdout.write(`${lastLine(totals, seconds)}\n`);
  return totals.violations + totals.undecided === 0 ? 0 : 1;
}

function printFailures(totals: Totals, options: Options): void {
  const failures = [...totals.failures].sort((a, b) => a.seed - b.seed);
  for (const { seed, reason } of failures.slice(0, PRINTED_FAILURES)) {
    process.stdout.write(`seed ${seed}: ${reason}\n  replay: ${replayCommand(seed, options)}\n`);
  }
  if (failures.length > PRINTED_FAILURES) {
    process.stdout.write(`and ${failures.length - PRINTED_FAILURES} more seeds\n`);
  }
}

function replayCommand(seed: number, { peers, partitions, fault, mutant }: Options): string {
  const parts = [`npm run sim -- --seeds ${seed}`];
  if (peers !== undefined) parts.push(`--peers ${peers}`);
  if (partitions !== undefined) parts.push(`--partitions ${partitions}`);
  if (fault !== undefined) parts.push(`--fault ${fault}`);
  if (mutant !== undefined) parts.push(`--mutant ${mutant}`);
  return `${parts.join(' ')} --trace`;
}

function statistics(totals: Totals, seconds: number): object {
  const { seeds, operations, unknown } = totals;
  return {
    ...totals,
    virtualHours: totals.virtualMs / 3_600_000,
    unknownShare: unknown / Math.max(1, operations),
    overlappingShare: totals.overlapping / Math.max(1, seeds),
    activeShare: Object.fromEntries(
      Object.entries(totals.activeIn).map(([kind, count]) => [kind, count / Math.max(1, seeds)]),
    ),
    seconds,
    seedsPerSecond: seeds / seconds,
    stepsPerSecond: totals.steps / seconds,
  };
}

await run(main);
