/** What a command is: how it is called, and which of its arguments are keys. */

/** Which arguments are keys, counted from the name at 0; `last` may count from the end (-1). */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface CommandInfo {
  /** In small letters. */
  readonly name: string;
  /** Arguments with the name; below 0: at least so many. */
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keys: KeyPositions;
  readonly group: string;
  /** The version of Redis that brought it. */
  readonly since: string;
  readonly summary: string;
}

export const NO_KEYS: KeyPositions = { first: 0, last: 0, step: 0 };
export const ONE_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
/** Keys, each followed by a value. */
export const PAIRS: KeyPositions = { first: 1, last: -1, step: 2 };

/** Whether a command takes this many arguments, its name among them. */
export function takes(spec: CommandInfo, count: number): boolean {
  return spec.arity >= 0 ? count === spec.arity : count >= -spec.arity;
}

/** An argument as a word of the command's own language. */
export function wordOf(arg: Buffer | undefined): string {
  return arg === undefined ? '' : arg.toString('latin1').toLowerCase();
}
