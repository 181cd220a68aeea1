/** What the bench reports: rows, each a measure with its figures and, where there is one, a goal. */
import type { Measured } from './contest.js';

/** A bound on one number. */
export interface Goal {
  readonly kind: 'at least' | 'at most';
  readonly bound: number;
  /** For people, such as `≥ 0.85 × bare node:http`. */
  readonly text: string;
}

/** A goal, and the number that was measured against it. */
export interface Verdict {
  readonly goal: Goal;
  readonly value: number;
  /** For people, such as `0.91 ×`. */
  readonly text: string;
}

export interface Row {
  /** What was measured. */
  readonly title: string;
  /** Absent where the row is there to look at only. */
  readonly verdict?: Verdict;
  readonly sides: readonly Measured[];
  /** Where there are no sides: what the value was made of, in its unit. */
  readonly samples?: readonly number[];
  /** What an operation is, where it is no request of one key. */
  readonly unit?: string;
  /** What else is to be known of it. */
  readonly notes: readonly string[];
}

/** A family of rows that could not be measured. */
export interface Missing {
  readonly family: string;
  readonly why: string;
  /** Whether something broke; else a part is not there, or nobody asked for it. */
  readonly failed: boolean;
}

/** How far a goal was reached: 1 and above is met, 2 is twice as good as asked. */
export function reached({ goal, value }: Verdict): number {
  return goal.kind === 'at least' ? value / goal.bound : goal.bound / value;
}

export function isMet(verdict: Verdict): boolean {
  return reached(verdict) >= 1;
}

/** A row whose goal is a multiple of the first side's median rate, reached by the second. */
export function rateRow(
  title: string,
  [compared, ours]: readonly [Measured, Measured],
  goal?: { readonly times: number; readonly what: string },
  notes: readonly string[] = [],
): Row {
  const value = ours.median.perSecond / compared.median.perSecond;
  const best = ours.best.perSecond / compared.best.perSecond;
  const row = { title, sides: [compared, ours], notes };
  const text = `${times(value)} (best ${times(best)})`;
  if (goal === undefined) return { ...row, notes: [`${text} ${compared.name}`, ...notes] };
  const verdict: Verdict = {
    goal: { kind: 'at least', bound: goal.times, text: `≥ ${goal.times} × ${goal.what}` },
    value,
    text,
  };
  return { ...row, verdict };
}

/** A ratio with as many digits as say something. */
export function times(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ×`;
}
