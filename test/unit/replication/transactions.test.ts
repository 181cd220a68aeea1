/** Several keys in one entry: how it is judged, what it leaves, and how large it may be. */
import { expect } from 'chai';
import {
  type Change,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEYS,
  type SeenVersion,
  type Version,
} from '../../../peer/replication/commands.js';
import {
  type Entry,
  eachChange,
  keysAddedBy,
  type Row,
  rowOf,
  sizeOf,
} from '../../../peer/replication/entry.js';
import { evaluateTransaction, isTooLarge } from '../../../peer/replication/evaluate.js';
import { draft, several } from './entries.js';

const VERSION = { epoch: 4, seq: 9 };
const SEEN = { epoch: 2, seq: 5 };

function row(text: string | null): Row {
  const value = text === null ? null : { bytes: Buffer.from(text), type: 't' };
  return { value, ...SEEN, ts: 0, expiresAtMs: undefined };
}

const ROWS = new Map([
  ['here', row('x')],
  ['there', row('y')],
  ['deleted', row(null)],
  ['never', undefined],
]);

function put(key: string, text = key): Extract<Change, { kind: 'put' }> {
  return { kind: 'put', key, value: { bytes: Buffer.from(text), type: 't' } };
}

function judge(reads: readonly SeenVersion[], changes: readonly Change[]) {
  return evaluateTransaction({ kind: 'transaction', reads, changes }, ROWS, VERSION);
}

describe('peer/replication: transactions', () => {
  it('change all keys if every read one has its version, and say how many were there', () => {
    const reads = [
      { key: 'here', version: SEEN },
      { key: 'deleted', version: null },
      { key: 'never', version: null },
    ];
    const changes: Change[] = [put('here'), { kind: 'delete', key: 'there' }, put('never')];
    const { effect, result } = judge(reads, changes);
    expect(result).to.deep.equal({ kind: 'done', version: VERSION, existed: true, number: 2n });
    expect(effect).to.deep.equal(several(...changes).effect);
    expect(judge([], [put('never'), put('deleted')]).result).to.include({ existed: false, number: 0n });
  });

  const stale: [string, Version | null, Version | null][] = [
    ['here', null, SEEN],
    ['here', { epoch: 2, seq: 4 }, SEEN],
    ['here', { epoch: 1, seq: 5 }, SEEN],
    ['deleted', SEEN, null],
    ['never', SEEN, null],
  ];
  for (const [key, version, actual] of stale) {
    it(`change nothing if ${key} was seen ${version === null ? 'absent' : `at ${version.epoch}/${version.seq}`}`, () => {
      const { effect, result } = judge(
        [
          { key: 'there', version: SEEN },
          { key, version },
        ],
        [put('x')],
      );
      expect(effect).to.deep.equal({ kind: 'none' });
      expect(result).to.deep.equal({ kind: 'failed', reason: 'condition', actual });
    });
  }

  it('only look, if they change nothing', () => {
    const { effect, result } = judge([{ key: 'here', version: SEEN }], []);
    expect(effect).to.deep.equal({ kind: 'none' });
    expect(result).to.include({ kind: 'done', number: 0n });
  });

  it('take the last of two changes of a key', () => {
    const { effect, result } = judge([], [put('here', '1'), put('here', '2')]);
    expect(effect).to.deep.equal(several(put('here', '2')).effect);
    expect(result).to.include({ number: 1n });
  });

  it('leave a row at each key, with the version of the entry', () => {
    const entry = draft(7, '', several({ ...put('a'), expiresAtMs: 99 }, { kind: 'delete', key: 'b' }));
    const left = { epoch: 1, seq: 7, ts: 7 };
    expect(rowOf(entry, 'a')).to.deep.equal({ ...left, value: put('a').value, expiresAtMs: 99 });
    expect(rowOf(entry, 'b')).to.deep.equal({ ...left, value: null, expiresAtMs: undefined });
    for (const key of ['c', '']) expect(rowOf(entry, key)).to.equal(undefined);
    const keys: string[] = [];
    eachChange(entry, (key) => keys.push(key));
    expect(keys).to.deep.equal(['a', 'b']);
    expect(rowOf(draft(7, 'a'), 'b')).to.equal(undefined);
  });

  it('tell how many keys there are more', () => {
    const added = (reads: readonly SeenVersion[], changes: readonly Change[]) =>
      keysAddedBy(draft(1, '', judge(reads, changes)));
    expect(added([], [put('never'), put('deleted'), put('here')])).to.equal(2);
    expect(
      added(
        [],
        [
          { kind: 'delete', key: 'here' },
          { kind: 'delete', key: 'never' },
        ],
      ),
    ).to.equal(-1);
    expect(added([], [put('never'), { kind: 'delete', key: 'here' }])).to.equal(0);
    expect(added([], [])).to.equal(0);
    expect(added([{ key: 'here', version: null }], [put('never')])).to.equal(0);
    const single = (existed: boolean, effect: Entry['effect']) =>
      keysAddedBy(draft(1, 'k', { effect, result: { kind: 'done', version: VERSION, existed } }));
    const { value } = put('k');
    expect([true, false].map((existed) => single(existed, { kind: 'put', value }))).to.deep.equal([0, 1]);
    expect([true, false].map((existed) => single(existed, { kind: 'delete' }))).to.deep.equal([-1, 0]);
    expect(single(true, { kind: 'retire', peer: 'p', storeId: 's', inc: 1 })).to.equal(0);
  });

  it('count with all their keys and values', () => {
    const one = sizeOf(draft(1, '', several(put('a', 'x'.repeat(1_000)))));
    const two = sizeOf(draft(1, '', several(put('a', 'x'.repeat(1_000)), put('b', 'x'.repeat(1_000)))));
    expect(two - one).to.be.within(1_000, 1_500);
    expect(one).to.be.above(1_000);
  });

  it('have limits of keys and of bytes', () => {
    const large = (reads: number, changes: number, bytes: number) =>
      isTooLarge({
        kind: 'transaction',
        reads: Array.from({ length: reads }, (_, i) => ({ key: `${i}`, version: null })),
        changes: Array.from({ length: changes }, (_, i) => put(`${i}`, 'x'.repeat(i === 0 ? bytes : 0))),
      });
    expect(large(MAX_TRANSACTION_KEYS, MAX_TRANSACTION_KEYS, 0)).to.equal(false);
    expect(large(MAX_TRANSACTION_KEYS + 1, 0, 0)).to.equal(true);
    expect(large(0, MAX_TRANSACTION_KEYS + 1, 0)).to.equal(true);
    expect(large(0, 1, MAX_TRANSACTION_BYTES - 1)).to.equal(false);
    expect(large(0, 1, MAX_TRANSACTION_BYTES)).to.equal(true);
  });
});
