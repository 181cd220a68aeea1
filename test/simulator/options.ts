/** What the command line of the simulator may say. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Seeds to run, in this order. */
  readonly seeds: readonly number[];
  /** undefined: each seed draws its own. */
  readonly peers: number | undefined;
  readonly partitions: number | undefined;
  /** Only this kind of fault. */
  readonly fault?: string;
  readonly mutant?: string;
  readonly trace: boolean;
  readonly jobs: number;
  /** Where to write the figures as JSON. */
  readonly stats?: string;
  /** Stop at the first seed that fails. */
  readonly untilFailure: boolean;
  /** Run a seed twice if its number divides by this. */
  readonly compareEvery: number;
}

/** How one seed is to be run: what stays of the options when seeds, jobs and output are taken away. */
export type SeedOptions = Pick<Options, 'peers' | 'partitions' | 'fault' | 'trace' | 'compareEvery'>;

export const USAGE = `npm run sim -- --seeds 1-1000 [options]
  --seeds A-B       seeds A to B; also a list: 3,9,20-30
  --from-commit N   N seeds drawn from the hash of the commit (with --seeds: as well)
  --peers N         peers in the cluster at first (3 to 5, as the seed draws)
  --partitions N    partitions (1 to 4, as the seed draws)
  --fault KIND      only this kind of fault, and more of it
  --mutant NAME     with one rule of the protocol switched off; exit 1 means that it was found
  --until-failure   stop at the first seed that fails
  --trace           print every event
  --jobs N          worker threads (1)
  --stats FILE      write the figures as JSON
  --help            this text`;

/** Reads the command line; throws with the usage if it makes no sense. */
export function parseOptions(args: readonly string[], commitHash: () => string): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      'from-commit': { type: 'string' },
      peers: { type: 'string' },
      partitions: { type: 'string' },
      fault: { type: 'string' },
      mutant: { type: 'string' },
      'until-failure': { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '1' },
      stats: { type: 'string' },
    },
  });
  const seeds = [
    ...(values.seeds === undefined ? [] : parseSeeds(values.seeds)),
    ...(values['from-commit'] === undefined
      ? []
      : seedsOfCommit(commitHash(), positive('from-commit', values['from-commit']))),
  ];
  if (seeds.length === 0) throw new Error(`which seeds?\n${USAGE}`);
  return {
    seeds,
    peers: values.peers === undefined ? undefined : positive('peers', values.peers),
    partitions: values.partitions === undefined ? undefined : positive('partitions', values.partitions),
    ...(values.fault === undefined ? {} : { fault: values.fault }),
    ...(values.mutant === undefined ? {} : { mutant: values.mutant }),
    trace: values.trace,
    jobs: values.trace ? 1 : positive('jobs', values.jobs),
    ...(values.stats === undefined ? {} : { stats: values.stats }),
    untilFailure: values['until-failure'],
    compareEvery: 50,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} wants a positive number, not ${text}`);
  return value;
}

function parseSeeds(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-');
    const from = positive('seeds', first);
    const to = positive('seeds', last);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  });
}

/** Seeds that nobody ran before: a run of them from a place that the commit decides. */
function seedsOfCommit(hash: string, count: number): number[] {
  const first = 1_000_000 + Number.parseInt(hash.slice(0, 8), 16) * 100;
  return Array.from({ length: count }, (_, i) => first + i);
}
