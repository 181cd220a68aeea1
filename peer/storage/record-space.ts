/**
 * Records of a key and a content, one behind another in few large buffers: a Buffer of its own would cost each some 150
 * bytes.
 *
 * Kept true: a handle names a record until it is deleted, replaced or moved. A segment of which half is garbage is emptied
 * by moving what is left (`sparse` names it), so garbage never takes more than what is used, and memory is given back. What
 * is read is a copy, because the place may be written again; a large record has a segment of its own, which is never
 * overwritten, and is not copied.
 * Limit: 2^17 - 1 segments, that is 32 GiB of small records or 131,071 large ones.
 */

import type { Row } from '../replication/entry.js';
import { broken } from '../replication/invariant.js';
import type { KeyHolder } from './key-index.js';
import { decodeRow } from './row-codec.js';

/** Records begin at multiples of this. */
const UNIT_BYTES = 8;
const SEGMENT_UNITS = 2 ** 15;
/** One less than what numbers of 32 bits could name, so that a handle plus 1 is one, too. */
const MAX_SEGMENTS = 2 ** 17 - 1;
const LARGEST_SEGMENT = SEGMENT_UNITS * UNIT_BYTES;
const SMALLEST_SEGMENT = 4_096;
/** A new segment is this share of what there is, within those bounds: so much may be unused. */
const GROWTH = 1 / 16;
/** Larger records have a segment of their own. */
const LARGE_BYTES = 16_384;

/** The length of the content, and that of the key. */
const HEAD_BYTES = 6;

interface Segment {
  readonly bytes: Buffer;
  /** Where the unused rest begins. */
  used: number;
  /** Bytes of records that are gone. */
  garbage: number;
  isSparse: boolean;
}

export class RecordSpace implements KeyHolder {
  private readonly segments: (Segment | undefined)[] = [];
  private readonly vacant: number[] = [];
  /** The one that takes new records; undefined at the beginning. */
  private open: number | undefined;
  /** Segments that are to be emptied. */
  private readonly sparse: number[] = [];
  private taken = 0;

  /** Bytes taken from the system. */
  get bytes(): number {
    return this.taken;
  }

  /** Whether there is a segment of which at least half is garbage: `compact` wants to be called. */
  get isSparse(): boolean {
    return this.sparse.length > 0;
  }

  /** Keeps a copy of the key and of the content, which is `headLength` bytes and the tail; answers the record's handle. */
  put(key: Uint8Array, keyLength: number, head: Uint8Array, headLength: number, tail: Uint8Array): number {
    const length = headLength + tail.length;
    const size = sizeOf(keyLength, length);
    const index = size > LARGE_BYTES ? this.addSegment(size) : this.roomFor(size);
    const segment = this.segment(index);
    const at = segment.used;
    segment.used += size;
    const { bytes } = segment;
    bytes.writeUInt16LE(keyLength, at + 4);
    copyFirst(key, keyLength, bytes, at + HEAD_BYTES);
    write(bytes, at, keyLength, head, headLength, tail);
    return index * SEGMENT_UNITS + at / UNIT_BYTES;
  }

  /** Writes other content in the record's place; false where it does not fit there. */
  overwrite(handle: number, head: Uint8Array, headLength: number, tail: Uint8Array): boolean {
    const { bytes } = this.segmentOf(handle);
    const at = offsetOf(handle);
    const keyLength = bytes.readUInt16LE(at + 4);
    const size = sizeOf(keyLength, headLength + tail.length);
    if (size > LARGE_BYTES || size !== sizeOf(keyLength, bytes.readUInt32LE(at))) return false;
    write(bytes, at, keyLength, head, headLength, tail);
    return true;
  }

  delete(handle: number): void {
    const index = Math.floor(handle / SEGMENT_UNITS);
    const segment = this.segment(index);
    segment.garbage += this.sizeAt(segment, offsetOf(handle));
    this.consider(index, segment);
  }

