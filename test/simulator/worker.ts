/** One worker thread of a run with `--jobs`: takes a chunk of seeds, hands back their totals, asks for the next. */
import { parentPort, workerData } from 'node:worker_threads';
import { runBatch } from './batch.js';
import type { SeedOptions } from './options.js';

const options = workerData as SeedOptions;
const port = parentPort;
if (port === null) throw new Error('worker.js runs as a worker thread only');
port.on('message', (seeds: readonly number[]) => {
  port.postMessage(runBatch(seeds, options));
});
