/**
 * Runs that found a bug, kept so that it stays found. A seed means the same run only as long as the simulator draws
 * the same things in the same order; so each bug also stands in `mutants.ts`, as a patch that brings it back.
 */
export interface Regression {
  readonly seed: number;
  readonly fault?: string;
  /** What was wrong. */
  readonly why: string;
}

export const REGRESSIONS: readonly Regression[] = [];
