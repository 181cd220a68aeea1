/** What a command is: how it is called, which of its arguments are keys, and what it does. */
import type { Action, Context } from '../action.js';
import type { Reply } from '../replies.js';
import type { Caller } from './caller.js';

/** Which arguments are keys, counted from the name at 0; `last` may count from the end (-1). */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** What a command does, by what it has to do with keys. */
export type Run =
  /** Works on the keys that it names, beside commands on other keys. Returns a reply where its arguments are wrong. */
  | {
      readonly kind: 'keys';
      readonly parse: (args: readonly Buffer[], context: Context) => Action | Reply;
    }
  /** Asks nobody: answers at once. */
  | { readonly kind: 'local'; readonly run: (args: readonly Buffer[], caller: Caller) => Reply }
  /** Waits until all commands before it on its connection are answered; those behind it wait for it. */
  | {
      readonly kind: 'alone';
      readonly run: (args: readonly Buffer[], caller: Caller) => Promise<Reply> | Reply;
    };

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

export interface CommandSpec extends CommandInfo {
  readonly run: Run;
}

/** What commands do, by their names. */
export type Runs = Readonly<Record<string, Run>>;

export const NO_KEYS: KeyPositions = { first: 0, last: 0, step: 0 };
export const ONE_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
/** Keys, each followed by a value. */
export const PAIRS: KeyPositions = { first: 1, last: -1, step: 2 };

/** Whether a command takes this many arguments, its name among them. */
export function takes(spec: CommandInfo, count: number): boolean {
  return spec.arity >= 0 ? count === spec.arity : count >= -spec.arity;
}

type Parse = Extract<Run, { kind: 'keys' }>['parse'];

/** A command on keys. */
export function onKeys(parse: Parse): Run {
  return { kind: 'keys', parse };
}

/** A command that answers at once. */
export function local(run: Extract<Run, { kind: 'local' }>['run']): Run {
  return { kind: 'local', run };
}

/** A command that runs by itself. */
export function alone(run: Extract<Run, { kind: 'alone' }>['run']): Run {
  return { kind: 'alone', run };
}

/** An argument as a word of the command's own language. */
export function wordOf(arg: Buffer | undefined): string {
  return arg === undefined ? '' : arg.toString('latin1').toLowerCase();
}
