/**
 * Times to live as clients write them: `?ttl=30s` and `"ttl": "30s"`.
 *
 * Invariant: what passes is a whole number of milliseconds from 1 to MAX_TTL_MS.
 */
import { Problem } from '../../common/problems.js';

/** Ten years of 365 days. What is to stay longer is kept without one. */
const MAX_TTL_MS = 3_650 * 24 * 60 * 60 * 1_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const FORM = /^(\d{1,15})(ms|s|m|h|d)?$/;

/** @throws Problem `invalid-ttl` */
export function ttlOfText(text: string): number {
  const [, digits, unit = 's'] = FORM.exec(text) ?? [];
  if (digits === undefined) {
    throw new Problem(
      'invalid-ttl',
      'A ttl is a whole number of seconds, or one with a unit: 1500ms, 30s, 5m, 12h or 7d.',
    );
  }
  const ttlMs = Number(digits) * (UNIT_MS[unit] as number);
  if (ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return ttlMs;
  throw new Problem('invalid-ttl', 'A ttl is 1ms at least and 3650d at most; leave it out to keep the key.');
}

/** The member `ttl` of an item in JSON: a text as above, or a number of seconds. @throws Problem `invalid-ttl` */
export function ttlOfJson(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return ttlOfText(value);
  if (typeof value === 'number') return ttlOfText(String(value));
  throw new Problem('invalid-ttl', '"ttl" is a number of seconds, or a text such as "30s".');
}
