/**
 * Headers that ask for more than the plain request.
 *
 * Invariant: a header that would make a write conditional or repeatable is served or refused, never ignored: a client
 * that sent it relies on it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../../common/problems.js';

/** Write options of the contract, and of HTTP, that this version does not serve. */
const NOT_BUILT = [
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'if-modified-since',
  'idempotency-key',
  'content-range',
] as const;

/** Refuses the write options that are not built yet. @throws Problem `not-implemented` */
export function requirePlainWrite(headers: IncomingHttpHeaders): void {
  for (const name of NOT_BUILT) {
    if (headers[name] === undefined) continue;
    throw new Problem('not-implemented', `${name} is not served on writes yet; nothing was written.`);
  }
}

/** Refuses the read options that are not built yet. @throws Problem `not-implemented` */
export function requirePlainRead(headers: IncomingHttpHeaders): void {
  if (headers['if-match'] === undefined) return;
  throw new Problem('not-implemented', 'If-Match is not served yet; If-None-Match is, on GET and HEAD.');
}

/**
 * Whether an If-None-Match header names the entity tag (which comes without quotes): a list of tags, weak or not, or `*`.
 * If-Modified-Since is left unread on purpose: two writes within its one second would look like one.
 */
export function namesTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  for (const match of ifNoneMatch.matchAll(/"([^"]*)"/g)) if (match[1] === tag) return true;
  return false;
}
