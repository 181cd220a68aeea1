/**
 * What the durable engine keeps of a partition in memory: where its log begins and ends on the disk, and what its
 * requests have left.
 *
 * Kept true: the sessions are not written with every entry that is remembered, for they follow from the log. On the
 * disk is an image of them as of `imageAt`, and the entries imageAt+1 to `remembered` stay in the log on the disk,
 * also below `base`, until there is a newer image. With imageAt = remembered nothing has to follow the image;
 * both are NOWHERE after an image came from elsewhere. Stored entries are `kept`+1 to `end`, without a gap, and
 * kept <= base <= end; any others are left to the checkpoint (log-chunks.ts).
 */

import { deserialize, serialize } from 'node:v8';
import type { Entry } from '../replication/entry.js';
import { broken } from '../replication/invariant.js';
import type { PartitionMarks, StoreOp } from '../replication/machine.js';
import { Sessions } from '../replication/sessions.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { encodeEntry } from './entry-codec.js';
import { type Change, logKey, partitionKey } from './lmdb-layout.js';
import { SEAL_BYTES, seal, sealed } from './sealed.js';

const FORMAT = 3;
/** The same, but for the log: each of its entries stands alone. */
const FORMAT_BEFORE = 2;

/** An image of the sessions whose position is not known. */
export const NOWHERE = -1;

/** A trim writes a new image when so many bytes of entries follow the last one, or twice as many as that had. */
const IMAGE_EVERY_BYTES = 65_536;

/** The fields of a book that stand in the partition's record. */
export interface BookRecord {
  marks: PartitionMarks;
  base: number;
  baseChecksum: number;
  end: number;
  kept: number;
  imageAt: number;
  remembered: number;
}

/** A partition of which nothing is stored yet. */
export function emptyRecord(): BookRecord {
  const marks = { alignedEpoch: -1, com: 0, copy: 0, staging: 0, keyCount: 0 };
  return { marks, base: 0, baseChecksum: 0, end: 0, kept: 0, imageAt: 0, remembered: 0 };
}

const writer = new ByteWriter();

/** Reads a partition's record back; `content` begins at `from`. */
export function readRecord(content: Buffer, from: number): BookRecord {
  const reader = new ByteReader(content, from);
  const format = reader.byte();
  if (format !== FORMAT && format !== FORMAT_BEFORE)
    throw new RangeError(`partitions of format ${format} are unknown`);
  const next = () => reader.number();
  const marks = { alignedEpoch: next(), com: next(), copy: next(), staging: next(), keyCount: next() };
  return {
    marks,
    base: next(),
    baseChecksum: next(),
    end: next(),
    kept: next(),
    imageAt: next(),
    remembered: next(),
  };
}

/** Reads an image of sessions back. */
export function readSessions(content: Buffer): Sessions {
  return new Sessions(deserialize(content));
}

export class PartitionBook {
  /** Bytes of entries since the last image, and of that image. */
  private since = 0;
  private imageBytes = 0;

  constructor(
    private readonly number: number,
    private readonly at: BookRecord,
    private sessions: Sessions,
  ) {}

  set marks(marks: PartitionMarks) {
    this.at.marks = marks;
  }

  append(entries: readonly Entry[], into: Change[]): void {
    for (const entry of entries) {
      if (entry.seq !== this.at.end + 1) broken(`entry ${this.at.end + 1} to be stored`, `${entry.seq}`);
      const key = logKey(this.number, entry.seq);
      const record = seal(key, encodeEntry(entry, SEAL_BYTES));
      into.push({ table: 'log', key, record });
      this.at.end = entry.seq;
      this.since += record.length;
    }
  }

  truncate(after: number, into: Change[]): void {
    const end = Math.max(after, this.at.base);
    if (end >= this.at.end) return;
    if (this.at.remembered > end) this.takeImage(into);
    this.at.end = end;
  }

  trim(op: Extract<StoreOp, { type: 'trim' }>, into: Change[]): void {
    const { at } = this;
    at.baseChecksum = op.baseChecksum;
    if (op.base < at.base || op.base > at.end) {
      // The log starts over elsewhere.
      if (op.base < at.base && at.end > at.base) broken(`a base of ${at.base} or more`, `${op.base}`);
      this.takeImage(into);
      at.base = at.end = at.kept = op.base;
      return;
    }
    at.base = op.base;
    if (this.since >= Math.max(IMAGE_EVERY_BYTES, 2 * this.imageBytes)) this.takeImage(into);
    const upTo = at.imageAt === at.remembered ? at.base : Math.min(at.base, at.imageAt);
    at.kept = Math.max(at.kept, upTo);
  }

  remember(entry: Entry, into: Change[]): void {
    const { at } = this;
    this.sessions.apply(entry);
    const follows = at.remembered === NOWHERE || entry.seq === at.remembered + 1;
    if (follows && entry.seq > at.kept && entry.seq <= at.end) {
      if (at.imageAt === at.remembered) at.imageAt = entry.seq - 1;
      at.remembered = entry.seq;
      return;
    }
    at.remembered = entry.seq;
    at.imageAt = NOWHERE;
    this.takeImage(into);
  }

  replaceSessions(sessions: Sessions, into: Change[]): void {
    this.sessions = sessions;
    this.writeImage(into);
    this.at.imageAt = this.at.remembered = NOWHERE;
  }

  /** Deletes all that the book speaks of. */
  forget(into: Change[]): void {
    into.push(...recordsOf(this.number));
  }

  /** The record of the partition as it is now. */
  record(): Change {
    const { marks, base, baseChecksum, end, kept, imageAt, remembered } = this.at;
    writer.byte(FORMAT);
    for (const mark of [marks.alignedEpoch, marks.com, marks.copy, marks.staging, marks.keyCount])
      writer.number(mark);
    for (const one of [base, baseChecksum, end, kept, imageAt, remembered]) writer.number(one);
    const key = partitionKey('partition', this.number);
    return { table: 'meta', key, record: seal(key, writer.take(SEAL_BYTES)) };
  }

  /** Writes the sessions as they are, unless what is on the disk says the same. */
  private takeImage(into: Change[]): void {
    if (this.at.imageAt === this.at.remembered) return;
    this.writeImage(into);
    this.at.imageAt = this.at.remembered;
  }

  private writeImage(into: Change[]): void {
    const key = partitionKey('sessions', this.number);
    const record = sealed(key, serialize(this.sessions.image()));
    into.push({ table: 'meta', key, record });
    this.imageBytes = record.length;
    this.since = 0;
  }
}

/** The records of a partition but its rows, to be deleted; its log goes with them (log-chunks.ts). */
export function recordsOf(partition: number): readonly Change[] {
  return (['partition', 'sessions'] as const).map((kind) => ({
    table: 'meta',
    key: partitionKey(kind, partition),
    record: undefined,
  }));
}
