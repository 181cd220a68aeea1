/**
 * The journal: what was written and may not be in LMDB's tables yet, in two files that are written in turn.
 *
 * Kept true: one record is written at a time, and flushed before the next one begins; so everything before a record
 * that was begun is whole. Records are numbered from 1 without a gap. A file is written from its beginning
 * again only when the tables have everything that it holds; its old blocks are used again, so that a flush has
 * no size or place of a file to write. A file's length is a whole number of steps before a record is written there:
 * one of another length was cut by something else, which its records alone could not tell from their end.
 */

import {
  close,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncate,
  ftruncateSync,
  openSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomToken } from '../../common/clock.js';
import type { Durability } from './engine.js';
import { RecordWriter } from './journal-record.js';
import type { Change } from './lmdb-layout.js';
import { syncDirectory } from './lmdb-tables.js';

/** The files in the store's directory. */
export const JOURNAL_FILES = ['journal-0', 'journal-1'] as const;

/** A longer file (a large value was written) is cut to this when it is used again. */
const KEPT_BYTES = 16 * 1_048_576;

/** A file's length is a multiple of this, and not 0. */
export const STEP_BYTES = 1_048_576;

interface Segment {
  readonly fd: number;
  /** Its length. */
  bytes: number;
}

export class Journal {
  private readonly writer: RecordWriter;
  private current = 0;
  /** Where the next record goes in the current file. */
  private end = 0;
  private last = 0;

  private constructor(
    /** Records of another id in these files are of another journal. */
    readonly id: string,
    private readonly segments: readonly [Segment, Segment],
    private readonly durability: Durability,
  ) {
    this.writer = new RecordWriter(id);
  }

  /** A new journal in the files of the old one, if there are any; nothing is overwritten yet. Throws errors of the system. */
  static open(directory: string, durability: Durability): Journal {
    const flags = constants.O_RDWR | constants.O_CREAT | (durability === 'flush' ? constants.O_DSYNC : 0);
    const opened = (name: string): Segment => {
      const fd = openSync(join(directory, name), flags, 0o644);
      const { size } = fstatSync(fd);
      const bytes = wholeSteps(size);
      if (bytes !== size) {
        ftruncateSync(fd, bytes);
        if (durability === 'flush') fdatasyncSync(fd);
      }
      return { fd, bytes };
    };
    const segments = [opened(JOURNAL_FILES[0]), opened(JOURNAL_FILES[1])] as const;
    syncDirectory(directory);
    return new Journal(randomToken(), segments, durability);
  }

  /** The number of the last record. */
  get through(): number {
    return this.last;
  }

  /** Bytes of the current file in use. */
  get bytes(): number {
    return this.end;
  }

  /**
   * Writes one record; resolves when it is as durable as was asked for at opening. Not before the last call resolved.
   * Rejects with an error of the system; then nothing more may be written.
   */
  async append(changes: readonly Change[]): Promise<void> {
    const segment = this.segments[this.current] as Segment;
    const record = this.writer.encode(this.last + 1, changes);
    if (this.end + record.length > segment.bytes) await this.lengthen(segment, this.end + record.length);
    for (let done = 0; done < record.length; ) {
      done += await writeAt(segment.fd, record, done, this.end + done);
    }
    this.end += record.length;
    this.last++;
  }

  /**
   * From here on the other file is written; the tables have all that it holds. Throws where that was removed: what is written
   * into a file without a name is lost with the process.
   */
  turn(): void {
    this.current = 1 - this.current;
    this.end = 0;
    const segment = this.segments[this.current] as Segment;
    if (fstatSync(segment.fd).nlink === 0) throw new Error('its files were removed while it was in use');
    if (segment.bytes <= KEPT_BYTES) return;
    ftruncateSync(segment.fd, KEPT_BYTES);
    segment.bytes = KEPT_BYTES;
  }

  private async lengthen(segment: Segment, bytes: number): Promise<void> {
    const length = wholeSteps(bytes);
    await truncateFile(segment.fd, length);
    if (this.durability === 'flush') await syncFile(segment.fd);
    segment.bytes = length;
  }

  async close(): Promise<void> {
    for (const { fd } of this.segments) await closeFile(fd);
  }
}

const closeFile = promisify(close);
const syncFile = promisify(fdatasync);
const truncateFile = promisify(ftruncate);

/** The length of a file for so many bytes. */
function wholeSteps(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / STEP_BYTES)) * STEP_BYTES;
}

function writeAt(fd: number, bytes: Buffer, from: number, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, at, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}
