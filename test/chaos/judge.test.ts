import { expect } from 'chai';
import type { Entry } from './history.js';
import { judge } from './judge.js';
import { packValue, unpackValue } from './values.js';

let clock = 0;

/** An operation that follows the ones before. */
function did(op: Entry['op'], value: string | null, rest: Partial<Entry> = {}): Entry {
  clock += 2;
  const told = { outcome: 'ok', start: clock, end: clock + 1, peers: ['peer-1'], answer: '200' } as const;
  return { client: 'c', key: 'k', op, value, ...told, ...rest };
}

function verdict(...entries: readonly Entry[]): string {
  const { violations, undecided } = judge(entries, () => {});
  return violations.length > 0 ? 'violation' : undecided.length > 0 ? 'undecided' : 'fine';
}

describe('the judge of histories', () => {
  it('takes a history in which every read sees the newest write', () => {
    const put = did('put', 'a', { version: '1-5', found: false });
    expect(verdict(put, did('get', 'a', { version: '1-5' }))).to.equal('fine');
  });

  it('finds a lost write, a stale read and a read of what nobody wrote', () => {
    const put = did('put', 'a', { version: '1-5' });
    expect(verdict(put, did('get', null, { version: null }))).to.equal('violation');
    const second = did('put', 'b', { version: '1-6' });
    expect(verdict(put, second, did('get', 'a', { version: '1-5' }))).to.equal('violation');
    expect(verdict(did('get', 'ghost', { version: '1-1' }))).to.equal('violation');
  });

  it('holds a write that surely was not done to its word', () => {
    const refused = did('put', 'a', { outcome: 'failed' });
    expect(verdict(refused, did('get', null, { version: null }))).to.equal('fine');
    expect(verdict(refused, did('get', 'a', { version: '1-1' }))).to.equal('violation');
  });

  it('lets a write of unknown outcome come late, or never, but not go away again', () => {
    const lost = did('put', 'a', { outcome: 'unknown' });
    const seen = did('get', 'a', { version: '1-1' });
    const absent = did('get', null, { version: null });
    expect(verdict(lost, absent)).to.equal('fine');
    expect(verdict(lost, absent, did('get', 'a', { version: '1-1' }))).to.equal('fine');
    expect(verdict(lost, seen, did('get', null, { version: null }))).to.equal('violation');
  });

  it('judges compare-and-set by the version that stood', () => {
    const put = did('put', 'a', { version: '2-9' });
    const swap = did('cas', 'b', { expected: '2-9', version: '2-10', found: true });
    expect(verdict(put, swap, did('get', 'b', { version: '2-10' }))).to.equal('fine');
    const again = did('cas', 'c', { expected: '2-9', version: '2-11' });
    expect(verdict(put, swap, again)).to.equal('violation');
    const refused = did('cas', 'c', { expected: '2-9', outcome: 'mismatch', version: '2-10' });
    expect(verdict(put, swap, refused)).to.equal('fine');
    const wrongly = did('cas', 'c', { expected: '*', outcome: 'mismatch', version: null });
    expect(verdict(wrongly)).to.equal('violation');
  });

  it('knows that versions grow, and sorts them as numbers', () => {
    const ninth = did('put', 'a', { version: '1-9' });
    expect(verdict(ninth, did('put', 'b', { version: '1-10' }))).to.equal('fine');
    expect(verdict(ninth, did('put', 'b', { version: '1-8' }))).to.equal('violation');
  });
});

describe('values of histories', () => {
  it('come back by their names, padded or not', () => {
    for (const name of ['c1/7', 'c1/7+1', 'c12/345+65536'])
      expect(unpackValue(packValue(name))).to.equal(name);
  });

  it('do not pass for another where the padding is wrong', () => {
    const text = packValue('c1/7+100');
    for (const wrong of [text.slice(0, -1), `${text}.`, text.replace('..', '.x')])
      expect(unpackValue(wrong)).not.to.equal('c1/7+100');
  });
});
