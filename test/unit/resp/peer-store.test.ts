/** The Redis lane's store on a peer: which of the peer's parts it asks for what. */
import { expect } from 'chai';
import { PARTITION_COUNT, partitionOfKey } from '../../../common/slots.js';
import { type PeerStoreParts, respStoreOf } from '../../../peer/resp/peer-store.js';

type Pages = PeerStoreParts['lister']['pageOf'];

function storeOf(pageOf: Pages, asked: unknown[] = []) {
  return respStoreOf({
    replica: {
      readNow: () => undefined,
      beginRead: (call) => void asked.push(call),
      beginWrite: (call) => void asked.push(call),
    },
    lister: { pageOf },
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
      { partition: partitionOfKey('a'), key: 'a', consistency: 'linearizable' },
      { partition: partitionOfKey('b'), command, idempotency: undefined },
    ]);
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

  it('counts all keys of all partitions, page by page, or none', async () => {
    const pages: Pages = (_partitions, _prefix, after) =>
      Promise.resolve(after === '' ? { keys: ['a', 'b'], more: true } : { keys: ['c'], more: false });
    expect(await storeOf(pages).count()).to.equal(3 * PARTITION_COUNT);
    let left = 5;
    const failing: Pages = (...args) => (left-- > 0 ? pages(...args) : Promise.resolve(null));
    expect(await storeOf(failing).count()).to.equal(null);
  });
});
