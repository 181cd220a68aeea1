/**
 * Times to live as commands give them: seconds or milliseconds, from now or since 1970.
 * Source: `getExpireMillisecondsOrReply` and `expireGenericCommand` of Redis 7.
 */
import { invalidExpiry, NOT_AN_INTEGER } from './errors.js';
import { integerOf } from './numbers.js';
import type { Reply } from './replies.js';

/** How a command says when a key expires. */
export interface ExpiryUnit {
  readonly seconds: boolean;
  /** A moment rather than a span. */
  readonly absolute: boolean;
}

/** The last moment that a date can name; what would expire later expires then. */
const LAST_MS = 8_640_000_000_000_000;
const MAX_INTEGER = 2n ** 63n - 1n;
const MIN_INTEGER = -(2n ** 63n);

/** How a command of the store says it: a span by the primary's clock, a moment as it stands. */
export function expiryOption(
  expiresAtMs: number,
  { absolute }: ExpiryUnit,
  nowMs: number,
): { readonly ttlMs: number } | { readonly expiresAtMs: number } {
  return absolute ? { expiresAtMs } : { ttlMs: expiresAtMs - nowMs };
}

/** When the key expires, in wall-clock ms; or what is wrong. `anySign`: a moment that is over is none of the errors. */
export function expiryOf(
  arg: Buffer,
  { seconds, absolute }: ExpiryUnit,
  anySign: boolean,
  command: string,
  nowMs: number,
): number | Reply {
  const value = integerOf(arg);
  if (value === undefined) return NOT_AN_INTEGER;
  if (!anySign && value <= 0n) return invalidExpiry(command);
  const ms = seconds ? value * 1000n : value;
  const at = absolute ? ms : ms + BigInt(Math.floor(nowMs));
  const tooFar = ms > MAX_INTEGER || ms < MIN_INTEGER || at > MAX_INTEGER;
  if (tooFar || (!anySign && at <= 0n)) return invalidExpiry(command);
  return Number(at > LAST_MS ? LAST_MS : at);
}
