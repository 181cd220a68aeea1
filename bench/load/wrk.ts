/** Loads over HTTP, by wrk (Will Glozer) and a script of ours that sends the requests of a file. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '../measuring/contest.js';
import type { Cores, Workshop } from '../workshop.js';
import { type Load, loadText } from './requests.js';

/** Sources are compiled into `dist/`; the script lies where it was written. */
const SCRIPT = fileURLToPath(new URL('../../../bench/load/wrk.lua', import.meta.url));
const TIMEOUT = '10s';

export interface WrkSettings {
  /** `host:port` of the servers; connections are spread over them evenly. */
  readonly addresses: readonly string[];
  /** One for all of them, or one for each. */
  readonly load: Load | readonly Load[];
  readonly connections: number;
  /** Whole seconds of a round; wrk knows no others. */
  readonly seconds: number;
  /** Threads: one an address, or, where the requests of an operation must follow each other, one a connection. */
  readonly threadEach?: 'address' | 'connection';
  readonly cores: Cores;
}

/** A function that runs one round. */
export function wrkRounds(workshop: Workshop, settings: WrkSettings): () => Promise<Outcome> {
  const { addresses, load, connections, seconds, threadEach = 'address', cores } = settings;
  const loads = 'operations' in load ? [load] : load;
  const files = loads.map((each) => {
    const file = workshop.path('load');
    writeFileSync(file, loadText(each));
    return file;
  });
  const threads = threadEach === 'connection' ? connections : Math.min(addresses.length, connections);
  const words = [
    ...['wrk', '-t', `${threads}`, '-c', `${connections - (connections % threads)}`, '-d', `${seconds}s`],
    ...['--timeout', TIMEOUT, '-s', SCRIPT, `http://${addresses[0]}/`, '--', ...files],
  ];
  return async () => outcomeOf(await workshop.run(words, cores, { BENCH_ADDRESSES: addresses.join() }));
}

/** Reads the line of JSON that the script ends with. @throws where a request failed: then it is no measurement */
export function outcomeOf(output: string): Outcome {
  const line = output.split('\n').findLast((each) => each.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`wrk reported nothing: ${output}`);
  const told = JSON.parse(line) as Record<
    'requests' | 'micros' | 'p50' | 'p99' | 'broken' | 'refused',
    number
  >;
  if (told.broken + told.refused > 0) {
    throw new Error(
      `of ${told.requests} requests ${told.refused} were refused, ${told.broken} got no answer`,
    );
  }
  return {
    operations: told.requests,
    seconds: told.micros / 1e6,
    p50Ms: told.p50 / 1e3,
    p99Ms: told.p99 / 1e3,
  };
}
