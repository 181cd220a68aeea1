/**
 * The cluster's secret: whoever carries it speaks for the inside. Without one, only this machine may.
 *
 * Invariant: a secret is compared in constant time, and never stands in a log line or in an answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './names.js';
import { Problem } from './problems.js';

export const MIN_SECRET_CHARS = 16;

const SCHEME = 'Bearer ';

/** Whether both are the same; the time it takes tells nothing about either but their being strings. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

/** The header value by which a caller from inside shows that it is one. */
export function bearer(secret: string | null): string {
  return SCHEME + (secret ?? '');
}

/** Whether an `Authorization` value and the caller's address make it one of the inside. */
export function isInside(
  authorization: string | undefined,
  remoteAddress: string | undefined,
  secret: string | null,
): boolean {
  if (secret === null) return remoteAddress !== undefined && isLoopback(remoteAddress);
  return authorization?.startsWith(SCHEME) === true && sameSecret(authorization.slice(SCHEME.length), secret);
}

/** Throws `unauthorized` unless the request comes from inside. */
export function requireInside(request: IncomingMessage, secret: string | null): void {
  if (isInside(request.headers.authorization, request.socket.remoteAddress, secret)) return;
  throw new Problem(
    'unauthorized',
    'This is for the cluster itself: send its secret as "Authorization: Bearer <secret>".',
    {
      'WWW-Authenticate': 'Bearer realm="covey"',
    },
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
