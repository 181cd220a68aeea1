/**
 * Judges a write against the newest values in the log: what it does, and what its client is told (W1).
 *
 * Kept true: plain functions of their arguments. Only the primary calls them, once a write; what they say is
 * logged, also when it is "no".
 */

import {
  type Append,
  type Change,
  type Command,
  type Condition,
  type Effect,
  type Expire,
  type FailureReason,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEYS,
  MAX_VALUE_BYTES,
  type Put,
  type Result,
  type Transaction,
  type Value,
  type Version,
} from './commands.js';
import type { Row } from './entry.js';

/** What to log: the effect and the result. */
export interface Judgement {
  readonly effect: Effect;
  readonly result: Result;
}

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const INTEGER = /^(?:0|-?[1-9]\d*)$/;
const MAX_INTEGER_CHARS = 20;
const NO_EFFECT: Effect = { kind: 'none' };

/** Whether what comes of the command depends on the bytes or the type of the value that is there. */
export function readsValue({ kind, condition }: Command): boolean {
  return (kind !== 'put' && kind !== 'delete') || condition?.kind === 'value';
}

/**
 * Judges `command` against `row`, the newest of its key (undefined or a tombstone: not there), whose value may be UNREAD
 * unless `readsValue`. `version` is that of the entry to be made, `wallMs` the primary's wall clock, from which times to
 * live count.
 */
export function evaluate(
  command: Command,
  row: Row | undefined,
  version: Version,
  wallMs: number,
): Judgement {
  const live = liveOf(row);
  if (command.condition !== undefined && !holds(command.condition, live)) return failed('condition', live);
  const existed = live !== undefined;
  switch (command.kind) {
    case 'put': {
      const effect = put(command.value, expiryOf(command, wallMs));
      return { effect, result: { kind: 'done', version, existed } };
    }
    case 'delete':
      return { effect: { kind: 'delete' }, result: { kind: 'done', version, existed } };
    case 'expire': {
      if (live === undefined || live.value === null) return failed('not-found', live);
      const effect = put(live.value, expiryOf(command, wallMs));
      return { effect, result: { kind: 'done', version, existed } };
    }
    case 'increment':
      return increment(command.by, live, version);
    case 'append':
      return append(command, live, version);
  }
}

/**
 * Judges a transaction against `rows`, the newest of all keys that it names. One that changes nothing only says whether its
 * keys have the versions that were read.
 */
export function evaluateTransaction(
  { reads, changes }: Transaction,
  rows: ReadonlyMap<string, Row | undefined>,
  version: Version,
): Judgement {
  for (const { key, version: seen } of reads) {
    const live = liveOf(rows.get(key));
    if (live?.epoch !== seen?.epoch || live?.seq !== seen?.seq) return failed('condition', live);
  }
  const made = new Map<string, Change>();
  for (const change of changes) made.set(change.key, change);
  let existed = 0;
  for (const key of made.keys()) if (liveOf(rows.get(key)) !== undefined) existed++;
  const effect: Effect = made.size === 0 ? NO_EFFECT : { kind: 'several', changes: made };
  return { effect, result: { kind: 'done', version, existed: existed > 0, number: BigInt(existed) } };
}

/** What is logged of a transaction that `isTooLarge`. */
export const TOO_LARGE: Judgement = failed('too-large', undefined);

/** Whether a transaction is beyond what a partition takes as one. */
export function isTooLarge({ reads, changes }: Transaction): boolean {
  if (Math.max(reads.length, changes.length) > MAX_TRANSACTION_KEYS) return true;
  let bytes = 0;
  for (const change of changes) {
    bytes += change.key.length + (change.kind === 'put' ? change.value.bytes.length : 0);
  }
  return bytes > MAX_TRANSACTION_BYTES;
}

function liveOf(row: Row | undefined): Row | undefined {
  return row !== undefined && row.value !== null ? row : undefined;
}

function holds(condition: Condition, live: Row | undefined): boolean {
  switch (condition.kind) {
    case 'absent':
      return live === undefined;
    case 'present':
      return live !== undefined;
    case 'version':
      return live?.epoch === condition.version.epoch && live.seq === condition.version.seq;
    case 'value':
      return live?.value != null && Buffer.compare(live.value.bytes, condition.bytes) === 0;
  }
}

/** When the key is to expire, if it is to. */
function expiryOf({ ttlMs, expiresAtMs }: Put | Expire, wallMs: number): number | undefined {
  return expiresAtMs ?? (ttlMs === undefined ? undefined : wallMs + ttlMs);
}

function put(value: Value, expiresAtMs: number | undefined): Effect {
  return expiresAtMs === undefined ? { kind: 'put', value } : { kind: 'put', value, expiresAtMs };
}

function failed(reason: FailureReason, live: Row | undefined): Judgement {
  const actual = live === undefined ? null : { epoch: live.epoch, seq: live.seq };
  return { effect: NO_EFFECT, result: { kind: 'failed', reason, actual } };
}

function increment(by: bigint, live: Row | undefined, version: Version): Judgement {
  const old = live?.value == null ? 0n : integerOf(live.value.bytes);
  if (old === undefined) return failed('not-an-integer', live);
  const number = old + by;
  if (!fits(number)) return failed('overflow', live);
  const type = live?.value?.type ?? 'text/plain; charset=utf-8';
  const effect = put({ bytes: Buffer.from(number.toString()), type }, live?.expiresAtMs);
  return { effect, result: { kind: 'done', version, existed: live !== undefined, number } };
}

/** The number that the bytes spell, as Redis reads one: of 64 bits, without a plus, blanks or zeros before it. */
function integerOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length > MAX_INTEGER_CHARS) return undefined;
  const text = Buffer.from(bytes).toString('latin1');
  if (!INTEGER.test(text)) return undefined;
  const number = BigInt(text);
  return fits(number) ? number : undefined;
}

function fits(number: bigint): boolean {
  return number >= MIN_INTEGER && number <= MAX_INTEGER;
}

function append(
  { bytes, type, maxBytes = MAX_VALUE_BYTES }: Append,
  live: Row | undefined,
  version: Version,
): Judgement {
  const old = live?.value ?? { bytes: new Uint8Array(0), type };
  const length = old.bytes.length + bytes.length;
  if (length > Math.min(maxBytes, MAX_VALUE_BYTES)) return failed('too-large', live);
  const effect = put({ bytes: Buffer.concat([old.bytes, bytes], length), type: old.type }, live?.expiresAtMs);
  return { effect, result: { kind: 'done', version, existed: live !== undefined, length } };
}
