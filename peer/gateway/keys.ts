/**
 * What a key may be, wherever it comes from: a path, a query or JSON.
 *
 * Invariant: a key that passes here is well-formed Unicode text of 1 to 1,024 bytes of UTF-8, and any such text passes:
 * `.`, `..`, `a/b`, NUL and `__proto__` are keys like any other.
 */
import { Problem } from '../../common/problems.js';
import { MAX_KEY_BYTES } from '../replication/commands.js';
import { lastSegment, percentDecode } from './target.js';

/** No character takes more bytes in UTF-8 than this for each unit of a string's length. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * The key that the last segment of a request's target spells.
 * @throws Problem `invalid-key`
 */
export function keyOfTarget(url: string): string {
  const key = percentDecode(lastSegment(url));
  if (key === null) {
    throw new Problem(
      'invalid-key',
      'The key in the path is not percent-encoded UTF-8. Write every byte outside A-Z a-z 0-9 - . _ ~ as %XX.',
    );
  }
  return requireKey(key);
}

/**
 * A key as it stands in JSON.
 * @throws Problem `invalid-key`
 */
export function keyOfJson(value: unknown): string {
  if (typeof value !== 'string') throw new Problem('invalid-key', '"key" must be a string.');
  if (!value.isWellFormed()) {
    throw new Problem('invalid-key', 'The key holds half of a surrogate pair, which is not Unicode text.');
  }
  return requireKey(value);
}

/** Whether the text is no longer than a key may be. */
export function fitsKey(text: string): boolean {
  return text.length * MAX_BYTES_PER_UNIT <= MAX_KEY_BYTES || Buffer.byteLength(text) <= MAX_KEY_BYTES;
}

function requireKey(key: string): string {
  if (key === '') throw new Problem('invalid-key', 'The key is empty; it takes at least one byte.');
  if (!fitsKey(key)) {
    const detail = `The key is ${Buffer.byteLength(key)} bytes long; at most ${MAX_KEY_BYTES} are taken.`;
    throw new Problem('invalid-key', detail);
  }
  return key;
}
