/**
 * Many keys, and their rows, as they stand in `peer.proto`: not a message a key, but a column a property, since writing
 * and reading a message costs more than a small value does.
 *
 * Invariant: the values of one reply share its bytes. Who keeps one of them keeps all.
 */
import type { LiveRow, Row } from '../replication/entry.js';
import type { FieldReader } from './field-reader.js';
import type { FieldWriter } from './field-writer.js';
import type { Form } from './form.js';
import { MAX_READ_KEYS, type PeerRequest, type RowsReply } from './messages.js';

const UNANSWERED = 0;
const ABSENT = 1;
const FIRST_TYPE = 2;

/** Numbers a row beside its value: epoch, seq, ts, expiry. */
const MARKS = 4;
/** In the place of an expiry: the row has none. One that is over is not given, so that none is 0. */
const NEVER = 0;

export const readForm: Form<Extract<PeerRequest, { readonly type: 'read' }>> = {
  write: (w, { keys }) => w.texts(1, keys),
  read: (r) => ({ type: 'read', keys: r.texts(1, MAX_READ_KEYS) }),
};

export const rowsForm: Form<RowsReply> = {
  write(w: FieldWriter, { rows }: RowsReply) {
    const types = new Map<string, number>();
    const found: number[] = [];
    const lengths: number[] = [];
    const bytes: Uint8Array[] = [];
    const marks: number[] = [];
    for (const row of rows) {
      found.push(numberOf(row, types));
      if (row === undefined || row === null) continue;
      lengths.push(row.value.bytes.length);
      bytes.push(row.value.bytes);
      marks.push(row.epoch, row.seq, row.ts, row.expiresAtMs ?? NEVER);
    }
    w.numbers(1, found);
    w.texts(2, [...types.keys()]);
    w.numbers(3, lengths);
    w.bytes(4, Buffer.concat(bytes));
    w.reals(5, marks);
  },
  read(r: FieldReader): RowsReply {
    const found = r.numbers(1, MAX_READ_KEYS);
    const types = r.texts(2, MAX_READ_KEYS);
    const lengths = r.numbers(3, MAX_READ_KEYS);
    const bytes = r.bytes(4);
    const marks = r.reals(5);
    const rows: (LiveRow | null | undefined)[] = [];
    let at = 0;
    let next = 0;
    for (const number of found) {
      if (number < FIRST_TYPE) {
        rows.push(number === ABSENT ? null : undefined);
        continue;
      }
      const type = types[number - FIRST_TYPE];
      const end = at + (lengths[next] ?? Number.NaN);
      if (type === undefined || !(end <= bytes.length)) throw new RangeError('a value is not there');
      rows.push({ value: { bytes: bytes.subarray(at, end), type }, ...versionAt(marks, next) });
      next++;
      at = end;
    }
    if (at !== bytes.length || next !== lengths.length) throw new RangeError('more values than were found');
    if (next * MARKS !== marks.length) throw new RangeError('more versions than were found');
    return { type: 'rows', rows };
  },
};

function versionAt(marks: readonly number[], place: number): Omit<Row, 'value'> {
  const at = place * MARKS;
  const [epoch, seq, ts, expiry] = [marks[at], marks[at + 1], marks[at + 2], marks[at + 3]];
  if (!isPosition(epoch) || !isPosition(seq) || ts === undefined || expiry === undefined) {
    throw new RangeError('a version is not there');
  }
  return { epoch, seq, ts, expiresAtMs: expiry === NEVER ? undefined : expiry };
}

function isPosition(number: number | undefined): number is number {
  return Number.isSafeInteger(number) && (number as number) >= 0;
}

function numberOf(row: LiveRow | null | undefined, types: Map<string, number>): number {
  if (row === undefined) return UNANSWERED;
  if (row === null) return ABSENT;
  const { type } = row.value;
  let number = types.get(type);
  if (number === undefined) {
    number = FIRST_TYPE + types.size;
    types.set(type, number);
  }
  return number;
}
