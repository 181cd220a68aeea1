/**
 * Commands on several keys: MGET, MSET, MSETNX, DEL, UNLINK, EXISTS, TOUCH.
 *
 * What they read, they read key by key. What they write, they write as one where all keys are in one partition; else key by
 * key, which MSETNX refuses.
 */
import type { Change } from '../../replication/commands.js';
import type { Action, Context, State } from '../action.js';
import { TOO_LONG, wrongArity } from '../errors.js';
import { INVALID_KEY, keysOf } from '../keys.js';
import { integer, list, OK, type Reply } from '../replies.js';
import { storedValue } from '../values.js';
import { onKeys, type Runs } from './runs.js';
import { valueReply } from './string-commands.js';

function mget(args: readonly Buffer[], { protocol }: Context): Action | Reply {
  return reading(args, (states) => list(states.map((state) => valueReply(state, protocol))));
}

/** EXISTS and TOUCH: a key that is named twice counts twice. */
function count(args: readonly Buffer[]): Action | Reply {
  return reading(args, (states) => integer(states.filter((state) => state !== null).length));
}

function reading(
  args: readonly Buffer[],
  reply: (states: readonly (State | null)[]) => Reply,
): Action | Reply {
  const keys = keysOf(args.slice(1));
  if (keys === undefined) return INVALID_KEY;
  return { kind: 'keys', keys, writes: false, judge: (states) => ({ reply: reply(states), next: [] }) };
}

function del(args: readonly Buffer[]): Action | Reply {
  const named = keysOf(args.slice(1));
  if (named === undefined) return INVALID_KEY;
  const keys = [...new Set(named)];
  const changes = keys.map((key): Change => ({ kind: 'delete', key }));
  const [only] = changes;
  if (only !== undefined && changes.length === 1) {
    return {
      kind: 'key',
      key: only.key,
      writes: true,
      judge: (state) => (state === null ? { reply: integer(0) } : { reply: integer(1), next: null }),
      direct: {
        command: only,
        reply: (result) => integer(result.kind === 'done' && result.existed ? 1 : 0),
      },
    };
  }
  return {
    kind: 'keys',
    keys,
    writes: true,
    judge: (states) => ({
      reply: integer(states.filter((state) => state !== null).length),
      next: states.map((state) => (state === null ? undefined : null)),
    }),
    blind: { changes, reply: integer },
  };
}

function mset(args: readonly Buffer[], { maxValueBytes }: Context): Action | Reply {
  const pairs = pairsOf(args, 'mset', maxValueBytes);
  if (!(pairs instanceof Map)) return pairs;
  const states = [...pairs.values()];
  return {
    kind: 'keys',
    keys: [...pairs.keys()],
    writes: true,
    judge: () => ({ reply: OK, next: states }),
    blind: {
      changes: [...pairs].map(([key, { value }]): Change => ({ kind: 'put', key, value })),
      reply: () => OK,
    },
  };
}

function msetNx(args: readonly Buffer[], { maxValueBytes }: Context): Action | Reply {
  const pairs = pairsOf(args, 'msetnx', maxValueBytes);
  if (!(pairs instanceof Map)) return pairs;
  const next = [...pairs.values()];
  return {
    kind: 'keys',
    keys: [...pairs.keys()],
    writes: true,
    judge: (states) =>
      states.some((state) => state !== null) ? { reply: integer(0), next: [] } : { reply: integer(1), next },
  };
}

/** What each key is to hold; of a key that is named twice the last value counts. */
function pairsOf(
  args: readonly Buffer[],
  command: string,
  maxValueBytes: number,
): Map<string, State> | Reply {
  if (args.length % 2 === 0) return wrongArity(command);
  const pairs = new Map<string, State>();
  for (let at = 1; at < args.length; at += 2) {
    const [key] = keysOf([args[at] as Buffer]) ?? [];
    const bytes = args[at + 1] as Buffer;
    if (key === undefined) return INVALID_KEY;
    if (bytes.length > maxValueBytes) return TOO_LONG;
    pairs.set(key, { value: storedValue(bytes) });
  }
  return pairs;
}

/** What they do, by name. */
export const MANY_RUNS: Runs = {
  mget: onKeys(mget),
  mset: onKeys(mset),
  msetnx: onKeys(msetNx),
  del: onKeys(del),
  unlink: onKeys(del),
  exists: onKeys(count),
  touch: onKeys(count),
};
