/**
 * Values as Redis clients set them.
 *
 * Their content type is chosen so that they read right over HTTP: text where the bytes are UTF-8, else bytes. What
 * changes a part of a value (APPEND, SETRANGE, INCR, INCRBYFLOAT) leaves the type that it has.
 */
import { typeOf } from '../media-types.js';
import type { Value } from '../replication/commands.js';
import type { Arguments } from './arguments.js';

/** A value of bytes that came in a command; they are copied where they hold on to more memory than they are worth. */
export function storedValue(bytes: Buffer): Value {
  return valueIn(bytes, 0, bytes.length);
}

/** The same, of an argument. */
export function valueAt(args: Arguments, index: number): Value {
  return valueIn(args.holder(index), args.start(index), args.end(index));
}

function valueIn(holder: Buffer, start: number, end: number): Value {
  const length = end - start;
  let bytes: Buffer;
  if (length * 2 >= holder.buffer.byteLength) bytes = holder.subarray(start, end);
  else {
    bytes = Buffer.allocUnsafe(length);
    holder.copy(bytes, 0, start, end);
  }
  return { bytes, type: typeOf(bytes) };
}

/** Bytes of their own: not a view of the chunk that they came in. */
export function copyOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}
