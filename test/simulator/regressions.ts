/**
 * Runs that find a bug again if it comes back. A seed means the same run only as long as the simulator draws the same
 * things in the same order; so each of these bugs also stands in `bugs.ts`, as a patch that brings it back, and the
 * seeds here are those in which that patch was found last.
 */
export interface Regression {
  readonly seed: number;
  readonly fault?: string;
  /** What was wrong. */
  readonly why: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 109,
    fault: 'slowlearn',
    why: 'a log tail sent to one process of a learner was taken by its next one (first seen in seed 68)',
  },
  {
    seed: 4,
    fault: 'newcomer',
    why: 'a rebuild took the first answer, of a peer without a map, for all (first seen in seeds 3361 and 31006)',
  },
  {
    seed: 400_859,
    why: 'two orchestrators trusted a peer that was gone for good on the word of each other',
  },
  {
    seed: 610_938,
    why: 'the simulator healed around a peer that had asked to go and never went, and so was given no copy',
  },
];
