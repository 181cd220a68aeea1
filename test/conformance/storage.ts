/**
 * What every storage engine must do, as one suite that each of them runs. The reference is the simulator's disk.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { StoreBatch, StoreOp } from '../../peer/replication/machine.js';
import { Sessions } from '../../peer/replication/sessions.js';
import type { StorageEngine } from '../../peer/storage/engine.js';
import { StoredImage } from '../simulator/image.js';
import { chain, draft } from '../unit/replication/entries.js';
import {
  COPIES,
  compare,
  KEYS,
  keysOf,
  PARTITIONS,
  Player,
  plain,
  rowOf,
  steps,
  textOf,
} from './storage-model.js';

/** Makes and reopens the engine under test. */
export interface StorageUnderTest {
  readonly name: string;
  /** False: a start finds nothing, and what only a start asks for is not kept. */
  readonly survives: boolean;
  /** An empty store of cluster `c`. */
  open(): Promise<StorageEngine>;
  /** Closes it and opens it again; an engine that forgets stays open. */
  reopen(engine: StorageEngine): Promise<StorageEngine>;
  /** Closes it and deletes what it stored. */
  remove(engine: StorageEngine): Promise<void>;
}

/** Writes one batch and waits until it is done. */
export function stored(engine: StorageEngine, ops: readonly StoreOp[], number = 1): Promise<void> {
  return new Promise((resolve) => engine.write({ number, ops }, resolve));
}

/** A row op. */
export function put(key: string, text: string, copy = 0, partition = 0): StoreOp {
  const value = { bytes: Buffer.from(text), type: 'text/plain' };
  return {
    type: 'row',
    partition,
    copy,
    key,
    row: { value, epoch: 1, seq: 1, ts: 1, expiresAtMs: undefined },
  };
}

