/** What the command line of `npm run chaos` may say. */
import { parseArgs } from 'node:util';
import { FAULTS } from './faults/all.js';
import type { Fault } from './faults/fault.js';

export interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly peers: number;
  readonly faults: readonly Fault[];
  readonly history?: string;
  readonly namespaces: boolean;
  readonly rate: number;
  readonly failureDetection: 'fast' | 'normal' | 'patient';
  readonly durability: 'flush' | 'commit';
  readonly keep: boolean;
  /** The command line as it was, for the line that says how to repeat it. */
  readonly words: readonly string[];
}

export const USAGE = `npm run chaos -- --minutes N [options]
  --minutes N          how long faults and clients go on (1; fractions are fine)
  --fault KIND         only this kind, or a list: ${FAULTS.map(({ kind }) => kind).join(', ')}
  --seed N             which faults come when, and what clients ask (drawn, and printed, unless given)
  --from-commit        the seed is drawn from the hash of the commit
  --history FILE       write what clients did and were told, as JSON lines
  --peers N            peers in the cluster (5)
  --no-netns           loopback addresses and a relay, where network namespaces may not be made
  --rate N             requests a second of all clients together (150)
  --failure-detection  fast | normal | patient (normal)
  --durability         flush | commit (flush)
  --keep               keep logs and data also where all is well`;

/** Reads the command line. @throws with the usage where it makes no sense */
export function parseOptions(
  args: readonly string[],
  drawSeed: () => number,
  commitHash: () => string,
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '1' },
      fault: { type: 'string' },
      seed: { type: 'string' },
      'from-commit': { type: 'boolean', default: false },
      history: { type: 'string' },
      peers: { type: 'string', default: '5' },
      'no-netns': { type: 'boolean', default: false },
      rate: { type: 'string', default: '150' },
      'failure-detection': { type: 'string', default: 'normal' },
      durability: { type: 'string', default: 'flush' },
      keep: { type: 'boolean', default: false },
    },
  });
  const drawn = values['from-commit'] ? Number.parseInt(commitHash().slice(0, 8), 16) : drawSeed();
  return {
    minutes: number('minutes', values.minutes, 0.05, 24 * 60),
    seed: values.seed === undefined ? drawn : number('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    peers: number('peers', values.peers, 1, 20),
    faults: values.fault === undefined ? FAULTS : values.fault.split(',').map(faultNamed),
    ...(values.history === undefined ? {} : { history: values.history }),
    namespaces: !values['no-netns'],
    rate: number('rate', values.rate, 1, 100_000),
    failureDetection: word('failure-detection', values['failure-detection'], ['fast', 'normal', 'patient']),
    durability: word('durability', values.durability, ['flush', 'commit']),
    keep: values.keep,
    words: args,
  };
}

function faultNamed(kind: string): Fault {
  const fault = FAULTS.find((each) => each.kind === kind);
  if (fault === undefined) throw new Error(`there is no fault ${kind}\n${USAGE}`);
  return fault;
}

function number(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text !== '' && value >= low && value <= high) return value;
  throw new Error(`--${name} wants a number from ${low} to ${high}, not ${text}\n${USAGE}`);
}

function word<W extends string>(name: string, text: string, words: readonly W[]): W {
  const found = words.find((each) => each === text);
  if (found !== undefined) return found;
  throw new Error(`--${name} wants one of ${words.join(', ')}, not ${text}\n${USAGE}`);
}
