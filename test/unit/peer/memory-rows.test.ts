import { expect } from 'chai';
import fc from 'fast-check';
import { compareBytes } from '../../../common/byte-order.js';
import type { Row } from '../../../peer/replication/entry.js';
import { hashBytes, hashKeyOf } from '../../../peer/storage/key-hash.js';
import { KeyIndex } from '../../../peer/storage/key-index.js';
import { MemoryRows } from '../../../peer/storage/memory-rows.js';

const row = (length: number, fill = 1): Row => ({
  ...{ epoch: 2 ** 32 + 1, seq: 7, ts: 1_700_000_000_000, expiresAtMs: undefined },
  value: { bytes: Buffer.alloc(length, fill), type: '' },
});
const everything = { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

describe('peer/storage/memory-rows', () => {
  it('does what a Map does, whatever the sizes and the order', () => {
    const key = fc.oneof(fc.integer({ min: 0, max: 40 }).map(String), fc.constantFrom('', 'ü', '日本', '😀'));
    const length = fc.oneof(fc.nat(200), fc.constantFrom(16_000, 16_384, 40_000, 300_000));
    const step = fc.record({ key, length: fc.option(length), fill: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.boolean(), (steps, listed) => {
        const rows = new MemoryRows([1, 2]);
        const model = new Map<string, Row>();
        for (const { key, length, fill } of steps) {
          if (length === null) {
            rows.delete(key);
            model.delete(key);
          } else {
            rows.put(key, row(length, fill));
            model.set(key, row(length, fill));
          }
          if (listed && fill < 8) rows.keys(undefined, 3);
        }
        expect(rows.size).to.equal(model.size);
        for (const { key } of steps) expect(rows.get(key)).to.deep.equal(model.get(key));
        const ordered = [...model].sort(([a], [b]) => compareBytes(a, b));
        expect(rows.range(undefined, everything).rows.map(({ key, row }) => [key, row])).to.deep.equal(
          ordered,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('what was read stays as it was, when the row is written again or moved', () => {
    const rows = new MemoryRows([1, 2]);
    for (const length of [100, 30_000]) {
      rows.put('a', row(length, 1));
      const before = rows.get('a');
      for (let i = 0; i < 5_000; i++) rows.put(`x${i % 50}`, row(100 + i, 3));
      rows.put('a', row(length, 2));
      expect(before).to.deep.equal(row(length, 1));
      expect(rows.get('a')).to.deep.equal(row(length, 2));
    }
  });

  it('takes little more than its data, whatever was written before, and gives memory back', () => {
    const rows = new MemoryRows([1, 2]);
    const keys = 20_000;
    for (let i = 0; i < keys; i++) rows.put(`key:${i}`, row(100));
    const full = rows.bytes;
    expect(full / keys).to.be.within(130, 180);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < keys; i++) rows.put(`key:${i}`, row(50 + ((i * 7 + round * 13) % 100)));
    }
    expect(rows.bytes / full).to.be.below(2);
    for (let i = 0; i < keys; i++) if (i % 10 !== 0) rows.delete(`key:${i}`);
    expect(rows.bytes / full).to.be.below(0.25);
    for (let i = 0; i < keys; i += 10) expect(rows.get(`key:${i}`)?.value?.bytes.length).to.be.above(49);
    for (let i = 0; i < keys; i++) rows.delete(`key:${i}`);
    expect([rows.size, rows.get('key:0')]).to.deep.equal([0, undefined]);
    expect(rows.bytes).to.be.below(64 * 1024);
  });

  it('keeps nothing of keys that came and went since it was listed', () => {
    const rows = new MemoryRows([1, 2]);
    rows.keys(undefined, 1);
    for (let i = 0; i < 1_000; i++) {
      rows.put(`key:${i}`, row(10));
      rows.delete(`key:${i}`);
      expect((rows as unknown as { fresh: unknown[] }).fresh.length).to.be.below(100);
    }
    rows.put('b', row(10));
    rows.put('a', row(10));
    expect(rows.keys(undefined, 3).keys.map(({ key }) => key)).to.deep.equal(['a', 'b']);
  });

  it('looks for no key that is too long', () => {
    const rows = new MemoryRows([1, 2]);
    expect(rows.get('x'.repeat(5_000))).to.equal(undefined);
    expect(rows.get('ü'.repeat(1_000))).to.equal(undefined);
    expect(() => rows.put('ü'.repeat(1_000), row(1))).to.throw('1024');
  });
});

describe('peer/storage/key-index', () => {
  it('finds every key, though all hashes meet', () => {
    const keys: string[] = [];
    const holder = {
      holds: (handle: number, key: Uint8Array, length: number) =>
        keys[handle] === Buffer.from(key.subarray(0, length)).toString(),
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(60), fc.boolean())),
        fc.constantFrom(1, 3, 64),
        (steps, spread) => {
          const index = new KeyIndex(holder);
          const model = new Set<number>();
          const find = (n: number) => index.find((n % spread) * 7, Buffer.from(`k${n}`), `k${n}`.length);
          for (let n = 0; n <= 60; n++) keys[n] = `k${n}`;
          for (const [n, add] of steps) {
            if (add && !model.has(n)) index.add((n % spread) * 7, n);
            if (!add && model.has(n)) index.removeAt(find(n));
            if (add) model.add(n);
            else model.delete(n);
            for (let m = 0; m <= 60; m++) {
              const slot = find(m);
              expect(slot >= 0 && index.handleAt(slot) === m).to.equal(model.has(m));
              expect(index.slotOf((m % spread) * 7, m)).to.equal(slot);
            }
          }
          expect([...index.handles()].sort((a, b) => a - b)).to.deep.equal([...model].sort((a, b) => a - b));
          expect(index.size).to.equal(model.size);
        },
      ),
    );
  });
});

describe('peer/storage/key-hash', () => {
  it('is HalfSipHash-1-3', () => {
    // Of an implementation of its own, in another language, whose HalfSipHash-2-4 gives the published vectors.
    const vectors = [
      ...([
        [0, 0x5814c896],
        [1, 0xe7e864ca],
        [2, 0xbc4b0e30],
        [4, 0x7e059ea6],
      ] as const),
      ...([
        [7, 0x9d38d9d6],
        [16, 0x8b31d501],
        [63, 0x87178304],
      ] as const),
    ];
    const key = [0x03020100, 0x07060504] as const;
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => i));
    for (const [length, hash] of vectors) expect(hashBytes(key, bytes, 0, length)).to.equal(hash);
    expect(hashBytes(key, Buffer.concat([Buffer.alloc(3), bytes]), 3, 7)).to.equal(0x7e059ea6);
  });

  it('takes a secret of hexadecimal digits', () => {
    expect(hashKeyOf('03020100070605049999')).to.deep.equal([0x03020100, 0x07060504]);
  });

  it('spreads keys evenly', () => {
    const counts = new Array<number>(256).fill(0);
    for (let i = 0; i < 65_536; i++) {
      const bytes = Buffer.from(`user:${i}`);
      const at = hashBytes([123, 456], bytes, 0, bytes.length) & 255;
      counts[at] = (counts[at] as number) + 1;
    }
    expect(Math.min(...counts)).to.be.above(180);
    expect(Math.max(...counts)).to.be.below(340);
  });
});
