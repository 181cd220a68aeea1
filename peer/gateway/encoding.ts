/**
 * How a value stands in JSON, and how JSON becomes a value.
 *
 * A number or a JSON document is kept as the text it was sent as: every digit of an integer beyond 2^53, the order of
 * an object's members and its spacing come back as they went in.
 *
 * Invariants: `decode(encode(v))` is `v`; what `decode` gives is JSON whatever was stored, as others may have changed the
 * bytes since (appending keeps the type); nothing from JSON is ever assigned to a property.
 */
import { isUtf8 } from 'node:buffer';
import { JSON_MAX_DEPTH, shapeOf } from '../../common/json-shape.js';
import { Problem } from '../../common/problems.js';
import { TEXT_TYPE } from '../media-types.js';
import type { Value } from '../replication/commands.js';
import { ENCODINGS, type Encoding, markedEncoding, mediaTypeOf, storedType } from './stored-type.js';

/** A value as it stands in JSON. */
export interface JsonValue {
  readonly encoding: Encoding;
  /** JSON text, to be put into an answer as it is. */
  readonly json: string;
}

/** The bytes as a Buffer over the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws Problem `invalid-encoding` where it is none of ENCODINGS; a missing one is `string`. */
export function encodingOfJson(value: unknown): Encoding {
  if (value === undefined) return 'string';
  const encoding = ENCODINGS.find((each) => each === value);
  if (encoding !== undefined) return encoding;
  throw new Problem('invalid-encoding', `"encoding" is one of ${ENCODINGS.join(', ')}.`);
}

/** Whether a value of this encoding is kept as the text it was sent as. */
export function keepsSource(encoding: Encoding): boolean {
  return encoding === 'integer' || encoding === 'float' || encoding === 'json';
}

/**
 * What to store for a value that stands in JSON; `source` is its own text there, used where keepsSource says so.
 * @throws Problem `invalid-value` where it does not fit its encoding.
 */
export function encode(value: unknown, encoding: Encoding, source: string): Value {
  if (value === undefined) throw new Problem('invalid-value', '"value" is missing.');
  return { bytes: bytesOf(value, encoding, source), type: storedType(encoding) };
}

/** How a stored value stands in JSON; what was not set by JSON gets the encoding that fits its type and bytes. */
export function decode(value: Value): JsonValue {
  const bytes = bufferOf(value.bytes);
  // The usual one first, for which nothing has to be matched.
  if (value.type === TEXT_TYPE && isUtf8(bytes))
    return { encoding: 'string', json: JSON.stringify(bytes.toString()) };
  const encoding = fittingMark(value, bytes) ?? fittingEncoding(value, bytes);
  switch (encoding) {
    case 'string':
      return { encoding, json: JSON.stringify(bytes.toString()) };
    case 'binary':
      return { encoding, json: `"${bytes.toString('base64')}"` };
    case 'integer':
    case 'float':
    case 'boolean':
    case 'json':
      return { encoding, json: bytes.toString() };
  }
}

/** The value as text, where its type says that it is text and its bytes are; else null. */
export function textOf(value: Value): string | null {
  const bytes = bufferOf(value.bytes);
  return isTextType(mediaTypeOf(value)) && isUtf8(bytes) ? bytes.toString() : null;
}

function bytesOf(value: unknown, encoding: Encoding, source: string): Buffer {
  switch (encoding) {
    case 'string':
      return Buffer.from(requireText(value));
    case 'integer':
      if (typeof value === 'number' && INTEGER.test(source)) return Buffer.from(source);
      throw misfit(encoding, 'a number of digits only, such as -42');
    case 'float':
      if (typeof value === 'number' && Number.isFinite(value)) return Buffer.from(source);
      throw misfit(encoding, 'a number, such as 2.5');
    case 'boolean':
      if (typeof value === 'boolean') return Buffer.from(String(value));
      throw misfit(encoding, 'true or false');
    case 'json':
      return Buffer.from(source);
    case 'binary':
      return bytesOfBase64(value);
  }
}

function requireText(value: unknown): string {
  if (typeof value !== 'string') {
    throw misfit('string', 'a string; for other values name their "encoding", such as "integer" or "json"');
  }
  if (!value.isWellFormed()) {
    throw new Problem(
      'invalid-value',
      'The value holds half of a surrogate pair, which is not Unicode text.',
    );
  }
  return value;
}

function bytesOfBase64(value: unknown): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64');
    // Buffer.from passes over what is not base64, so only what comes back the same was.
    if (bytes.toString('base64') === value) return bytes;
  }
  throw misfit('binary', 'a string of padded base64 (RFC 4648, section 4)');
}

function misfit(encoding: Encoding, expected: string): Problem {
  return new Problem('invalid-value', `With encoding ${encoding}, "value" must be ${expected}.`);
}

/** The encoding that the value is marked with, where its bytes are still such a value. */
function fittingMark(value: Value, bytes: Buffer): Encoding | undefined {
  const encoding = markedEncoding(value);
  switch (encoding) {
    case 'integer':
      return INTEGER.test(bytes.toString('latin1')) ? encoding : undefined;
    case 'float':
      return isFloat(bytes.toString('latin1')) ? encoding : undefined;
    case 'boolean':
      return BOOLEAN.test(bytes.toString('latin1')) ? encoding : undefined;
    case 'json':
      return isUtf8(bytes) && isJson(bytes, JSON_MAX_DEPTH - 1) ? encoding : undefined;
    default:
      return undefined;
  }
}

function fittingEncoding(value: Value, bytes: Buffer): Encoding {
  const type = mediaTypeOf(value);
  if (!isTextType(type) || !isUtf8(bytes)) return 'binary';
  // What a batch may not set as a document is not given as one.
  return JSON_TYPE.test(type) && isJson(bytes, JSON_MAX_DEPTH - ITEM_DEPTH) ? 'json' : 'string';
}

function isFloat(text: string): boolean {
  return FLOAT.test(text) && Number.isFinite(Number(text));
}

/** Whether it is a JSON document nested no deeper than this. */
function isJson(bytes: Buffer, maxDepth: number): boolean {
  if (shapeOf(bytes, maxDepth) !== 'fits') return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

/** Text by its type; one that names another charset than UTF-8 is bytes to us. */
function isTextType(contentType: string): boolean {
  if (!TEXT_TYPES.test(contentType)) return false;
  const charset = CHARSET.exec(contentType)?.[1];
  return charset === undefined || UTF8_CHARSETS.test(charset);
}

/** An array of items, and the item. */
const ITEM_DEPTH = 2;

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const FLOAT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const BOOLEAN = /^(?:true|false)$/;
const JSON_TYPE = /^application\/(?:[^;\s]{1,100}\+)?json(?:$|[;\s])/i;
const TEXT_TYPES =
  /^(?:text\/|application\/(?:[^;\s]{1,100}\+)?(?:json|xml|yaml|javascript)(?:$|[;\s])|image\/svg\+xml)/i;
const CHARSET = /;\s*charset="?([^";\s]+)/i;
const UTF8_CHARSETS = /^(?:utf-?8|us-ascii)$/i;
