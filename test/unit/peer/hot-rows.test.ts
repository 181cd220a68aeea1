import { expect } from 'chai';
import type { Row } from '../../../peer/replication/entry.js';
import { HotRows } from '../../../peer/storage/hot-rows.js';
import { rowKey } from '../../../peer/storage/lmdb-layout.js';

function rowOf(seq: number): Row {
  return {
    value: { bytes: Buffer.from(`${seq}`), type: 't' },
    epoch: 1,
    seq,
    ts: 1,
    expiresAtMs: undefined,
  };
}

describe('peer/storage/hot-rows', () => {
  const put = (hot: HotRows, key: string, seq: number, space = 1, bytes = 100) =>
    hot.put(space, rowKey(space, key), rowOf(seq), Buffer.allocUnsafeSlow(bytes));

  it('gives a row that was put, of its own space alone', () => {
    const hot = new HotRows();
    put(hot, 'é', 1);
    expect(hot.get(1, 'é')).to.deep.equal(rowOf(1));
    expect(hot.get(2, 'é')).to.equal(undefined);
    expect(hot.get(1, 'e')).to.equal(undefined);
    put(hot, 'é', 2, 2);
    expect([hot.get(1, 'é'), hot.get(2, 'é')?.seq]).to.deep.equal([undefined, 2]);
  });

  it('has no row that was changed, and keeps the others', () => {
    const hot = new HotRows();
    for (const key of ['put', 'deleted', 'marked', 'left']) put(hot, key, 1);
    hot.changed([
      { table: 'rows', key: rowKey(1, 'put'), record: Buffer.from('new') },
      { table: 'rows', key: rowKey(1, 'deleted'), record: undefined },
      { table: 'marks', key: rowKey(1, 'marked'), record: undefined },
    ]);
    const there = ['put', 'deleted', 'marked', 'left'].filter((key) => hot.get(1, key) !== undefined);
    expect(there).to.deep.equal(['marked', 'left']);
  });

  it('stays within its bytes, and lets go of what nobody asked for', () => {
    const hot = new HotRows(100_000);
    put(hot, 'wanted', 0);
    for (let i = 0; i < 1_000; i++) {
      put(hot, `key ${i}`, i);
      expect(hot.get(1, 'wanted')?.seq).to.equal(0);
    }
    const kept = Array.from({ length: 1_000 }, (_, i) => hot.get(1, `key ${i}`)).filter((row) => row);
    expect(kept.length).to.be.within(50, 150);
    put(hot, 'large', 1, 1, 65_537);
    expect(hot.get(1, 'large')).to.equal(undefined);
  });

  it('keeps nothing that would hold more memory than it counts', () => {
    const hot = new HotRows();
    const record = Buffer.alloc(8_192).subarray(0, 100);
    hot.put(1, rowKey(1, 'part'), rowOf(1), record);
    expect(hot.get(1, 'part')).to.equal(undefined);
  });
});
