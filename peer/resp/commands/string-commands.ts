/** Commands on the bytes of one key: GET, STRLEN, GETRANGE, GETSET, GETDEL, APPEND, SETRANGE. */

import { typeOf } from '../../media-types.js';
import { type Action, type Context, changing, type KeyAction, reading, type State } from '../action.js';
import type { Arguments } from '../arguments.js';
import { NOT_AN_INTEGER, TOO_LONG } from '../errors.js';
import { INVALID_KEY, keyAt, keyOf } from '../keys.js';
import { positionOf } from '../numbers.js';
import { bulk, failure, integer, nothing, type Protocol, type Reply } from '../replies.js';
import { copyOf, storedValue } from '../values.js';
import { onKeys, onPlaces, type Runs } from './runs.js';

const OFFSET_ERROR: Reply = failure('ERR offset is out of range');
const NO_BYTES = new Uint8Array(0);

/** The answer of GET, ready for each version of the protocol. */
const valueReplies: Readonly<Record<Protocol, (state: State | null) => { readonly reply: Reply }>> = {
  2: (state) => ({ reply: valueReply(state, 2) }),
  3: (state) => ({ reply: valueReply(state, 3) }),
};

/** The value of a key, or nothing. */
export function valueReply(state: State | null, protocol: Protocol): Reply {
  return state === null ? nothing(protocol) : bulk(state.value.bytes);
}

function get(args: Arguments, { protocol }: Context): Action | Reply {
  const key = keyAt(args, 1);
  if (key === undefined) return INVALID_KEY;
  return { kind: 'key', key, writes: false, judge: valueReplies[protocol] };
}

function strlen(args: readonly Buffer[]): Action | Reply {
  return withKey(args, (key) => reading(key, (state) => integer(bytesOf(state).length)));
}

function getRange(args: readonly Buffer[]): Action | Reply {
  const start = positionOf(args[2] as Buffer);
  const end = positionOf(args[3] as Buffer);
  if (start === undefined || end === undefined) return NOT_AN_INTEGER;
  return withKey(args, (key) => reading(key, (state) => bulk(range(bytesOf(state), start, end))));
}

/** The bytes from `start` to `end`, both included; below 0 they count from the end. */
function range(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const { length } = bytes;
  if (start < 0 && end < 0 && start > end) return NO_BYTES;
  const from = Math.max(0, start < 0 ? length + start : start);
  const to = Math.min(length - 1, Math.max(0, end < 0 ? length + end : end));
  if (from > to) return NO_BYTES;
  const part = bytes.subarray(from, to + 1);
  // An answer that waits for the client must not keep more of a value than it counts.
  return part.length * 2 < length ? Uint8Array.prototype.slice.call(part) : part;
}

function getSet(args: readonly Buffer[], { protocol, maxValueBytes }: Context): Action | Reply {
  const bytes = args[2] as Buffer;
  if (bytes.length > maxValueBytes) return TOO_LONG;
  const value = storedValue(bytes);
  return withKey(args, (key) =>
    changing(key, (state) => ({ reply: valueReply(state, protocol), next: { value } })),
  );
}

function getDel(args: readonly Buffer[], { protocol }: Context): Action | Reply {
  return withKey(args, (key) =>
    changing(key, (state) => ({
      reply: valueReply(state, protocol),
      next: state === null ? undefined : null,
    })),
  );
}

function append(args: readonly Buffer[], { maxValueBytes }: Context): Action | Reply {
  const bytes = copyOf(args[2] as Buffer);
  const type = typeOf(bytes);
  return withKey(args, (key) => ({
    ...changing(key, (state) => {
      const old = state?.value ?? { bytes: NO_BYTES, type };
      const length = old.bytes.length + bytes.length;
      if (length > maxValueBytes) return { reply: TOO_LONG };
      const value = { bytes: Buffer.concat([old.bytes, bytes], length), type: old.type };
      return { reply: integer(length), next: { value, expiresAtMs: state?.expiresAtMs } };
    }),
    direct: {
      command: { kind: 'append', key, bytes, type, maxBytes: maxValueBytes },
      reply: (result) => (result.kind === 'done' ? integer(result.length as number) : TOO_LONG),
    },
  }));
}

function setRange(args: readonly Buffer[], { maxValueBytes }: Context): Action | Reply {
  const offset = positionOf(args[2] as Buffer);
  if (offset === undefined) return NOT_AN_INTEGER;
  if (offset < 0) return OFFSET_ERROR;
  const patch = copyOf(args[3] as Buffer);
  return withKey(args, (key) =>
    changing(key, (state) => {
      const old = bytesOf(state);
      if (patch.length === 0) return { reply: integer(old.length) };
      const length = Math.max(old.length, offset + patch.length);
      if (length > maxValueBytes) return { reply: TOO_LONG };
      const bytes = Buffer.alloc(length);
      bytes.set(old);
      bytes.set(patch, offset);
      const value = { bytes, type: state?.value.type ?? typeOf(bytes) };
      return { reply: integer(length), next: { value, expiresAtMs: state?.expiresAtMs } };
    }),
  );
}

function withKey(args: readonly Buffer[], action: (key: string) => KeyAction): Action | Reply {
  const key = keyOf(args[1] as Buffer);
  return key === undefined ? INVALID_KEY : action(key);
}

function bytesOf(state: State | null): Uint8Array {
  return state === null ? NO_BYTES : state.value.bytes;
}

/** What they do, by name. */
export const STRING_RUNS: Runs = {
  get: onPlaces(get),
  strlen: onKeys(strlen),
  getrange: onKeys(getRange),
  substr: onKeys(getRange),
  getset: onKeys(getSet),
  getdel: onKeys(getDel),
  append: onKeys(append),
  setrange: onKeys(setRange),
};
