/** Opens the store that a peer was told to keep its data in. */
import { join } from 'node:path';
import { randomToken } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Durability, LoadedImage, StorageEngine, StorageEvents } from './storage/engine.js';
import { openLmdbEngine } from './storage/lmdb-engine.js';
import { MemoryEngine } from './storage/memory-engine.js';

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
 * @throws StorageError, or DamagedRecordError where nothing of the store can be used
 */
export async function openStore(
  { storage, data, cluster, durability }: StoreChoice,
  events: StorageEvents,
  _log: Pick<Logger, 'warn'>,
): Promise<{ readonly engine: StorageEngine; readonly image: LoadedImage }> {
  if (storage === 'memory' || data === null) {
    const engine = new MemoryEngine(randomToken(), cluster);
    return { engine, image: engine.load() };
  }
  const engine = await openLmdbEngine({
    directory: join(data, STORE_FOLDER),
    clusterId: cluster,
    durability,
    events,
  });
  return { engine, image: engine.load() };
}