  holds(handle: number, key: Uint8Array, length: number): boolean {
    const { bytes } = this.segmentOf(handle);
    const at = offsetOf(handle);
    if (((bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8)) !== length) return false;
    const from = at + HEAD_BYTES;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== key[i]) return false;
    return true;
  }

  /** The row that the content spells; nobody may change its bytes. */
  row(handle: number, withValue: boolean): Row {
    const { bytes } = this.segmentOf(handle);
    const at = offsetOf(handle);
    const length = bytes.readUInt32LE(at);
    const keyLength = bytes.readUInt16LE(at + 4);
    const from = at + HEAD_BYTES + keyLength;
    const isLarge = sizeOf(keyLength, length) > LARGE_BYTES;
    return decodeRow(bytes, from, from + length, withValue ? (isLarge ? 'view' : 'copy') : 'none');
  }

  /** The content where it stands; valid until the next change. */
  content(handle: number): Buffer {
    const { bytes } = this.segmentOf(handle);
    const at = offsetOf(handle);
    const from = at + HEAD_BYTES + bytes.readUInt16LE(at + 4);
    return bytes.subarray(from, from + bytes.readUInt32LE(at));
  }

  /** The key's bytes where they stand; valid until the next change. */
  key(handle: number): Buffer {
    const { bytes } = this.segmentOf(handle);
    const from = offsetOf(handle) + HEAD_BYTES;
    return bytes.subarray(from, from + bytes.readUInt16LE(from - 2));
  }

  /** Gives one sparse segment back. `move` is asked of each record in it that may still be there, to put it anew. */
  compact(move: (handle: number) => void): void {
    const index = this.sparse.pop();
    if (index === undefined) return;
    const segment = this.segment(index);
    const isEmpty = segment.garbage === segment.used;
    for (let at = 0; at < segment.used && !isEmpty; at += this.sizeAt(segment, at)) {
      move(index * SEGMENT_UNITS + at / UNIT_BYTES);
    }
    this.segments[index] = undefined;
    this.vacant.push(index);
    this.taken -= segment.bytes.length;
  }

  private roomFor(size: number): number {
    const { open } = this;
    if (open !== undefined) {
      const segment = this.segment(open);
      if (segment.used + size <= segment.bytes.length) return open;
    }
    this.open = this.addSegment(Math.max(size, segmentBytes(this.taken)));
    if (open !== undefined) this.consider(open, this.segment(open));
    return this.open;
  }

  private addSegment(bytes: number): number {
    const index = this.vacant.pop() ?? this.segments.length;
    if (index >= MAX_SEGMENTS) broken(`fewer than ${MAX_SEGMENTS} segments`, `${index}`);
    this.segments[index] = { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, garbage: 0, isSparse: false };
    this.taken += bytes;
    return index;
  }

  private consider(index: number, segment: Segment): void {
    const { bytes, used, garbage, isSparse } = segment;
    if (index === this.open || isSparse || 2 * (garbage + bytes.length - used) < bytes.length) return;
    segment.isSparse = true;
    this.sparse.push(index);
  }

  private sizeAt({ bytes }: Segment, at: number): number {
    return sizeOf(bytes.readUInt16LE(at + 4), bytes.readUInt32LE(at));
  }

  private segmentOf(handle: number): Segment {
    return this.segments[Math.floor(handle / SEGMENT_UNITS)] as Segment;
  }

  private segment(index: number): Segment {
    return this.segments[index] as Segment;
  }
}

/** The length of a content, and the content behind the key. */
function write(
  bytes: Buffer,
  at: number,
  keyLength: number,
  head: Uint8Array,
  headLength: number,
  tail: Uint8Array,
): void {
  bytes.writeUInt32LE(headLength + tail.length, at);
  const from = at + HEAD_BYTES + keyLength;
  copyFirst(head, headLength, bytes, from);
  bytes.set(tail, from + headLength);
}

/** The first `length` bytes, a few, without making a view of them. */
function copyFirst(source: Uint8Array, length: number, target: Uint8Array, at: number): void {
  for (let i = 0; i < length; i++) target[at + i] = source[i] as number;
}

function offsetOf(handle: number): number {
  return (handle % SEGMENT_UNITS) * UNIT_BYTES;
}

function sizeOf(keyLength: number, contentLength: number): number {
  return Math.ceil((HEAD_BYTES + keyLength + contentLength) / UNIT_BYTES) * UNIT_BYTES;
}

function segmentBytes(taken: number): number {
  const wanted = Math.ceil((taken * GROWTH) / SMALLEST_SEGMENT) * SMALLEST_SEGMENT;
  return Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, wanted));
}
