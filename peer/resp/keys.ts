/** What may be a key in a Redis command: the same as over HTTP, 1 to 1,024 bytes of UTF-8. */
import { isUtf8 } from 'node:buffer';
import { MAX_KEY_BYTES } from '../replication/commands.js';
import type { Arguments } from './arguments.js';
import { failure, type Reply } from './replies.js';

/** What decoding puts in place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

export const INVALID_KEY: Reply = failure(`ERR invalid key: a key is 1 to ${MAX_KEY_BYTES} bytes of UTF-8`);

/** The key that the bytes spell, or undefined. */
export function keyOf(bytes: Buffer): string | undefined {
  return keyIn(bytes, 0, bytes.length);
}

/** The key that an argument spells, or undefined. */
export function keyAt(args: Arguments, index: number): string | undefined {
  return keyIn(args.holder(index), args.start(index), args.end(index));
}

function keyIn(bytes: Buffer, start: number, end: number): string | undefined {
  if (start === end || end - start > MAX_KEY_BYTES) return undefined;
  const text = bytes.toString('utf8', start, end);
  return text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end)) ? undefined : text;
}

/** The keys that the arguments spell; undefined if one of them is none. */
export function keysOf(args: readonly Buffer[]): string[] | undefined {
  const keys: string[] = [];
  for (const arg of args) {
    const key = keyOf(arg);
    if (key === undefined) return undefined;
    keys.push(key);
  }
  return keys;
}
