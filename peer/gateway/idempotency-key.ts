/**
 * The `Idempotency-Key` of a request: a repeat with the same one runs once.
 *
 * Invariants: a key that comes is used or refused, never ignored; the parts of a batch get keys that no client can send.
 */
import type { IncomingMessage } from 'node:http';
import { Problem } from '../../common/problems.js';

/** Printable ASCII; spaces at the ends never get here. */
const FORM = /^[\x20-\x7e]{1,255}$/;

/** The key that came with a write, if any. @throws Problem `invalid-request` */
export function idempotencyKeyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  // Two of them would arrive here as one, joined by a comma.
  const count = request.headersDistinct['idempotency-key']?.length;
  if (typeof key === 'string' && FORM.test(key) && count === 1) return key;
  throw new Problem('invalid-request', 'Idempotency-Key takes 1 to 255 characters of printable ASCII, once.');
}

/** The key of one item of a batch. A header holds no line feed, so no other request has the same. */
export function keyOfPart(key: string, index: number): string {
  return `${key}\n${index}`;
}
