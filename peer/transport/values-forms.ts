/**
 * Many keys, and their values, as they stand in `peer.proto`: not a message a key, but a column a property, since writing
 * and reading a message costs more than a small value does.
 *
 * Invariant: the values of one reply share its bytes. Who keeps one of them keeps all.
 */
import type { Value } from '../replication/commands.js';
import type { FieldReader } from './field-reader.js';
import type { FieldWriter } from './field-writer.js';
import type { Form } from './form.js';
import type { PeerRequest, ValuesReply } from './messages.js';

const UNANSWERED = 0;
const ABSENT = 1;
const FIRST_TYPE = 2;

export const readForm: Form<Extract<PeerRequest, { readonly type: 'read' }>> = {
  write: (w, { keys }) => w.texts(1, keys),
  read: (r) => ({ type: 'read', keys: r.texts(1) }),
};

export const valuesForm: Form<ValuesReply> = {
  write(w: FieldWriter, { values }: ValuesReply) {
    const types = new Map<string, number>();
    const found: number[] = [];
    const lengths: number[] = [];
    const bytes: Uint8Array[] = [];
    for (const value of values) {
      found.push(numberOf(value, types));
      if (value === undefined || value === null) continue;
      lengths.push(value.bytes.length);
      bytes.push(value.bytes);
    }
    w.numbers(1, found);
    w.texts(2, [...types.keys()]);
    w.numbers(3, lengths);
    w.bytes(4, Buffer.concat(bytes));
  },
  read(r: FieldReader): ValuesReply {
    const found = r.numbers(1);
    const types = r.texts(2);
    const lengths = r.numbers(3);
    const bytes = r.bytes(4);
    const values: (Value | null | undefined)[] = [];
    let at = 0;
    let next = 0;
    for (const number of found) {
      if (number < FIRST_TYPE) {
        values.push(number === ABSENT ? null : undefined);
        continue;
      }
      const type = types[number - FIRST_TYPE];
      const end = at + (lengths[next++] ?? Number.NaN);
      if (type === undefined || !(end <= bytes.length)) throw new RangeError('a value is not there');
      values.push({ bytes: bytes.subarray(at, end), type });
      at = end;
    }
    if (at !== bytes.length || next !== lengths.length) throw new RangeError('more values than were found');
    return { type: 'values', values };
  },
};

function numberOf(value: Value | null | undefined, types: Map<string, number>): number {
  if (value === undefined) return UNANSWERED;
  if (value === null) return ABSENT;
  let number = types.get(value.type);
  if (number === undefined) {
    number = FIRST_TYPE + types.size;
    types.set(value.type, number);
  }
  return number;
}
