/**
 * The Redis lane's store on a peer: its replica for single keys, its lister for all of them.
 *
 * There is no `transact` yet: the replication core has no command that changes several keys as one.
 */
import { PARTITION_COUNT, partitionOfKey } from '../../common/slots.js';
import type { Lister } from '../lister.js';
import type { Replica } from '../replica.js';
import type { RespStore } from './store.js';

/** Keys that are counted with one question. */
const PAGE_KEYS = 10_000;

/** What it is built on. */
export interface PeerStoreParts {
  readonly replica: Pick<Replica, 'readNow' | 'beginRead' | 'beginWrite'>;
  readonly lister: Pick<Lister, 'pageOf'>;
}

/** Serves the Redis lane from a peer's own parts. */
export function respStoreOf({ replica, lister }: PeerStoreParts): RespStore {
  const keysOf = (partition: number, after: string, limit: number) =>
    lister.pageOf([partition], '', after, limit);
  return {
    partitionOf: partitionOfKey,
    readNow: (key) => replica.readNow(partitionOfKey(key), key),
    read: (key, done) =>
      replica.beginRead({ partition: partitionOfKey(key), key, consistency: 'linearizable' }, done),
    write: (command, done) =>
      replica.beginWrite({ partition: partitionOfKey(command.key), command, idempotency: undefined }, done),
    keysOf,
    count: async () => {
      let count = 0;
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        for (let after = ''; ; ) {
          const page = await keysOf(partition, after, PAGE_KEYS);
          if (page === null) return null;
          count += page.keys.length;
          if (!page.more) break;
          after = page.keys.at(-1) as string;
        }
      }
      return count;
    },
  };
}
