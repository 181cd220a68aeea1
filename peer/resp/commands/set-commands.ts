/** SET with its options, SETNX, SETEX, PSETEX, and GETEX, which takes the same ones. */
import type { Command, Condition, Value } from '../../replication/commands.js';
import {
  type Action,
  type Context,
  changing,
  type Direct,
  type KeyAction,
  type State,
  type Verdict,
} from '../action.js';
import type { Arguments } from '../arguments.js';
import { SYNTAX_ERROR, TOO_LONG } from '../errors.js';
import { type ExpiryUnit, expiryOf, expiryOption } from '../expiry.js';
import { INVALID_KEY, keyAt, keyOf } from '../keys.js';
import { integer, nothing, OK, type Reply } from '../replies.js';
import { storedValue, valueAt } from '../values.js';
import { wordOf } from './command.js';
import { onKeys, onPlaces, type Runs } from './runs.js';
import { valueReply } from './string-commands.js';

const UNITS: Readonly<Record<string, ExpiryUnit>> = {
  ex: { seconds: true, absolute: false },
  px: { seconds: false, absolute: false },
  exat: { seconds: true, absolute: true },
  pxat: { seconds: false, absolute: true },
};

interface Options {
  readonly only: 'absent' | 'present' | undefined;
  readonly get: boolean;
  /** KEEPTTL, or PERSIST of GETEX. */
  readonly flag: boolean;
  readonly expiry: { readonly arg: Buffer; readonly unit: ExpiryUnit } | undefined;
}

const NO_OPTIONS: Options = { only: undefined, get: false, flag: false, expiry: undefined };

/** The options from argument `first` on; undefined where they make no sense. `flag` is the word for `Options.flag`. */
function optionsOf(
  args: readonly Buffer[],
  first: number,
  flag: string,
  words: readonly string[],
): Options | undefined {
  let options = NO_OPTIONS;
  for (let at = first; at < args.length; at++) {
    const word = wordOf(args[at]);
    const unit = Object.hasOwn(UNITS, word) ? UNITS[word] : undefined;
    if (unit !== undefined) {
      const arg = args[++at];
      const other = options.expiry !== undefined && options.expiry.unit !== unit;
      if (arg === undefined || options.flag || other) return undefined;
      options = { ...options, expiry: { arg, unit } };
    } else if (word === flag) {
      if (options.expiry !== undefined) return undefined;
      options = { ...options, flag: true };
    } else if (!words.includes(word)) return undefined;
    else if (word === 'get') options = { ...options, get: true };
    else {
      const only = word === 'nx' ? 'absent' : 'present';
      if (options.only !== undefined && options.only !== only) return undefined;
      options = { ...options, only };
    }
  }
  return options;
}

function set(args: Arguments, context: Context): Action | Reply {
  return args.length === 3 ? setPlainly(args, context) : setWithOptions(args.list(), context);
}

/** SET without options, which most are. */
function setPlainly(args: Arguments, { maxValueBytes }: Context): Action | Reply {
  const key = keyAt(args, 1);
  if (key === undefined) return INVALID_KEY;
  if (args.end(2) - args.start(2) > maxValueBytes) return TOO_LONG;
  return new PlainSet(key, valueAt(args, 2));
}

/** Its action, which is its own `direct`: one object less a command. */
class PlainSet implements KeyAction, Direct {
  readonly kind = 'key';
  readonly writes = true;
  readonly command: Command;

  constructor(
    readonly key: string,
    private readonly value: Value,
  ) {
    this.command = { kind: 'put', key, value };
  }

  get direct(): Direct {
    return this;
  }

  judge(): Verdict {
    return { reply: OK, next: { value: this.value } };
  }

  reply(): Reply {
    return OK;
  }
}

function setWithOptions(args: readonly Buffer[], context: Context): Action | Reply {
  const options = optionsOf(args, 3, 'keepttl', ['nx', 'xx', 'get']);
  if (options === undefined) return SYNTAX_ERROR;
  const [, key, value] = args as [Buffer, Buffer, Buffer];
  const { expiry } = options;
  if (expiry === undefined) return store(key, value, options, undefined, context);
  const nowMs = context.nowMs();
  const expiresAtMs = expiryOf(expiry.arg, expiry.unit, false, 'set', nowMs);
  if (typeof expiresAtMs !== 'number') return expiresAtMs;
  return store(key, value, options, { expiresAtMs, unit: expiry.unit, nowMs }, context);
}

/** When a value expires, and how that was said. */
interface Deadline {
  readonly expiresAtMs: number;
  readonly unit: ExpiryUnit;
  readonly nowMs: number;
}

