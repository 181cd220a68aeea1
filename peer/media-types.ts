/** The types of values that came without one: text where the bytes are UTF-8, so that they read right over HTTP. */
import { isUtf8 } from 'node:buffer';

export const TEXT_TYPE = 'text/plain; charset=utf-8';
export const BYTES_TYPE = 'application/octet-stream';

/** The media type of bytes that came without one. */
export function typeOf(bytes: Uint8Array): string {
  return isUtf8(bytes) ? TEXT_TYPE : BYTES_TYPE;
}
