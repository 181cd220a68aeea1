/**
 * Measures sides against each other, in rounds that take turns (A B A B), so that what disturbs the machine disturbs all of
 * them alike.
 *
 * Invariants: every side has the same number of rounds; the first ones of each warm up and do not count, as many for one
 * side as for another; a round with an answer that is an error is no measurement, and throws.
 */
import { cpuMicros } from './proc.js';
import { median } from './statistics.js';

/**
 * A side is warm once an operation costs it no more than this share less than in the round before. A program that
 * compiles what runs often, as Node.js does, needs some ten seconds of load until then; others are warm at once.
 */
const SETTLED_SHARE = 0.1;

/** How often each side is measured. */
export interface Pace {
  /** Rounds that count, 1 or more. */
  readonly rounds: number;
  /** Rounds of warming up, 1 or more, after which the others count, warm or not. */
  readonly mostWarmUps: number;
}

/** What a load program reports of one round. */
export interface Outcome {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Side {
  readonly name: string;
  /** All server processes of this side; their processor time counts. */
  readonly pids: readonly number[];
  round(): Promise<Outcome>;
}

export interface Round {
  readonly perSecond: number;
  /** Processor time of all server processes together for one operation, in microseconds. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A side's rounds, and their figures: of the rate the best is the highest, of all else the lowest. */
export interface Measured {
  readonly name: string;
  readonly best: Round;
  readonly median: Round;
  readonly rounds: readonly Round[];
}

export type Say = (line: string) => void;

/** Runs the rounds: at least one of each that warms up, then so many that count. `cpuOf` reads the processor time of processes, in microseconds. */
export async function compete<S extends readonly Side[]>(
  sides: S,
  { rounds, mostWarmUps }: Pace,
  say: Say,
  cpuOf: (pids: readonly number[]) => number = cpuMicros,
): Promise<{ [K in keyof S]: Measured }> {
  const turn = async (name: string): Promise<Round[]> => {
    const turned: Round[] = [];
    for (const side of sides) {
      const round = await measure(side, cpuOf);
      turned.push(round);
      const { perSecond, cpuMicros: cost } = round;
      say(`${name}: ${side.name} ${Math.round(perSecond)}/s, ${cost.toFixed(1)} µs each`);
    }
    return turned;
  };
  let before = await turn('warm-up');
  let turned = await turn('round 1, or warm-up');
  for (let warmUps = 1; warmUps < mostWarmUps && !settled(before, turned); warmUps += 1) {
    before = turned;
    turned = await turn('round 1, or warm-up');
  }
  const results = turned.map((round) => [round]);
  for (let number = 2; number <= rounds; number += 1) {
    for (const [i, round] of (await turn(`round ${number} of ${rounds}`)).entries()) results[i]?.push(round);
  }
  return sides.map(({ name }, i) => summary(name, results[i] ?? [])) as { [K in keyof S]: Measured };
}

/** Best and median of each figure by itself. */
export function summary(name: string, rounds: readonly Round[]): Measured {
  const each = (figure: keyof Round) => rounds.map((round) => round[figure]);
  const figures = (rate: (samples: number[]) => number, rest: (samples: number[]) => number): Round => ({
    perSecond: rate(each('perSecond')),
    cpuMicros: rest(each('cpuMicros')),
    p50Ms: rest(each('p50Ms')),
    p99Ms: rest(each('p99Ms')),
  });
  const least = (samples: number[]) => Math.min(...samples);
  const most = (samples: number[]) => Math.max(...samples);
  return { name, best: figures(most, least), median: figures(median, median), rounds };
}

function settled(before: readonly Round[], after: readonly Round[]): boolean {
  return after.every(({ cpuMicros: cost }, i) => cost >= (before[i]?.cpuMicros ?? 0) * (1 - SETTLED_SHARE));
}

async function measure(side: Side, cpuOf: (pids: readonly number[]) => number): Promise<Round> {
  const before = cpuOf(side.pids);
  const { operations, seconds, p50Ms, p99Ms } = await side.round();
  const cpu = cpuOf(side.pids) - before;
  if (operations === 0) throw new Error(`${side.name}: no operation ended in ${seconds} s`);
  return { perSecond: operations / seconds, cpuMicros: cpu / operations, p50Ms, p99Ms };
}
