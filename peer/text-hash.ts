/** A hash of texts that nobody needs to fear: it is the same everywhere, so whoever chooses texts can make them meet. */

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the text's units, 0 to 2^32 - 1. Source: G. Fowler, L. C. Noll, K.-P. Vo. */
export function hashOfText(text: string): number {
  let hash = FNV_BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}
