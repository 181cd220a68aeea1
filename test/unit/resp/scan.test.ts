/** Scans: every key that is there all the while comes, whatever happens to the others and wherever a call goes. */
import { expect } from 'chai';
import fc from 'fast-check';
import { slotOf } from '../../../common/slots.js';
import { CURSOR_END, eachPage, keysInSlot, scan } from '../../../peer/resp/scan.js';
import { RespMemoryStore } from '../../api/resp-memory-store.js';

function storeOf(keys: readonly string[]): RespMemoryStore {
  const store = new RespMemoryStore(() => 0);
  for (const key of keys) put(store, key);
  return store;
}

function put(store: RespMemoryStore, key: string): void {
  store.write({ kind: 'put', key, value: { bytes: Buffer.of(), type: '' } }, () => undefined);
}

async function scanned(store: RespMemoryStore, count: number, between: () => void): Promise<string[]> {
  const found: string[] = [];
  let cursor = 0;
  do {
    const page = await scan(store, cursor, count);
    if (page === null) throw new Error('no page');
    found.push(...page.keys);
    cursor = page.next;
    between();
  } while (cursor !== 0);
  return found;
}

describe('scans', () => {
  it('give each key of a still store once', async () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => (i % 2 === 0 ? `{tag}${i}` : `key ${i}`));
    for (const count of [10, 700, 100_000]) {
      expect((await scanned(storeOf(keys), count, () => undefined)).sort()).to.deep.equal([...keys].sort());
    }
  });

  it('give every key that stays, while others come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2_500 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.boolean(),
        async (stay, count, oneTag) => {
          const name = (what: string, i: number) => `${oneTag ? '{t}' : ''}${what}${i}`;
          const staying = Array.from({ length: stay }, (_, i) => name('s', i));
          const store = storeOf(staying);
          let turn = 0;
          const found = new Set(
            await scanned(store, count, () => {
              for (let i = 0; i < 50; i++) put(store, name('c', turn * 50 + i));
              for (let i = 0; i < 25; i++) {
                store.write({ kind: 'delete', key: name('c', turn * 50 + i) }, () => undefined);
              }
              turn++;
            }),
          );
          expect(staying.filter((key) => !found.has(key))).to.deep.equal([]);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('give about as many as asked for, and no more than a page of a partition', async () => {
    const spread = storeOf(Array.from({ length: 1_000 }, (_, i) => `key ${i}`));
    expect((await scan(spread, 0, 10))?.keys.length).to.be.within(10, 40);
    const crowded = storeOf(Array.from({ length: 5_000 }, (_, i) => `{t}${i}`));
    let cursor = 0;
    do {
      const page = await scan(crowded, cursor, 10);
      expect(page?.keys.length).to.be.at.most(1_001);
      cursor = page?.next ?? 0;
    } while (cursor !== 0);
  });

  it('end where the cluster does not answer, and at a cursor from nowhere', async () => {
    const store = storeOf(['a']);
    expect(await scan(store, CURSOR_END, 10)).to.deep.equal({ keys: [], next: 0 });
    store.silent = true;
    expect(await scan(store, 0, 10)).to.equal(null);
    expect(await eachPage(store, () => true)).to.equal(false);
    expect(await keysInSlot(store, 1, 10)).to.equal(null);
  });

  it('know the keys of a slot', async () => {
    const store = storeOf(Array.from({ length: 500 }, (_, i) => `{${i % 9}}${i}`));
    const slot = slotOf('{4}');
    expect((await keysInSlot(store, slot, 1_000))?.length).to.equal(
      [...store.rows.keys()].filter((key) => slotOf(key) === slot).length,
    );
    expect(await keysInSlot(store, slot, 3)).to.have.length(3);
  });
});
