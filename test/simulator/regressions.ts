/**
 * Runs that find a bug again if it comes back. A seed means the same run only as long as the simulator draws the same
 * things in the same order; so each of these bugs also stands in `bugs.ts`, as a patch that brings it back, and the
 * seeds here are those in which that patch was found last. At the end stand seeds that found a bug once, whose runs have
 * changed since; unit tests keep what they found.
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
  { seed: 2, fault: 'forgetfulsuccessor', why: 'ALIGN left before the new epoch was durable (review)' },
  { seed: 76, fault: 'hunglearner', why: 'JOIN left before what was learned was durable (review)' },
  {
    seed: 1,
    fault: 'stalledjudge',
    why: 'an orchestrator that had stood still took out whom it had not heard before, and left a peer that was gone',
  },
  { seed: 1, fault: 'hungdisk', why: 'a primary whose own disk hung stayed primary' },
  { seed: 10, why: 'once: a register read that was overtaken was taken for a lost registry' },
  { seed: 20_172, why: 'once: a read that waited for the end of its turn was never given up' },
  { seed: 101_883, why: 'once: a value was shown after its time to live' },
  { seed: 607_955, why: 'once: a peer that a map had left out ran a write twice' },
  { seed: 609_792, why: 'once: a drained peer that came back could never write again' },
  { seed: 620_670, why: 'once: a peer that a map had left out ran a write twice' },
  { seed: 622_285, why: 'once: each message behind a lost one was answered with a whole window' },
  { seed: 700_745, why: 'once: a registry was lost while a map counted on a peer that was gone for good' },
  { seed: 1_111_988, why: 'once: a drain was carried out after the last undrain' },
  {
    seed: 400_859,
    why: 'once: two orchestrators trusted a peer that was gone for good on the word of each other',
  },
  { seed: 610_938, why: 'once: the simulator healed around a peer that had asked to go and never went' },
  {
    seed: 2_151,
    why: 'a rebuilt registry took a wiped peer for the process that had asked to go, since both were its first',
  },
  { seed: 1_126_922, why: 'once: the orchestrator that had stood still, as above' },
  { seed: 1_129_892, why: 'once: the same, with two orchestrators' },
];
