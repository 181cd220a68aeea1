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
  /** Reads it twice, as it takes for a row to be kept. */
  const put = (hot: HotRows, key: string, seq: number, space = 1, row = rowOf(seq)) => {
    hot.put(space, key, row);
    hot.put(space, key, row);
  };

  it('gives a row that was put, of its own space alone', () => {
    const hot = new HotRows();
    put(hot, 'é', 1);
    expect(hot.get(1, 'é')).to.deep.equal(rowOf(1));
    expect(hot.get(2, 'é')).to.equal(undefined);
    expect(hot.get(1, 'e')).to.equal(undefined);
    put(hot, 'é', 2, 2);
    expect([hot.get(1, 'é'), hot.get(2, 'é')?.seq]).to.deep.equal([undefined, 2]);
  });

  it('keeps a tombstone', () => {
    const hot = new HotRows();
    const gone: Row = { ...rowOf(1), value: null };
    put(hot, 'gone', 1, 1, gone);
    expect(hot.get(1, 'gone')).to.deep.equal(gone);
  });

  it('keeps no row that was read once, and few of many that are read twice with many others between', () => {
    const hot = new HotRows();
    const keys = Array.from({ length: 200_000 }, (_, i) => `key ${i}`);
    const kept = () => keys.filter((key) => hot.get(1, key) !== undefined).length;
    for (const key of keys) hot.put(1, key, rowOf(1));
    expect(kept()).to.be.below(4_000);
    for (const key of keys) hot.put(1, key, rowOf(1));
    expect(kept()).to.be.below(20_000);
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
    hot.changed([{ table: 'rows', key: rowKey(1, 'left'), record: undefined }]);
    expect(hot.get(1, 'left')).to.equal(undefined);
    hot.put(1, 'left', rowOf(2));
    expect(hot.get(1, 'left'), 'read once since it was changed').to.equal(undefined);
    hot.put(1, 'left', rowOf(2));
    expect(hot.get(1, 'left')).to.deep.equal(rowOf(2));
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
    const large = { bytes: Buffer.alloc(65_537), type: 't' };
    put(hot, 'large', 1, 1, { ...rowOf(1), value: large });
    expect(hot.get(1, 'large')).to.equal(undefined);
  });

  it('keeps a value by itself, whatever it was a part of', () => {
    const hot = new HotRows();
    const bytes = Buffer.alloc(8_192, 7).subarray(10, 110);
    put(hot, 'part', 1, 1, { ...rowOf(1), value: { bytes, type: 't' } });
    const kept = hot.get(1, 'part')?.value?.bytes;
    expect(kept).to.deep.equal(Buffer.alloc(100, 7));
    expect(kept?.buffer.byteLength).to.equal(100);
  });
});
