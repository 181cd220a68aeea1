/** Loads by redis-benchmark, on one server or on several at once. */
import type { Outcome } from '../measuring/contest.js';
import type { Cores, Workshop } from '../workshop.js';

export interface RespSettings {
  /** `host:port` of the servers; each has a redis-benchmark of its own, with its share of the connections. */
  readonly addresses: readonly string[];
  readonly command: 'get' | 'set';
  readonly connections: number;
  /** Requests that a connection sends before it waits for their answers. */
  readonly pipeline: number;
  readonly valueBytes: number;
  /** Different keys: `key:000000000000` and so on. */
  readonly keys: number;
  /** About how long a round takes; how many requests that are the round before tells. */
  readonly seconds: number;
  readonly cores: Cores;
}

const FIRST_REQUESTS = 5_000;

/** A function that runs one round. */
export function respRounds(workshop: Workshop, settings: RespSettings): () => Promise<Outcome> {
  const { addresses, seconds } = settings;
  const counts = addresses.map(() => FIRST_REQUESTS);
  const run = async () => {
    const outcomes = await Promise.all(
      addresses.map((address, i) => runOne(workshop, settings, address, counts[i] as number)),
    );
    for (const [i, outcome] of outcomes.entries()) {
      counts[i] = Math.ceil((outcome.operations / outcome.seconds) * seconds);
    }
    return together(outcomes);
  };
  let first = true;
  return async () => {
    if (first) await run();
    first = false;
    return run();
  };
}

/** The outcome of programs that ran side by side: rates added up, p50 averaged by share, p99 that of the worst. */
export function together(outcomes: readonly Outcome[]): Outcome {
  const operations = outcomes.reduce((sum, each) => sum + each.operations, 0);
  return {
    operations,
    seconds: operations / outcomes.reduce((sum, each) => sum + each.operations / each.seconds, 0),
    p50Ms: outcomes.reduce((sum, each) => sum + (each.p50Ms * each.operations) / operations, 0),
    p99Ms: Math.max(...outcomes.map(({ p99Ms }) => p99Ms)),
  };
}

async function runOne(
  workshop: Workshop,
  { addresses, command, connections, pipeline, valueBytes, keys, cores }: RespSettings,
  address: string,
  requests: number,
): Promise<Outcome> {
  const [host = '', port = ''] = address.split(':');
  const share = Math.max(1, Math.floor(connections / addresses.length));
  const words = [
    ...['redis-benchmark', '-h', host, '-p', port, '-t', command, '-c', `${share}`, '-P', `${pipeline}`],
    ...['-d', `${valueBytes}`, '-r', `${keys}`, '-n', `${requests}`, '--csv'],
  ];
  return outcomeOf(await workshop.run(words, cores), requests);
}

/** Reads the two lines of `--csv`, as redis-benchmark 7 writes them. @throws where it reports something else */
export function outcomeOf(csv: string, operations: number): Outcome {
  const lines = csv.split('\n').filter((line) => line.startsWith('"'));
  const [names = [], values = []] = lines.map((line) =>
    line.split(',').map((cell) => cell.replaceAll('"', '')),
  );
  const figure = (name: string) => {
    const value = Number(values[names.indexOf(name)]);
    if (!(value >= 0)) throw new Error(`redis-benchmark told no ${name}: ${csv}`);
    return value;
  };
  return {
    operations,
    seconds: operations / figure('rps'),
    p50Ms: figure('p50_latency_ms'),
    p99Ms: figure('p99_latency_ms'),
  };
}
