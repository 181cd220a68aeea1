/**
 * Content types as bytes: the usual ones take one byte.
 *
 * Kept true: the numbers are part of the stored format; new types go to the end of the list.
 */

import type { ByteReader, ByteWriter } from './bytes.js';

const USUAL = [
  'text/plain; charset=utf-8',
  'application/octet-stream',
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'text/html; charset=utf-8',
  'text/html',
  'application/x-www-form-urlencoded',
  'image/png',
  'image/jpeg',
];

/** The type follows as a text. */
const SPELLED = 255;

const NUMBERS = new Map(USUAL.map((type, number) => [type, number]));

/** Writes a content type. */
export function writeType(writer: ByteWriter, type: string): void {
  const number = NUMBERS.get(type);
  writer.byte(number ?? SPELLED);
  if (number === undefined) writer.text(type);
}

/** Reads it back. Throws RangeError for an unknown number. */
export function readType(reader: ByteReader): string {
  const number = reader.byte();
  if (number === SPELLED) return reader.text();
  const type = USUAL[number];
  if (type === undefined) throw new RangeError(`content type ${number} is unknown`);
  return type;
}