/** Stores a value: by one command where the old value does not matter. */
function store(
  keyArg: Buffer,
  bytes: Buffer,
  options: Options,
  deadline: Deadline | undefined,
  { protocol, maxValueBytes }: Context,
): Action | Reply {
  const key = keyOf(keyArg);
  if (key === undefined) return INVALID_KEY;
  if (bytes.length > maxValueBytes) return TOO_LONG;
  const value = storedValue(bytes);
  const no = nothing(protocol);
  const action = changing(key, (state) => {
    const reply = options.get ? valueReply(state, protocol) : OK;
    const wrong = options.only !== undefined && (options.only === 'absent') !== (state === null);
    if (wrong) return { reply: options.get ? reply : no };
    return { reply, next: nextOf(value, state, options, deadline) };
  });
  if (options.get || options.flag) return action;
  const command = putOf(key, value, deadline, conditionOf(options.only));
  return { ...action, direct: { command, reply: (result) => (result.kind === 'done' ? OK : no) } };
}

function nextOf(
  value: Value,
  state: State | null,
  { flag }: Options,
  deadline: Deadline | undefined,
): State | null {
  if (flag) return { value, expiresAtMs: state?.expiresAtMs };
  return isOver(deadline) ? null : { value, expiresAtMs: deadline?.expiresAtMs };
}

/** The one command that stores it: what expires at once is stored nowhere. */
function putOf(
  key: string,
  value: Value,
  deadline: Deadline | undefined,
  condition: Condition | undefined,
): Command {
  const when = condition === undefined ? undefined : { condition };
  if (isOver(deadline)) return { kind: 'delete', key, ...when };
  if (deadline === undefined) return { kind: 'put', key, value, ...when };
  const { expiresAtMs, unit, nowMs } = deadline;
  return { kind: 'put', key, value, ...expiryOption(expiresAtMs, unit, nowMs), ...when };
}

function isOver(deadline: Deadline | undefined): boolean {
  return deadline !== undefined && deadline.expiresAtMs <= deadline.nowMs;
}

function conditionOf(only: Options['only']): Condition | undefined {
  return only === undefined ? undefined : { kind: only };
}

function setNx(args: readonly Buffer[], context: Context): Action | Reply {
  const options: Options = { ...NO_OPTIONS, only: 'absent' };
  const action = store(args[1] as Buffer, args[2] as Buffer, options, undefined, context);
  if (typeof action !== 'object' || !('kind' in action) || action.kind !== 'key') return action;
  const { direct } = action;
  return {
    ...action,
    judge: (state: State | null) => {
      const { next } = action.judge(state);
      return { reply: integer(state === null ? 1 : 0), next };
    },
    direct: direct && { ...direct, reply: (result) => integer(result.kind === 'done' ? 1 : 0) },
  };
}

/** SETEX and PSETEX: the time comes before the value. */
function setEx(
  command: string,
  unit: ExpiryUnit,
): (args: readonly Buffer[], context: Context) => Action | Reply {
  return (args, context) => {
    const nowMs = context.nowMs();
    const expiresAtMs = expiryOf(args[2] as Buffer, unit, false, command, nowMs);
    if (typeof expiresAtMs !== 'number') return expiresAtMs;
    return store(args[1] as Buffer, args[3] as Buffer, NO_OPTIONS, { expiresAtMs, unit, nowMs }, context);
  };
}

function getEx(args: readonly Buffer[], context: Context): Action | Reply {
  const options = optionsOf(args, 2, 'persist', []);
  if (options === undefined) return SYNTAX_ERROR;
  const key = keyOf(args[1] as Buffer);
  if (key === undefined) return INVALID_KEY;
  const { protocol } = context;
  const nowMs = context.nowMs();
  const { expiry, flag } = options;
  const judge = (state: State | null): Verdict => {
    const reply = valueReply(state, protocol);
    if (state === null) return { reply };
    if (flag) return { reply, next: state.expiresAtMs === undefined ? undefined : { value: state.value } };
    if (expiry === undefined) return { reply };
    const expiresAtMs = expiryOf(expiry.arg, expiry.unit, false, 'getex', nowMs);
    if (typeof expiresAtMs !== 'number') return { reply: expiresAtMs };
    return { reply, next: expiresAtMs <= nowMs ? null : { value: state.value, expiresAtMs } };
  };
  return { kind: 'key', key, writes: flag || expiry !== undefined, judge };
}

/** What they do, by name. */
export const SET_RUNS: Runs = {
  set: onPlaces(set),
  setnx: onKeys(setNx),
  setex: onKeys(setEx('setex', UNITS.ex as ExpiryUnit)),
  psetex: onKeys(setEx('psetex', UNITS.px as ExpiryUnit)),
  getex: onKeys(getEx),
};
