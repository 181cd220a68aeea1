/** The order of keys: that of their UTF-8 bytes, so that it is the same in every engine and on every peer. */

const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/**
 * Compares two well-formed strings as their UTF-8 bytes would compare, without encoding them.
 *
 * UTF-16 units order as UTF-8 does, but for surrogates: they stand for code points above U+FFFF and yet are smaller than
 * U+E000 to U+FFFF. Source: the Unicode Standard, chapter 5.17, "Binary Order".
 * @returns below 0, 0 or above 0
 */
export function compareBytes(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** A unit's place in the order of code points: surrogates after all others. */
function rank(unit: number): number {
  return unit >= FIRST_SURROGATE && unit <= LAST_SURROGATE ? unit + 0x10000 : unit;
}
