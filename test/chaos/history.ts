/**
 * What clients did and what they were told, operation by operation; also as a file of JSON lines, so that any other checker
 * can judge it.
 *
 * Invariants: `start` is before the first byte of the operation left, `end` after its last answer was read, both in
 * nanoseconds of one monotonic clock that began with the run; values that are written are all different.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export type OpName = 'get' | 'put' | 'delete' | 'cas';

export interface Entry {
  readonly client: string;
  readonly op: OpName;
  readonly key: string;
  /** Read or written; null: absent, or a delete. For a read without an outcome: null. */
  readonly value: string | null;
  /**
   * `ok`: done · `mismatch`: a condition did not hold, nothing was written · `failed`: surely not done · `unknown`: done, not
   * done, or done later.
   */
  readonly outcome: 'ok' | 'mismatch' | 'failed' | 'unknown';
  readonly start: number;
  readonly end: number;
  /** For cas: the version that must stand, or `*` for none. */
  readonly expected?: string;
  /** The version read, written or in the way; null: absent. Left out where it was not told. */
  readonly version?: string | null;
  /** For writes: whether there was something before. */
  readonly found?: boolean;
  /** The peers that were asked, in order. */
  readonly peers: readonly string[];
  /** What the last answer was: a status code, or an error's code. */
  readonly answer: string;
}

/** Nanoseconds since the run began. */
export type Nanos = () => number;

/** A clock for one run. */
export function nanosFromNow(): Nanos {
  const began = process.hrtime.bigint();
  return () => Number(process.hrtime.bigint() - began);
}

export class History {
  readonly entries: Entry[] = [];
  private readonly file: WriteStream | undefined;

  constructor(path?: string) {
    if (path !== undefined) this.file = createWriteStream(path);
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    this.file?.write(`${JSON.stringify(entry)}\n`);
  }

  async close(): Promise<void> {
    if (this.file === undefined) return;
    this.file.end();
    await finished(this.file);
  }
}
