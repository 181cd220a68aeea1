/** The Redis lane's store on a peer: which of the peer's parts it asks for what. */
import { expect } from 'chai';
import { partitionOfKey } from '../../../common/slots.js';
import type { Transaction } from '../../../peer/replication/commands.js';
import type { WriteAnswer } from '../../../peer/requests/rim.js';
import { type PeerStoreParts, respStoreOf } from '../../../peer/resp/peer-store.js';

type Pages = PeerStoreParts['lister']['pageOf'];

function storeOf(pageOf: Pages, asked: unknown[] = []) {
  return respStoreOf({
    replica: {
      readNow: () => undefined,
      beginWrite: (call) => void asked.push(call),
    },
    forwardedReads: { begin: (partition, key) => void asked.push({ partition, key }) },
    lister: { pageOf, count: () => Promise.resolve(null) },
  });
}

const NOTHING: Pages = () => Promise.resolve({ keys: [], more: false });

describe("the Redis lane's store on a peer", () => {
  it('asks the replica for single keys, in their partition', () => {
    const asked: unknown[] = [];
    const store = storeOf(NOTHING, asked);
    const command = { kind: 'delete', key: 'b' } as const;
    store.read('a', () => undefined);
    store.write(command, () => undefined);
    expect(asked).to.deep.equal([
      { partition: partitionOfKey('a'), key: 'a' },
      { partition: partitionOfKey('b'), command, idempotency: undefined },
    ]);
  });

  it('asks the replica to change several keys as one, and tells what came of it', () => {
    const version = { epoch: 1, seq: 2 };
    const transaction: Transaction = {
      kind: 'transaction',
      reads: [],
      changes: [{ kind: 'delete', key: 'a' }],
    };
    const failed = (reason: 'condition' | 'too-large'): WriteAnswer => ({
      kind: 'result',
      result: { kind: 'failed', reason, actual: null },
      servedBy: 'p',
    });
    const done: WriteAnswer = {
      kind: 'result',
      result: { kind: 'done', version, existed: true, number: 3n },
      servedBy: 'p',
    };
    const refused = { kind: 'not-applied', reason: 'overloaded' } as const;
    const unknown = { kind: 'unknown', request: 'r' } as const;
    for (const [answer, told] of [
      [done, { kind: 'committed', existed: 3 }],
      [failed('condition'), { kind: 'conflict' }],
      [failed('too-large'), { kind: 'too-large' }],
      [refused, refused],
      [unknown, unknown],
    ] as const) {
      const asked: unknown[] = [];
      const store = respStoreOf({
        replica: {
          readNow: () => undefined,
          beginWrite: (call, given) => {
            asked.push(call);
            given(answer);
          },
        },
        forwardedReads: { begin: () => undefined },
        lister: { pageOf: NOTHING, count: () => Promise.resolve(null) },
      });
      store.transact(7, transaction, (heard) => expect(heard).to.deep.equal(told));
      expect(asked).to.deep.equal([{ partition: 7, command: transaction, idempotency: undefined }]);
    }
  });

  it('asks nobody to change more than can be changed as one', () => {
    const asked: unknown[] = [];
    const changes = Array.from({ length: 5_000 }, (_, i) => ({ kind: 'delete', key: `${i}` }) as const);
    const heard: unknown[] = [];
    storeOf(NOTHING, asked).transact(7, { kind: 'transaction', reads: [], changes }, (told) =>
      heard.push(told),
    );
    expect(heard).to.deep.equal([{ kind: 'too-large' }]);
    expect(asked).to.deep.equal([]);
  });

  it('asks for the keys of one partition', async () => {
    const asked: unknown[] = [];
    const store = storeOf((...args) => {
      asked.push(args);
      return Promise.resolve({ keys: ['k'], more: true });
    });
    expect(await store.keysOf(7, 'a', 10)).to.deep.equal({ keys: ['k'], more: true });
    expect(asked).to.deep.equal([[[7], '', 'a', 10]]);
  });

  it('asks the lister how many keys there are', async () => {
    for (const count of [3, null]) {
      const lister = { pageOf: NOTHING, count: () => Promise.resolve(count) };
      const replica = {
        readNow: () => undefined,
        beginWrite: () => undefined,
      };
      const forwardedReads = { begin: () => undefined };
      expect(await respStoreOf({ replica, forwardedReads, lister }).count()).to.equal(count);
    }
  });
});
