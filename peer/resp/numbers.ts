/**
 * Numbers as Redis reads them: no blanks, no plus sign, no leading zeros.
 * Source: `string2ll` of Redis.
 */

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

/** A signed integer of 64 bits, or undefined. */
export function integerOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0 || bytes.length > 20) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return value >= MIN_INTEGER && value <= MAX_INTEGER ? value : undefined;
}

/** An integer cut to what a number holds exactly: for counts and positions, where more is as good as that. */
export function positionOf(bytes: Uint8Array): number | undefined {
  const value = integerOf(bytes);
  if (value === undefined) return undefined;
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > most ? most : value < -most ? -most : value);
}
