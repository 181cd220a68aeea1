/**
 * The shape of JSON, measured before it is parsed: a megabyte of brackets would become a million objects.
 *
 * Invariant: reads each byte once, and tells nothing of whether the text is JSON at all; that is for the parser.
 */

/** How deep arrays and objects may be nested in JSON that we take. */
export const JSON_MAX_DEPTH = 32;

export type Shape = 'fits' | 'too-deep' | 'too-many-items';

/** Counts brackets, and the commas of the outermost array or object, outside strings. */
export function shapeOf(json: Uint8Array, maxDepth: number, maxItems = Number.POSITIVE_INFINITY): Shape {
  let depth = 0;
  let items = 1;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > maxDepth) return 'too-deep';
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    } else if (byte === COMMA && depth === 1 && ++items > maxItems) {
      return 'too-many-items';
    }
  }
  return 'fits';
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
