/**
 * A hash of keys that clients choose: whoever does not know the secret cannot choose keys that meet.
 *
 * Source: HalfSipHash-1-3 with 32 bits of output, J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF",
 * and the reference implementation's halfsiphash.c.
 */

/** Two words of 32 bits, random for each store. */
export type HashKey = readonly [number, number];

/** The first 64 bits of a text of hexadecimal digits. */
export function hashKeyOf(hex: string): HashKey {
  return [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8, 16), 16)];
}

const LAST_ROUNDS = 3;

/** Hashes bytes `from` to `to`; unsigned 32 bits. */
export function hashBytes([k0, k1]: HashKey, bytes: Uint8Array, from: number, to: number): number {
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  // The bytes as words, a last word of what is left with the length in its highest byte, and three rounds to end.
  const words = ((to - from) >> 2) + 1;
  for (let i = 0; i < words + LAST_ROUNDS; i++) {
    const at = from + 4 * i;
    const word = at + 4 <= to ? wholeWord(bytes, at) : i < words ? lastWord(bytes, from, at, to) : 0;
    if (i === words) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

function wholeWord(bytes: Uint8Array, at: number): number {
  const low = byte(bytes, at) | (byte(bytes, at + 1) << 8);
  return low | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24);
}

/** What is left, and the length in the highest byte. */
function lastWord(bytes: Uint8Array, from: number, at: number, to: number): number {
  let word = (to - from) << 24;
  for (let i = at; i < to; i++) word |= byte(bytes, i) << (8 * (i - at));
  return word;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
