/**
 * The type that a value is stored with: one text for its media type and its encoding in JSON.
 *
 * It is the media type, as it came. Where JSON set the value as something that the media type does not tell apart, it is
 * a mark and the encoding instead, and the encoding tells the media type.
 *
 * Invariants: the mark cannot stand in a header, so nothing that is PUT reads as marked, and no client sees a mark; a type
 * that came another way than by HTTP (none at all, or one that could not stand in a header) is shown as one that fits the
 * bytes.
 */
import { BYTES_TYPE, TEXT_TYPE, typeOf } from '../media-types.js';
import type { Value } from '../replication/commands.js';

const JSON_TYPE = 'application/json';

/** How a value stands in JSON. */
export const ENCODINGS = ['string', 'integer', 'float', 'boolean', 'json', 'binary'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const MARK = '\n';

const STORED: Readonly<Record<Encoding, string>> = {
  string: TEXT_TYPE,
  integer: `${MARK}integer`,
  float: `${MARK}float`,
  boolean: `${MARK}boolean`,
  json: `${MARK}json`,
  binary: BYTES_TYPE,
};

/** What a media type may look like: printable ASCII, so that it can stand in a header as it came. */
const MEDIA_TYPE = /^[\x20-\x7e]{1,255}$/;

/** Whether a value may be stored with this media type. */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text);
}

/** The type to store for a value that JSON sets. */
export function storedType(encoding: Encoding): string {
  return STORED[encoding];
}

/** The encoding that the value was set with, where its type is marked with one. */
export function markedEncoding(value: Value): Encoding | undefined {
  return value.type.startsWith(MARK) ? ENCODINGS.find((each) => STORED[each] === value.type) : undefined;
}

/** The media type to send with the value. */
export function mediaTypeOf(value: Value): string {
  if (MEDIA_TYPE.test(value.type)) return value.type;
  if (markedEncoding(value) !== undefined) return JSON_TYPE;
  return value.type === '' ? typeOf(value.bytes) : BYTES_TYPE;
}