/** Describes the suite for one engine. */
export function describeStorage(under: StorageUnderTest): void {
  describe(`storage: ${under.name}`, () => {
    let engine: StorageEngine;

    beforeEach(async () => {
      engine = await under.open();
    });

    afterEach(() => under.remove(engine));

    const write = (...ops: StoreOp[]) => stored(engine, ops);

    it('begins empty, with an id of its own', async () => {
      const other = await under.open();
      expect(engine.load()).to.deep.include({ partitions: [], promised: 0, inc: 1, damaged: [] });
      expect(engine.load().map).to.deep.include({ clusterId: 'c', ver: 0 });
      expect(engine.storeId).to.have.length.greaterThan(15);
      expect(other.storeId).not.to.equal(engine.storeId);
      await under.remove(other);
    });

    it('calls batches done in their order, never within the call', async () => {
      const done: number[] = [];
      const all = Array.from({ length: 200 }, (_, i) => {
        const batch: StoreBatch = { number: i, ops: i % 3 === 0 ? [] : [put(`k${i % 7}`, `${i}`)] };
        return new Promise<void>((resolve) => {
          engine.write(batch, () => {
            done.push(i);
            resolve();
          });
        });
      });
      expect(done).to.deep.equal([]);
      await Promise.all(all);
      expect(done).to.deep.equal(Array.from({ length: 200 }, (_, i) => i));
      expect(textOf(engine, 'k3')).to.equal('199');
    });

    it('shows a batch as soon as it is done', async () => {
      for (let i = 0; i < 20; i++) {
        await write(put('a', `${i}`), put('b', `${i}`));
        expect(textOf(engine, 'a')).to.equal(`${i}`);
        const [next] = engine.range(0, 0, 'a', { rows: 5, bytes: 100 }).rows;
        expect(plain(next)).to.deep.equal(plain({ key: 'b', row: rowOf(engine, 'b') }));
      }
    });

    it('shows what was read before as it is now, once the batch is done', async () => {
      const once = () => ['a', 'b', 'c'].map((key) => textOf(engine, key));
      // What is read again may be kept in memory: it is to be the same.
      const read = () => {
        const first = once();
        expect([once(), once()]).to.deep.equal([first, first]);
        return first;
      };
      await write(put('a', '1'), put('b', '1'), put('c', '1', 1));
      expect(read()).to.deep.equal(['1', '1', undefined]);
      const [changed, deleted] = [put('a', '2'), { ...put('b', ''), row: undefined } as StoreOp];
      const done = write(changed, deleted, put('c', '2'));
      // Now and until then either may be seen.
      for (const text of read()) expect(text).to.be.oneOf(['1', '2', undefined]);
      await done;
      expect(read()).to.deep.equal(['2', undefined, '2']);
      expect(textOf(engine, 'c', 1)).to.equal('1');
      await write({ type: 'drop-copy', partition: 0, copy: 0 }, put('b', '3'));
      expect(read()).to.deep.equal([undefined, '3', undefined]);
      await write({ type: 'forget', partition: 0 }, put('c', '4', 1));
      expect(read()).to.deep.equal([undefined, undefined, undefined]);
      expect(textOf(engine, 'c', 1)).to.equal('4');
    });

    it('orders odd keys as compareBytes does, and cuts ranges anywhere', async () => {
      await write(...KEYS.map((key) => put(key, key)));
      const sorted = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(keysOf(engine, undefined, 1_000)).to.deep.equal(sorted);
      for (const [i, after] of sorted.entries()) {
        expect(keysOf(engine, after, 2)).to.deep.equal(sorted.slice(i + 1, i + 3));
        expect(textOf(engine, after)).to.equal(after);
        const { keys, next } = engine.keys(0, 0, after, 2);
        expect(keys.map(({ key }) => key)).to.deep.equal(sorted.slice(i + 1, i + 3));
        expect(next).to.equal(sorted[i + 2]);
      }
      for (const [partition, copy] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const nothing = { rows: [], more: false };
        expect(engine.range(partition, copy, undefined, { rows: 9, bytes: 9 })).to.deep.equal(nothing);
        expect(engine.keys(partition, copy, undefined, 9)).to.deep.equal({ keys: [], next: undefined });
      }
    });

    it('ends a range before it has more bytes than asked for, but has a first row whatever its size', async () => {
      const sizes = { a: 500, b: 300, c: 5_000, d: 100, e: 100 };
      await write(...Object.entries(sizes).map(([key, size]) => put(key, 'x'.repeat(size))));
      const parts: string[] = [];
      let after: string | undefined;
      for (let more = true; more; ) {
        const part = engine.range(0, 0, after, { rows: 10, bytes: 1_000 });
        parts.push(part.rows.map(({ key }) => key).join(''));
        after = part.rows.at(-1)?.key;
        more = part.more;
      }
      expect(parts).to.deep.equal(['ab', 'c', 'de']);
    });

    it('lists keys with their times to live, without tombstones', async () => {
      const row = { epoch: 1, seq: 2, ts: 3 };
      const live = { value: { bytes: Buffer.from('v'), type: 't' }, expiresAtMs: undefined, ...row };
      const rows = {
        a: live,
        b: { ...live, value: null },
        c: { ...live, expiresAtMs: 9 },
        d: { ...live, value: null },
      };
      const ops = Object.entries(rows).map(
        ([key, row]) => ({ type: 'row', partition: 0, copy: 0, key, row }) as const,
      );
      await write(...ops, put('e', 'x'.repeat(1_000_000)));
      engine = await under.reopen(engine);
      const [a, c] = [
        { key: 'a', expiresAtMs: undefined },
        { key: 'c', expiresAtMs: 9 },
      ];
      expect(engine.keys(0, 0, undefined, 3)).to.deep.equal({ keys: [a, c], next: 'c' });
      expect(engine.keys(0, 0, 'c', 1)).to.deep.equal({ keys: [], next: 'd' });
      expect(engine.keys(0, 0, 'c', 9)).to.deep.equal({
        keys: [{ key: 'e', expiresAtMs: undefined }],
        next: undefined,
      });
    });

    it('keeps values of every size, and what was read does not change', async () => {
      const sizes = [0, 1, 7, 100, 508, 509, 4_000, 65_530, 65_600, 1_000_000, 16 * 1_048_576];
      for (const size of sizes) await write(put('size', 'x'.repeat(size)), put('other', 'y'));
      const before = rowOf(engine, 'size');
      await write(put('size', 'small'), put('another', 'z'.repeat(100)));
      expect(before?.value?.bytes.length).to.equal(16 * 1_048_576);
      expect(textOf(engine, 'size')).to.equal('small');
      for (const size of sizes) await write(put(`of ${size}`, 'x'.repeat(size)));
      engine = await under.reopen(engine);
      for (const size of sizes) expect(rowOf(engine, `of ${size}`)?.value?.bytes.length).to.equal(size);
    });

    it('takes in a copy beside the valid one, and drops either', async () => {
      await write(put('old', '1'), put('both', 'old'));
      await write(put('new', '2', 1), put('both', 'new', 1));
      expect(engine.get(0, 0, 'new')).to.equal(undefined);
      expect(engine.get(0, 1, 'old')).to.equal(undefined);
      await write({ type: 'drop-copy', partition: 0, copy: 0 }, { type: 'drop-copy', partition: 0, copy: 7 });
      expect(keysOf(engine, undefined, 9)).to.deep.equal([]);
      expect(textOf(engine, 'both', 1)).to.equal('new');
      await write(
        put('again', '3'),
        { type: 'drop-copy', partition: 0, copy: 1 },
        put('after', '4', 1),
        { type: 'drop-copy', partition: 0, copy: 0 },
        put('last', '5'),
      );
      expect(keysOf(engine, undefined, 9)).to.deep.equal(['last']);
      expect(keysOf(engine, undefined, 9, 1)).to.deep.equal(['after']);
    });

    it('frees what a dropped copy took', async () => {
      await write(...Array.from({ length: 2_000 }, (_, i) => put(`k${i}`, 'x'.repeat(100))));
      const { bytes } = engine.stats();
      for (let copy = 0; copy < 5; copy++) {
        const next = Array.from({ length: 2_000 }, (_, i) => put(`k${i}`, 'x'.repeat(100), copy + 1));
        await write(...next, { type: 'drop-copy', partition: 0, copy });
        while (engine.stats().keys > 2_000) await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(engine.stats().bytes).to.be.lessThan(bytes * 4);
    });

    it('forgets a partition with all that it takes, and begins it anew', async () => {
      const rows = Array.from({ length: 2_000 }, (_, i) => put(`k${i}`, 'x'.repeat(100), i % 2));
      const whole: StoreOp[] = [
        ...rows,
        { type: 'append', partition: 0, entries: chain(50) },
        { type: 'trim', partition: 0, base: 20, baseChecksum: 7 },
        {
          type: 'marks',
          partition: 0,
          marks: { alignedEpoch: 3, com: 30, copy: 1, staging: 1, keyCount: 0 },
        },
      ];
      await write(...whole, put('other', 'x', 0, 1));
      const kept = () => engine.load().partitions.map(({ partition }) => partition);
      await write({ type: 'forget', partition: 0 }, { type: 'forget', partition: 9 });
      expect(keysOf(engine, undefined, 9)).to.deep.equal([]);
      expect(kept()).to.deep.equal(under.survives ? [1] : []);
      while (engine.stats().keys > 1) await new Promise((resolve) => setTimeout(resolve, 2));
      engine = await under.reopen(engine);
      expect(kept()).to.deep.equal(under.survives ? [1] : []);
      await write(...whole, { type: 'forget', partition: 0 }, put('again', 'x'), {
        type: 'append',
        partition: 0,
        entries: chain(2),
      });
      engine = await under.reopen(engine);
      expect(keysOf(engine, undefined, 9)).to.deep.equal(['again']);
      if (!under.survives) return;
      const [one] = engine.load().partitions.filter(({ partition }) => partition === 0);
      expect(one?.log.map(({ seq }) => seq)).to.deep.equal([1, 2]);
      expect(one?.marks).to.deep.equal({ alignedEpoch: -1, com: 0, copy: 0, staging: 0, keyCount: 0 });
    });

    it('lists the tombstones and the rows that expire', async () => {
      const row = { epoch: 1, seq: 2, ts: 3 };
      const gone = { value: null, expiresAtMs: undefined, ...row };
      const brief = { value: { bytes: Buffer.from('v'), type: 't' }, expiresAtMs: 99, ...row };
      const op = (key: string, of: typeof gone | typeof brief | undefined): StoreOp => {
        return { type: 'row', partition: 3, copy: 2, key, row: of };
      };
      await write(op('a', gone), op('b', brief), op('c', gone), op('d', brief), op('e', gone));
      await write(
        op('c', undefined),
        put('d', 'for good', 2, 3),
        put('e', 'back', 2, 3),
        put('f', 'f', 2, 3),
      );
      engine = await under.reopen(engine);
      const marked = [...engine.marked(3, 2)].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(plain(marked)).to.deep.equal(
        plain([
          { key: 'a', seq: 2, expiresAtMs: undefined },
          { key: 'b', seq: 2, expiresAtMs: 99 },
        ]),
      );
      expect([...engine.marked(3, 1)]).to.deep.equal([]);
    });

    const itIfKept = under.survives ? it : (): void => {};

    itIfKept('refuses a log with a gap', () => {
      const entries = [draft(2)];
      const gap = () =>
        engine.write({ number: 1, ops: [{ type: 'append', partition: 0, entries }] }, () => {});
      expect(gap).to.throw('entry 1 to be stored');
    });

    itIfKept('keeps log, sessions and marks, also through a snapshot that replaces them', async () => {
      const reference = new StoredImage(engine.storeId, 'c');
      const both = async (...ops: StoreOp[]) => {
        reference.apply({ number: 1, ops });
        await write(...ops);
      };
      const entries = chain(30).map((entry) => ({
        ...entry,
        request: { session: 'p/s/1', n: entry.seq, fi: entry.seq - 3 },
      }));
      await both({ type: 'append', partition: 5, entries });
      for (const entry of entries.slice(0, 20)) await both({ type: 'remember', partition: 5, entry });
      await both({ type: 'trim', partition: 5, base: 15, baseChecksum: 77 });
      await both({ type: 'truncate', partition: 5, after: 25 });
      engine = await under.reopen(engine);
      compare(engine, reference);
      const image = new Sessions();
      for (const entry of entries.slice(20)) image.apply(entry);
      await both(
        { type: 'truncate', partition: 5, after: 15 },
        { type: 'trim', partition: 5, base: 100, baseChecksum: 78 },
        { type: 'append', partition: 5, entries: [draft(101), draft(102)] },
        { type: 'sessions', partition: 5, sessions: image.image() },
        {
          type: 'marks',
          partition: 5,
          marks: { alignedEpoch: 3, com: 101, copy: 1, staging: 1, keyCount: 0 },
        },
      );
      await both({ type: 'remember', partition: 5, entry: draft(102) });
      engine = await under.reopen(engine);
      compare(engine, reference);
    });

    it('does what the reference does, in any order of operations and restarts', async function () {
      this.timeout(120_000);
      await fc.assert(
        fc.asyncProperty(steps, async (moves) => {
          let tried = await under.open();
          try {
            const reference = new StoredImage(tried.storeId, 'c');
            const player = new Player();
            for (const move of moves) {
              if (move.kind === 'reopen') {
                tried = await under.reopen(tried);
              } else {
                const batch = { number: player.nextNumber(), ops: player.ops(move.parts) };
                reference.apply(batch);
                await new Promise<void>((resolve) => tried.write(batch, resolve));
              }
              for (const partition of PARTITIONS) {
                for (const copy of COPIES) {
                  const limit = { rows: 5, bytes: 1_100 };
                  for (const after of [undefined, 'a', 'k']) {
                    expect(plain(tried.range(partition, copy, after, limit))).to.deep.equal(
                      plain(reference.range(partition, copy, after, limit)),
                    );
                    expect(tried.keys(partition, copy, after, 4)).to.deep.equal(
                      reference.keys(partition, copy, after, 4),
                    );
                  }
                }
              }
              compare(tried, reference, under.survives);
            }
          } finally {
            await under.remove(tried);
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}
