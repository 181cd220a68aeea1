/** All that a run of the bench found out, as `--json` writes it and the table and the plot show it. */
import type { Missing, Row } from '../measuring/rows.js';

export interface FamilyResult {
  readonly family: string;
  readonly rows: readonly Row[];
}

export interface Result {
  /** The command that measured it. */
  readonly command: string;
  /** As in 2026-11-21. */
  readonly date: string;
  /** The commit of the sources; with a `+` where they were changed since. */
  readonly commit: string;
  readonly machine: string;
  /** Of everything that took part: name and version. */
  readonly versions: readonly string[];
  readonly families: readonly FamilyResult[];
  readonly missing: readonly Missing[];
}
