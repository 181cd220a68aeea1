/**
 * Rows as bytes, and the marks of those that are tombstones or expire.
 *
 * Kept true: the first byte names the format, so a later one can be told apart. A decoded row shares the bytes of
 * its record: hand in a record that nobody changes.
 */

import type { Row } from '../replication/entry.js';
import { type RowMark, UNREAD } from '../replication/machine.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { readType, writeType } from './type-codec.js';

/** The upper four bits of the first byte; the lower four are the flags below. */
const FORMAT = 1;
const TOMBSTONE = 1;
const EXPIRES = 2;

const writer = new ByteWriter();

/** The bytes of a row, with `room` unused bytes before them. */
export function encodeRow(row: Row, room: number): Buffer {
  put(row);
  return writer.take(room);
}

/** The bytes of a row before those of its value are the first ones of `headBytes`, so many; until the next row is encoded. */
export function encodeHead(row: Row): number {
  putHead(row);
  return writer.finish();
}

/** See `encodeHead`. */
export function headBytes(): Uint8Array {
  return writer.bytesWritten;
}

/** How the bytes of a value are read: as a view of the record, as a copy, or not at all. */
export type ValueReading = 'view' | 'copy' | 'none';

/** The row whose bytes begin at `from` and end before `to`. Throws RangeError for bytes that are none. */
export function decodeRow(
  record: Buffer,
  from: number,
  to = record.length,
  reading: ValueReading = 'view',
): Row {
  const reader = new ByteReader(record, from, to);
  const head = reader.byte();
  if (head >> 4 !== FORMAT) throw new RangeError(`rows of format ${head >> 4} are unknown`);
  const epoch = reader.number();
  const seq = reader.number();
  const ts = reader.number();
  const expiresAtMs = (head & EXPIRES) === 0 ? undefined : reader.number();
  if ((head & TOMBSTONE) !== 0) return { value: null, epoch, seq, ts, expiresAtMs };
  if (reading === 'none') return { value: UNREAD, epoch, seq, ts, expiresAtMs };
  const type = readType(reader);
  const bytes = reading === 'copy' ? reader.copyOfRest() : reader.rest();
  return { value: { bytes, type }, epoch, seq, ts, expiresAtMs };
}

/** The bytes of what is to be known of a row without reading it, with `room` unused bytes before them. */
export function encodeMark({ seq, expiresAtMs }: RowMark, room: number): Buffer {
  writer.byte((FORMAT << 4) | (expiresAtMs === undefined ? TOMBSTONE : EXPIRES));
  writer.number(seq);
  if (expiresAtMs !== undefined) writer.number(expiresAtMs);
  return writer.take(room);
}

/** The mark of `key` whose bytes begin at `from`. Throws RangeError for bytes that are none. */
export function decodeMark(key: string, record: Buffer, from: number): RowMark {
  const reader = new ByteReader(record, from);
  const head = reader.byte();
  if (head >> 4 !== FORMAT) throw new RangeError(`marks of format ${head >> 4} are unknown`);
  return { key, seq: reader.number(), expiresAtMs: (head & EXPIRES) === 0 ? undefined : reader.number() };
}

function put(row: Row): void {
  putHead(row);
  if (row.value !== null) writer.rest(row.value.bytes);
}

function putHead(row: Row): void {
  const { value, expiresAtMs } = row;
  const flags = (value === null ? TOMBSTONE : 0) | (expiresAtMs === undefined ? 0 : EXPIRES);
  writer.byte((FORMAT << 4) | flags);
  writer.number(row.epoch);
  writer.number(row.seq);
  writer.number(row.ts);
  if (expiresAtMs !== undefined) writer.number(expiresAtMs);
  if (value !== null) writeType(writer, value.type);
}
