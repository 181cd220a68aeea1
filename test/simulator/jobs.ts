/** Spreads seeds over worker threads in small chunks, so that all of them end at about the same time. */
import { Worker } from 'node:worker_threads';
import { runBatch } from './batch.js';
import type { SeedOptions } from './options.js';
import { addTotals, noTotals, type Totals } from './report.js';

const SEEDS_PER_CHUNK = 25;

/** What to do after each chunk; false: start no more. */
export type Progress = (totals: Totals) => boolean;

/** Runs all seeds on `jobs` threads; with one job in this thread. */
export async function runOnJobs(
  seeds: readonly number[],
  options: SeedOptions,
  jobs: number,
  progress: Progress,
): Promise<Totals> {
  const totals = noTotals();
  const chunkSize = Math.max(1, Math.min(SEEDS_PER_CHUNK, Math.ceil(seeds.length / jobs)));
  let next = 0;
  let stopped = false;
  const take = (): readonly number[] => {
    if (stopped) return [];
    const chunk = seeds.slice(next, next + chunkSize);
    next += chunk.length;
    return chunk;
  };
  const finish = (part: Totals): void => {
    addTotals(totals, part);
    if (!progress(totals)) stopped = true;
  };
  if (jobs === 1) {
    for (let seed = take(); seed.length > 0; seed = take()) {
      finish(runBatch(seed, options, (report) => report.violations.length === 0 || progress(totals)));
    }
    return totals;
  }
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        workerData: options,
        resourceLimits: { maxYoungGenerationSizeMb: 96 },
      });
      try {
        for (let chunk = take(); chunk.length > 0; chunk = take()) finish(await runOn(worker, chunk));
      } finally {
        await worker.terminate();
      }
    }),
  );
  return totals;
}

function runOn(worker: Worker, seeds: readonly number[]): Promise<Totals> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.postMessage(seeds);
  });
}
