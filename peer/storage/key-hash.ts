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

/** Hashes bytes `from` to `to`; unsigned 32 bits. */
export function hashBytes([k0, k1]: HashKey, bytes: Uint8Array, from: number, to: number): number {
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  let word = 0;
  let shift = 0;
  // The bytes as words, and a last word of what is left with the length in its highest byte; then 0xff ends, with 3 rounds.
  const length = to - from;
  const words = (length >> 2) + 1;
  let at = from;
  for (let i = 0; i < words; i++) {
    if (i < words - 1) {
      word =
        byte(bytes, at) |
        (byte(bytes, at + 1) << 8) |
        (byte(bytes, at + 2) << 16) |
        (byte(bytes, at + 3) << 24);
      at += 4;
    } else {
      word = length << 24;
      for (shift = 0; at < to; shift += 8) word |= byte(bytes, at++) << shift;
    }
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
  v2 ^= 0xff;
  for (let i = 0; i < 3; i++) {
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
  }
  return (v1 ^ v3) >>> 0;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
