import { expect } from 'chai';
import fc from 'fast-check';
import type { Row } from '../../../peer/replication/entry.js';
import { DAMAGED } from '../../../peer/replication/machine.js';
import { Outbox } from '../../../peer/replication/outbox.js';
import { Rows } from '../../../peer/replication/rows.js';
import { StoredImage } from '../../simulator/image.js';

function row(seq: number, live = true): Row {
  const value = live ? { bytes: Buffer.from(`${seq}`), type: 't' } : null;
  return { value, epoch: 1, seq, ts: 0, expiresAtMs: undefined };
}

function seen(rows: Rows, key: string): Row | undefined {
  const found = rows.find(key);
  if (found === DAMAGED) throw new Error(`${key} is damaged`);
  return found;
}

function keysOf(rows: Rows, limit: number): string[] {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const part = rows.keys(after, limit);
    keys.push(...part.keys.map(({ key }) => key));
    after = part.next;
  } while (after !== undefined);
  return keys;
}

describe('peer/replication/rows', () => {
  it('shows every put at once, and every range as it is, however late the disk is', () => {
    const key = fc.constantFrom(...'abcdefgh');
    const move = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key, live: fc.boolean() }),
      fc.record({ kind: fc.constant('gc' as const) }),
      fc.record({ kind: fc.constant('close' as const) }),
      fc.record({ kind: fc.constant('store' as const), seen: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 120 }), fc.integer({ min: 1, max: 4 }), (moves, limit) => {
        const disk = new StoredImage('s', 'c');
        const out = new Outbox(0, 1);
        const rows = new Rows(disk, out, 0, 0);
        const model = new Map<string, Row>();
        const written: NonNullable<ReturnType<Outbox['close']>>[] = [];
        let [seq, visible, stored] = [0, 0, 0];
        for (const move of moves) {
          if (move.kind === 'put') {
            seq++;
            rows.put(move.key, row(seq, move.live));
            model.set(move.key, row(seq, move.live));
          } else if (move.kind === 'gc') {
            rows.dropTombstones(seq);
            for (const [name, { value }] of model) if (value === null) model.delete(name);
          } else if (move.kind === 'close') {
            out.barrier();
            const batch = out.close(0);
            if (batch !== undefined) written.push(batch);
          } else if (move.seen) {
            // The reader may show a batch before we are told that it is stored.
            const next = written[visible];
            if (next !== undefined) disk.apply(next);
            visible = Math.min(visible + 1, written.length);
          } else if (stored < visible) {
            const next = written[stored];
            stored++;
            if (next !== undefined) out.stored(next.number);
          }
          for (const name of 'abcdefgh') expect(seen(rows, name), name).to.deep.equal(model.get(name));
        }
        const found: string[] = [];
        let after: string | undefined;
        for (;;) {
          const part = rows.range(after, { rows: limit, bytes: 6 });
          found.push(...part.rows.map((one) => one.key));
          for (const one of part.rows) expect(one.row).to.deep.equal(model.get(one.key));
          expect(part.rows.length).to.be.within(part.more ? 1 : 0, limit);
          if (!part.more) break;
          after = part.rows.at(-1)?.key;
        }
        expect(found).to.deep.equal([...model.keys()].sort());
        const live = [...model.keys()].filter((name) => model.get(name)?.value !== null);
        expect(keysOf(rows, limit)).to.deep.equal(live.sort());
      }),
      { numRuns: 300 },
    );
  });

  it('remembers no more than what is not stored', () => {
    const out = new Outbox(0, 1);
    const rows = new Rows(new StoredImage('s', 'c'), out, 0, 0);
    for (let seq = 1; seq <= 200; seq++) {
      rows.put(`k${seq % 3}`, row(seq));
      out.barrier();
      out.close(0);
    }
    expect(rows.stored(199)).to.equal(true);
    expect(['k0', 'k1', 'k2'].map((key) => seen(rows, key)?.seq)).to.deep.equal([undefined, undefined, 200]);
    expect(rows.stored(200)).to.equal(false);
    expect(seen(rows, 'k2')).to.equal(undefined);
  });

  it('drops tombstones in their order, and not what was put over them', () => {
    const rows = new Rows(new StoredImage('s', 'c'), new Outbox(0, 1), 0, 0);
    rows.put('a', row(1, false));
    rows.put('b', row(2, false));
    rows.put('a', row(3));
    rows.put('c', row(4, false));
    rows.dropTombstones(2);
    expect(['a', 'b', 'c'].map((key) => seen(rows, key)?.seq)).to.deep.equal([3, undefined, 4]);
    rows.dropTombstones(4);
    expect(seen(rows, 'c')).to.equal(undefined);
  });

  it('finds tombstones and times to live again after a start', () => {
    const disk = new StoredImage('s', 'c');
    const out = new Outbox(0, 1);
    const before = new Rows(disk, out, 0, 0);
    before.put('gone', row(1, false));
    before.put('mortal', { ...row(2), expiresAtMs: 77 });
    out.barrier();
    const batch = out.close(0);
    if (batch !== undefined) disk.apply(batch);
    const after = new Rows(disk, new Outbox(0, 1), 0, 0);
    after.loadMarks();
    expect(after.takeExpired(76)).to.equal(undefined);
    expect(after.takeExpired(77)).to.equal('mortal');
    expect(after.takeExpired(78)).to.equal(undefined);
    after.dropTombstones(1);
    expect(seen(after, 'gone')).to.equal(undefined);
  });

  it('finds every key whose time is over, also of more than are remembered, stored or not', () => {
    const disk = new StoredImage('s', 'c');
    const out = new Outbox(0, 1);
    const rows = new Rows(disk, out, 0, 0);
    const count = 5_000;
    for (let i = 0; i < count; i++) {
      rows.put(`k${i}`, { ...row(i + 1), expiresAtMs: 1 + ((i * 7_919) % count) });
      if (i !== 3_000) continue;
      out.barrier();
      const batch = out.close(0);
      if (batch !== undefined) disk.apply(batch);
      out.stored(1);
    }
    const taken = new Set<string>();
    for (const nowMs of [count / 3, count / 2, count]) {
      for (let key = rows.takeExpired(nowMs); key !== undefined; key = rows.takeExpired(nowMs)) {
        if (taken.has(key)) expect.fail(`${key} is taken twice`);
        taken.add(key);
        rows.put(key, row(count + taken.size, false));
      }
      expect(taken.size).to.equal(Math.floor(nowMs));
    }
  });
});
