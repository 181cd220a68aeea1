/** INCR, INCRBY, DECR, DECRBY, INCRBYFLOAT. */

import { TEXT_TYPE } from '../../media-types.js';
import type { Result } from '../../replication/commands.js';
import { type Action, changing, type State, type Verdict } from '../action.js';
import { NOT_A_FLOAT, NOT_AN_INTEGER, OVERFLOW } from '../errors.js';
import { INVALID_KEY, keyOf } from '../keys.js';
import { LongDouble } from '../long-double.js';
import { integerOf } from '../numbers.js';
import { bulk, failure, integer, type Reply } from '../replies.js';
import { onKeys, type Runs } from './runs.js';

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const DECREMENT_OVERFLOW: Reply = failure('ERR decrement would overflow');
const NOT_A_NUMBER: Reply = failure('ERR increment would produce NaN or Infinity');

function step(by: bigint): (args: readonly Buffer[]) => Action | Reply {
  return (args) => add(args[1] as Buffer, by);
}

function incrBy(args: readonly Buffer[]): Action | Reply {
  const by = integerOf(args[2] as Buffer);
  return by === undefined ? NOT_AN_INTEGER : add(args[1] as Buffer, by);
}

function decrBy(args: readonly Buffer[]): Action | Reply {
  const by = integerOf(args[2] as Buffer);
  if (by === undefined) return NOT_AN_INTEGER;
  return by === MIN_INTEGER ? DECREMENT_OVERFLOW : add(args[1] as Buffer, -by);
}

function add(keyArg: Buffer, by: bigint): Action | Reply {
  const key = keyOf(keyArg);
  if (key === undefined) return INVALID_KEY;
  return {
    ...changing(key, (state) => sum(state, by)),
    direct: { command: { kind: 'increment', key, by }, reply: sumReply },
  };
}

function sum(state: State | null, by: bigint): Verdict {
  const old = state === null ? 0n : integerOf(state.value.bytes);
  if (old === undefined) return { reply: NOT_AN_INTEGER };
  const number = old + by;
  if (number < MIN_INTEGER || number > MAX_INTEGER) return { reply: OVERFLOW };
  return { reply: integer(number), next: changed(state, Buffer.from(number.toString())) };
}

function sumReply(result: Result): Reply {
  if (result.kind === 'done') return integer(result.number as bigint);
  return result.reason === 'overflow' ? OVERFLOW : NOT_AN_INTEGER;
}

function incrByFloat(args: readonly Buffer[]): Action | Reply {
  const key = keyOf(args[1] as Buffer);
  const by = LongDouble.parse(args[2] as Buffer);
  if (key === undefined) return INVALID_KEY;
  return changing(key, (state) => {
    const old = state === null ? LongDouble.ZERO : LongDouble.parse(state.value.bytes);
    if (old === undefined || by === undefined) return { reply: NOT_A_FLOAT };
    const total = old.plus(by);
    if (total === undefined) return { reply: NOT_A_NUMBER };
    const bytes = Buffer.from(total.toString());
    return { reply: bulk(bytes), next: changed(state, bytes) };
  });
}

/** The type and the time to live stay. */
function changed(state: State | null, bytes: Buffer): State {
  const type = state?.value.type ?? TEXT_TYPE;
  return { value: { bytes, type }, expiresAtMs: state?.expiresAtMs };
}

/** What they do, by name. */
export const COUNTER_RUNS: Runs = {
  incr: onKeys(step(1n)),
  decr: onKeys(step(-1n)),
  incrby: onKeys(incrBy),
  decrby: onKeys(decrBy),
  incrbyfloat: onKeys(incrByFloat),
};
