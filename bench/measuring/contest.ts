/**
 * Measures sides against each other, in rounds that take turns (A B A B), so that what disturbs the machine disturbs all of
 * them alike.
 *
 * Invariants: every side has the same number of rounds; the first round of each warms up and does not count; a round with an
 * answer that is an error is no measurement, and throws.
 */
import { cpuMicros } from './proc.js';
import { median } from './statistics.js';

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

/** Runs the rounds. `cpuOf` reads the processor time of processes, in microseconds. */
export async function compete<S extends readonly Side[]>(
  sides: S,
  rounds: number,
  say: Say,
  cpuOf: (pids: readonly number[]) => number = cpuMicros,
): Promise<{ [K in keyof S]: Measured }> {
  const results = sides.map((): Round[] => []);
  for (let turn = 0; turn <= rounds; turn += 1) {
    for (const [i, side] of sides.entries()) {
      const round = await measure(side, cpuOf);
      if (turn > 0) results[i]?.push(round);
      say(
        `${turn === 0 ? 'warm-up' : `round ${turn} of ${rounds}`}: ${side.name} ${Math.round(round.perSecond)}/s`,
      );
    }
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

async function measure(side: Side, cpuOf: (pids: readonly number[]) => number): Promise<Round> {
  const before = cpuOf(side.pids);
  const { operations, seconds, p50Ms, p99Ms } = await side.round();
  const cpu = cpuOf(side.pids) - before;
  if (operations === 0) throw new Error(`${side.name}: no operation ended in ${seconds} s`);
  return { perSecond: operations / seconds, cpuMicros: cpu / operations, p50Ms, p99Ms };
}
