/** Times to live of keys, and their type: EXPIRE and its like, TTL and its like, PERSIST, TYPE. */
import type { Command } from '../../replication/commands.js';
import { type Action, type Context, changing, reading, type State, type Verdict } from '../action.js';
import { type ExpiryUnit, expiryOf, expiryOption } from '../expiry.js';
import { INVALID_KEY, keyOf } from '../keys.js';
import { failure, integer, type Reply, simple } from '../replies.js';
import { wordOf } from './command.js';
import { onKeys, type Runs } from './runs.js';

type Flag = 'nx' | 'xx' | 'gt' | 'lt';

const NOT_THERE = integer(-2);
const STAYS = integer(-1);
const CLASH_NX: Reply = failure('ERR NX and XX, GT or LT options at the same time are not compatible');
const CLASH_GT_LT: Reply = failure('ERR GT and LT options at the same time are not compatible');

function expire(
  command: string,
  unit: ExpiryUnit,
): (args: readonly Buffer[], context: Context) => Action | Reply {
  return (args, context) => {
    const flags = flagsOf(args.slice(3));
    if (!(flags instanceof Set)) return flags;
    const nowMs = context.nowMs();
    const expiresAtMs = expiryOf(args[2] as Buffer, unit, true, command, nowMs);
    if (typeof expiresAtMs !== 'number') return expiresAtMs;
    const key = keyOf(args[1] as Buffer);
    if (key === undefined) return INVALID_KEY;
    const action = changing(key, (state) => expired(state, flags, expiresAtMs, nowMs));
    if (flags.size > 0) return action;
    const direct: Command =
      expiresAtMs <= nowMs
        ? { kind: 'delete', key }
        : { kind: 'expire', key, ttlMs: undefined, ...expiryOption(expiresAtMs, unit, nowMs) };
    return {
      ...action,
      direct: {
        command: direct,
        reply: (result) => integer(result.kind === 'done' && result.existed ? 1 : 0),
      },
    };
  };
}

function flagsOf(args: readonly Buffer[]): Set<Flag> | Reply {
  const flags = new Set<Flag>();
  for (const arg of args) {
    const word = wordOf(arg);
    if (word !== 'nx' && word !== 'xx' && word !== 'gt' && word !== 'lt') {
      return failure(`ERR Unsupported option ${arg.toString('latin1').slice(0, 128)}`);
    }
    flags.add(word);
  }
  if (flags.has('nx') && flags.size > 1) return CLASH_NX;
  return flags.has('gt') && flags.has('lt') ? CLASH_GT_LT : flags;
}

function expired(state: State | null, flags: ReadonlySet<Flag>, expiresAtMs: number, nowMs: number): Verdict {
  if (state === null || !allows(flags, state.expiresAtMs, expiresAtMs)) return { reply: integer(0) };
  return { reply: integer(1), next: expiresAtMs <= nowMs ? null : { value: state.value, expiresAtMs } };
}

/** Whether the flags let a time to live be replaced; a key without one lives for ever. */
function allows(flags: ReadonlySet<Flag>, old: number | undefined, next: number): boolean {
  if (flags.has('nx') && old !== undefined) return false;
  if (flags.has('xx') && old === undefined) return false;
  if (flags.has('gt') && (old === undefined || next <= old)) return false;
  return !(flags.has('lt') && old !== undefined && next >= old);
}

function persist(args: readonly Buffer[]): Action | Reply {
  const key = keyOf(args[1] as Buffer);
  if (key === undefined) return INVALID_KEY;
  return changing(key, (state) =>
    state?.expiresAtMs === undefined
      ? { reply: integer(0) }
      : { reply: integer(1), next: { value: state.value } },
  );
}

/** TTL and its like: `told` says how a moment is told at a given time. */
function ttl(told: (expiresAtMs: number, nowMs: number) => number) {
  return (args: readonly Buffer[], context: Context): Action | Reply => {
    const key = keyOf(args[1] as Buffer);
    if (key === undefined) return INVALID_KEY;
    return reading(key, (state) => {
      if (state === null) return NOT_THERE;
      const { expiresAtMs } = state;
      return expiresAtMs === undefined ? STAYS : integer(Math.floor(told(expiresAtMs, context.nowMs())));
    });
  };
}

function left(expiresAtMs: number, nowMs: number): number {
  return Math.max(0, expiresAtMs - nowMs);
}

/** Half a second and more counts as one. */
function inSeconds(ms: number): number {
  return (ms + 500) / 1000;
}

function type(args: readonly Buffer[]): Action | Reply {
  const key = keyOf(args[1] as Buffer);
  return key === undefined
    ? INVALID_KEY
    : reading(key, (state) => simple(state === null ? 'none' : 'string'));
}

/** What they do, by name. */
export const EXPIRY_RUNS: Runs = {
  expire: onKeys(expire('expire', { seconds: true, absolute: false })),
  pexpire: onKeys(expire('pexpire', { seconds: false, absolute: false })),
  expireat: onKeys(expire('expireat', { seconds: true, absolute: true })),
  pexpireat: onKeys(expire('pexpireat', { seconds: false, absolute: true })),
  ttl: onKeys(ttl((at, now) => inSeconds(left(at, now)))),
  pttl: onKeys(ttl(left)),
  expiretime: onKeys(ttl(inSeconds)),
  pexpiretime: onKeys(ttl((at) => at)),
  persist: onKeys(persist),
  type: onKeys(type),
};
