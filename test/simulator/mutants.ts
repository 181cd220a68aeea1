/**
 * The rules of the protocol, each switched off once. The names are those of the specification's own model; the texts
 * are those of the compiled core, and a text that is gone makes the run fail loudly.
 */
import type { Patch } from './mutant-tree.js';

export interface Mutant {
  readonly name: string;
  /** The rule of the specification that it breaks. */
  readonly rule: string;
  readonly patches: readonly Patch[];
  /** The faults that aim at it. */
  readonly options: readonly string[];
  /** Seeds within which it must be found. */
  readonly seeds: number;
}

/** One mutant a rule. */
export const MUTANTS: readonly Mutant[] = [];
