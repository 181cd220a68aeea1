/**
 * Values as histories name them and as peers store them. Most are stored as they are; a name that ends in `+N` stands for N
 * bytes of padding behind it, so that large values do not make histories large.
 *
 * Invariant: `unpackValue(packValue(name))` is the name; a padding of the wrong length or kind is not taken for the right one.
 */

const PADDING = '.';

/** The bytes to store. */
export function packValue(name: string): string {
  const [, length] = /\+(\d+)$/.exec(name) ?? [];
  return length === undefined ? name : `${name} ${PADDING.repeat(Number(length))}`;
}

/** The name of what was read; text that no name stands for is given back, shortened. */
export function unpackValue(text: string): string {
  const [, name = '', length, padding = ''] = /^([^ ]*\+(\d+)) (\.*)$/.exec(text) ?? [];
  if (length === undefined) return text.length > 100 ? `${text.slice(0, 100)}… (${text.length})` : text;
  return padding.length === Number(length) ? name : `${name} with ${padding.length} bytes`;
}
