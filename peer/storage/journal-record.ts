/**
 * One record of the journal: the changes of one group of batches.
 *
 * Kept true: a record begins at a page of its own, so that writing one never touches a page that holds another, and
 * each of its sectors ends with a stamp that no other record has (torn page detection). A record that fails its
 * checksum can so be told: with sectors of another stamp its writing was cut short; with all sectors its own it was
 * whole once, and is damaged. Assumed is that no disk writes a sector's end without its beginning. Stamps and checksums
 * find faults of disks and machines, not forgers; what clients store cannot pass for a record, for they do not know
 * the journal's id.
 */

import { crc32 } from 'node:zlib';
import { type Change, TABLES } from './lmdb-layout.js';

/** Records begin at multiples of this and take as many whole pages as they need. */
export const PAGE_BYTES = 4_096;

const SECTOR_BYTES = 512;
const STAMP_BYTES = 4;
/** Bytes of a sector before its stamp. */
const ROOM_BYTES = SECTOR_BYTES - STAMP_BYTES;

/** The header, which is within the first sector: checksum of the rest of it, id, number, length and checksum of the body. */
const ID_AT = 4;
const ID_BYTES = 16;
const NUMBER_AT = ID_AT + ID_BYTES;
const LENGTH_AT = NUMBER_AT + 6;
const BODY_CRC_AT = LENGTH_AT + 4;
const HEADER_BYTES = BODY_CRC_AT + 4;

/** Before a change: its table, the length of its key, the length of its record or DELETED. */
const CHANGE_BYTES = 1 + 2 + 4;
const DELETED = 2 ** 32 - 1;

/** Beyond this the shared space is given back after use. */
const KEPT_BYTES = 1_048_576;

/** Makes the records of one journal. */
export class RecordWriter {
  private content: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES);
  private pages: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES);

  /** `id`: 32 hexadecimal digits. */
  constructor(private readonly id: string) {}

  /** The record, in whole pages; valid until the next call. */
  encode(number: number, changes: readonly Change[]): Buffer {
    const end = this.writeBody(changes);
    const { content } = this;
    content.write(this.id, ID_AT, ID_BYTES, 'hex');
    content.writeUIntBE(number, NUMBER_AT, 6);
    content.writeUInt32BE(end - HEADER_BYTES, LENGTH_AT);
    content.writeUInt32BE(crc32(content.subarray(HEADER_BYTES, end)), BODY_CRC_AT);
    content.writeUInt32BE(crc32(content.subarray(ID_AT, HEADER_BYTES)), 0);
    return this.spread(end, stampOf(this.id, number));
  }

  private writeBody(changes: readonly Change[]): number {
    let bytes = HEADER_BYTES;
    for (const { key, record } of changes) bytes += CHANGE_BYTES + key.length + (record?.length ?? 0);
    this.content = fitting(this.content, bytes);
    const { content } = this;
    let at = HEADER_BYTES;
    for (const { table, key, record } of changes) {
      content[at] = TABLES.indexOf(table);
      content.writeUInt16BE(key.length, at + 1);
      content.writeUInt32BE(record?.length ?? DELETED, at + 3);
      at += CHANGE_BYTES;
      content.set(key, at);
      at += key.length;
      if (record === undefined) continue;
      content.set(record, at);
      at += record.length;
    }
    return at;
  }

  /** Puts the content into sectors. */
  private spread(end: number, stamp: number): Buffer {
    const bytes = pagesFor(end);
    this.pages = fitting(this.pages, bytes);
    const { content, pages } = this;
    for (let from = 0, to = 0; to < bytes; from += ROOM_BYTES, to += SECTOR_BYTES) {
      if (from >= end) pages.fill(0, to, to + ROOM_BYTES);
      else content.copy(pages, to, from, from + ROOM_BYTES);
      pages.writeUInt32BE(stamp, to + ROOM_BYTES);
    }
    return pages.subarray(0, bytes);
  }
}

/** What a record says of itself, whether the rest of it is right or not. */
export interface Header {
  readonly number: number;
  readonly bodyBytes: number;
  readonly bodyCrc: number;
  /** Of all its pages. */
  readonly bytes: number;
}

/** The header of the record that begins at `at`; undefined: none of this journal does, or its header is damaged. */
export function readHeader(file: Buffer, at: number, id: string): Header | undefined {
  const header = file.subarray(at, at + HEADER_BYTES);
  if (header.length < HEADER_BYTES) return undefined;
  if (header.toString('hex', ID_AT, NUMBER_AT) !== id) return undefined;
  if (header.readUInt32BE(0) !== crc32(header.subarray(ID_AT))) return undefined;
  const bodyBytes = header.readUInt32BE(LENGTH_AT);
  return {
    number: header.readUIntBE(NUMBER_AT, 6),
    bodyBytes,
    bodyCrc: header.readUInt32BE(BODY_CRC_AT),
    bytes: pagesFor(HEADER_BYTES + bodyBytes),
  };
}

/** The changes of the record with this header; undefined: it is not whole, or damaged. */
export function readChanges(
  file: Buffer,
  at: number,
  { bytes, bodyBytes, bodyCrc }: Header,
): Change[] | undefined {
  if (at + bytes > file.length) return undefined;
  const content = Buffer.allocUnsafeSlow((bytes / SECTOR_BYTES) * ROOM_BYTES);
  for (let from = at, to = 0; from < at + bytes; from += SECTOR_BYTES, to += ROOM_BYTES) {
    file.copy(content, to, from, from + ROOM_BYTES);
  }
  const body = content.subarray(HEADER_BYTES, HEADER_BYTES + bodyBytes);
  return crc32(body) === bodyCrc ? changesIn(body) : undefined;
}

/** Whether the record of this number, which cannot be read, was once written here in full. */
export function wasWhole(file: Buffer, at: number, id: string, number: number): boolean {
  const stamp = stampOf(id, number);
  const stamped = (sector: number) =>
    sector + SECTOR_BYTES <= file.length && file.readUInt32BE(sector + ROOM_BYTES) === stamp;
  const header = readHeader(file, at, id);
  // The header's own sector was written, and says something else than what was written.
  if (header?.number !== number) return stamped(at);
  for (let sector = at; sector < at + header.bytes; sector += SECTOR_BYTES) {
    if (!stamped(sector)) return false;
  }
  return true;
}

function changesIn(body: Buffer): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at < body.length; ) {
    const table = TABLES[body[at] as number];
    if (table === undefined) throw new RangeError(`the table ${body[at]} is unknown`);
    const keyAt = at + CHANGE_BYTES;
    const recordAt = keyAt + body.readUInt16BE(at + 1);
    const length = body.readUInt32BE(at + 3);
    at = length === DELETED ? recordAt : recordAt + length;
    const record = length === DELETED ? undefined : body.subarray(recordAt, at);
    changes.push({ table, key: body.subarray(keyAt, recordAt), record });
  }
  return changes;
}

function stampOf(id: string, number: number): number {
  return crc32(`${id} ${number}`);
}

/** Whole pages for so many bytes of content. */
function pagesFor(contentBytes: number): number {
  const bytes = Math.ceil(contentBytes / ROOM_BYTES) * SECTOR_BYTES;
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

function fitting(space: Buffer, bytes: number): Buffer {
  if (bytes > space.length)
    return Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * space.length, KEPT_BYTES)));
  return bytes < KEPT_BYTES && space.length > KEPT_BYTES ? Buffer.allocUnsafeSlow(KEPT_BYTES) : space;
}
