/**
 * What a start finds in the journal beyond what the tables have.
 *
 * Kept true: nothing is changed here. A record that cannot be read may be dropped only if it was never whole, which
 * is so if it is the last one and sectors of it are missing: then nobody was told that it was done. Any other one
 * was durable once (see journal.ts and journal-record.ts): it is damage, and never skipped.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JOURNAL_FILES, STEP_BYTES } from './journal.js';
import { PAGE_BYTES, readChanges, readHeader, wasWhole } from './journal-record.js';
import type { Change } from './lmdb-layout.js';

/** How much of which journal the tables have. */
export interface JournalPosition {
  readonly id: string;
  readonly through: number;
}

export interface JournalFound {
  /** The records after the position, in order, up to the first that cannot be read. */
  readonly records: readonly (readonly Change[])[];
  /** A record that was durable cannot be read, or a file is gone or was cut. */
  readonly damaged: boolean;
}

/** Reads what follows `position`. Throws errors of the system. */
export function readJournal(directory: string, { id, through }: JournalPosition): JournalFound {
  const files = JOURNAL_FILES.map((name) => contentOf(join(directory, name)));
  const found = new Map<number, readonly Change[]>();
  const ends = new Map<number, { readonly file: Buffer; readonly at: number }>();
  for (const file of files) {
    if (file === undefined) continue;
    for (let at = 0; at < file.length; ) {
      const header = readHeader(file, at, id);
      const changes =
        header === undefined || header.number <= through ? undefined : readChanges(file, at, header);
      if (header !== undefined) ends.set(header.number, { file, at: at + header.bytes });
      if (header !== undefined && changes !== undefined) found.set(header.number, changes);
      at += header !== undefined && changes !== undefined ? header.bytes : PAGE_BYTES;
    }
  }
  const records: (readonly Change[])[] = [];
  for (
    let next = found.get(through + 1);
    next !== undefined;
    next = found.get(through + 1 + records.length)
  ) {
    records.push(next);
  }
  const missing = through + records.length + 1;
  // It follows the one before it, or begins a file.
  const places = files.flatMap((file) => (file === undefined ? [] : [{ file, at: 0 }]));
  const behind = ends.get(missing - 1);
  if (behind !== undefined) places.push(behind);
  const damaged =
    found.size > records.length ||
    files.some(isCut) ||
    places.some(({ file, at }) => wasWhole(file, at, id, missing));
  return { records, damaged };
}

/** Whether it is gone, or not as long as it was made. */
function isCut(file: Buffer | undefined): boolean {
  return file === undefined || file.length === 0 || file.length % STEP_BYTES !== 0;
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
