/** Opens the store that a peer was told to keep its data in. */
import { join } from 'node:path';
import { randomToken } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Durability, LoadedImage, StorageEngine, StorageEvents } from './storage/engine.js';
import { hashKeyOf } from './storage/key-hash.js';
import { MemoryEngine } from './storage/memory-engine.js';
import { openUsable } from './storage/opening.js';

/** Where LMDB keeps its files, within the data folder. */
const STORE_FOLDER = 'store';

export interface StoreChoice {
  readonly storage: 'lmdb' | 'memory';
  /** Not null for lmdb. */
  readonly data: string | null;
  readonly cluster: string;
  readonly durability: Durability;
}

/**
 * The engine, and what it gave back.
 * @throws StorageError
 */
export async function openStore(
  { storage, data, cluster, durability }: StoreChoice,
  events: StorageEvents,
  log: Pick<Logger, 'error'>,
): Promise<{ readonly engine: StorageEngine; readonly image: LoadedImage }> {
  if (storage === 'memory' || data === null) {
    const engine = new MemoryEngine(randomToken(), cluster, hashKeyOf(randomToken()));
    return { engine, image: engine.load() };
  }
  const directory = join(data, STORE_FOLDER);
  const { givenUp, ...opened } = await openUsable({ directory, clusterId: cluster, durability, events });
  if (givenUp.length > 0) {
    log.error(
      { givenUp, storeId: opened.image.storeId },
      'damaged data was given up: this store counts as a new one, and the cluster makes its copies anew',
    );
  }
  return opened;
}
