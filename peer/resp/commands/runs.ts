/** What commands do, and what those that are about more than single keys may see: who calls, and the peer that serves. */
import type { Clock } from '../../../common/clock.js';
import type { Action, Context } from '../action.js';
import type { Arguments } from '../arguments.js';
import type { InputBudget } from '../budget.js';
import type { Executor } from '../executor.js';
import type { RespLimits } from '../limits.js';
import type { Reply } from '../replies.js';
import type { Session } from '../session.js';
import type { RespCluster, RespStore } from '../store.js';
import type { CommandInfo } from './command.js';
import type { CommandNames } from './names.js';

/** The version of Redis whose commands, answers and errors these are. */
export const REDIS_VERSION = '7.0.15';

/** What all connections of a peer share. */
export interface Services {
  readonly store: RespStore;
  readonly cluster: RespCluster;
  readonly executor: Executor;
  readonly limits: RespLimits;
  readonly input: InputBudget;
  readonly clock: Clock;
  /** What clients have to show; null: nothing. */
  readonly secret: string | null;
  readonly maxValueBytes: number;
  readonly port: number;
  readonly counts: Counts;
  /** The connections that are open. */
  sessions(): Iterable<Session>;
}

/** Since the start. */
export interface Counts {
  readonly startedMs: number;
  connections: number;
  refused: number;
  commands: number;
}

export interface Caller {
  readonly session: Session;
  readonly services: Services;
  /** All commands; handed in, since the table holds commands that look into it. */
  readonly commands: ReadonlyMap<string, CommandSpec>;
  /** The same, by the bytes of their names. */
  readonly names: CommandNames<CommandSpec>;
}

/** What a command does, by what it has to do with keys. */
export type Run =
  /** Works on the keys that it names, beside commands on other keys. Returns a reply where its arguments are wrong. */
  | {
      readonly kind: 'keys';
      readonly parse: (args: Arguments, context: Context) => Action | Reply;
    }
  /** Asks nobody: answers at once. */
  | { readonly kind: 'local'; readonly run: (args: readonly Buffer[], caller: Caller) => Reply }
  /** Waits until all commands before it on its connection are answered; those behind it wait for it. */
  | {
      readonly kind: 'alone';
      readonly run: (args: readonly Buffer[], caller: Caller) => Promise<Reply> | Reply;
    };

export interface CommandSpec extends CommandInfo {
  readonly run: Run;
}

/** What commands do, by their names. */
export type Runs = Readonly<Record<string, Run>>;

type Parse = Extract<Run, { kind: 'keys' }>['parse'];

/** A command on keys that takes its arguments from where they stand, since it is frequent. */
export function onPlaces(parse: Parse): Run {
  return { kind: 'keys', parse };
}

/** A command on keys. */
export function onKeys(parse: (args: readonly Buffer[], context: Context) => Action | Reply): Run {
  return { kind: 'keys', parse: (args, context) => parse(args.list(), context) };
}

/** A command that answers at once. */
export function local(run: Extract<Run, { kind: 'local' }>['run']): Run {
  return { kind: 'local', run };
}

/** A command that runs by itself. */
export function alone(run: Extract<Run, { kind: 'alone' }>['run']): Run {
  return { kind: 'alone', run };
}
