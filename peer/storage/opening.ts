/**
 * Opens a durable store so that it can be used, also where part of it is damaged.
 *
 * Kept true: a store that cannot vouch for everything that it acknowledged does not go on under its name. What is damaged
 * is given up and the store gets a new identity, so the cluster counts its copies as gone and makes them anew, from
 * what is left here where that helps; nothing is ever silently empty (E7). If as far as its map tells it holds the only copy of
 * a partition, nothing is given up: a person decides. Damaged rows are no such case: other members mend them.
 */

import type { ClusterMap, StoreId } from '../../common/configuration.js';
import {
  type Damage,
  DamagedRecordError,
  type LoadedImage,
  type StorageEngine,
  StorageError,
} from './engine.js';
import { type LmdbOptions, openLmdbEngine } from './lmdb-engine.js';
import { setDamagedAside } from './store-identity.js';

/** A store that can be used. */
export interface OpenedStore {
  readonly engine: StorageEngine;
  readonly image: LoadedImage;
  /** What was damaged and given up, the store's identity with it; to be told loudly. */
  readonly givenUp: readonly Damage[];
}

/** Opens or makes a store. Rejects with StorageError if it cannot be used, or must not be given up. */
export async function openUsable(options: LmdbOptions): Promise<OpenedStore> {
  let engine: StorageEngine;
  try {
    engine = await openLmdbEngine(options);
  } catch (error) {
    if (!(error instanceof DamagedRecordError)) throw error;
    options.events.damaged(error.damage);
    setDamagedAside(options.directory);
    const fresh = await openLmdbEngine(options);
    return { engine: fresh, image: fresh.load(), givenUp: [error.damage] };
  }
  const image = engine.load();
  if (image.damaged.length === 0) return { engine, image, givenUp: [] };
  return giveUp(engine, image, options);
}

async function giveUp(engine: StorageEngine, image: LoadedImage, options: LmdbOptions): Promise<OpenedStore> {
  const only = onlyCopies(image.map, image.storeId);
  if (only.length > 0) {
    await engine.close();
    const what = JSON.stringify(image.damaged);
    throw new StorageError(
      'unusable',
      `the store in ${options.directory} is damaged (${what}) and holds the only copy of the partitions ${only}: ` +
        'put a sound copy of the folder in its place, or remove it to give them up',
    );
  }
  await engine.renew(lost(image));
  await engine.close();
  const renewed = await openLmdbEngine(options);
  const left = renewed.load();
  if (left.damaged.length === 0) return { engine: renewed, image: left, givenUp: image.damaged };
  await renewed.close();
  throw new StorageError(
    'unusable',
    `the store in ${options.directory} cannot be read again as it was written`,
  );
}

/** Partitions that cannot be vouched for. */
function lost({ damaged, partitions }: LoadedImage): number[] {
  const all = new Set<number>();
  for (const { partition } of damaged) {
    if (partition !== undefined) all.add(partition);
    else for (const one of partitions) all.add(one.partition);
  }
  return [...all];
}

function onlyCopies(map: ClusterMap, storeId: StoreId): number[] {
  return map.parts.flatMap((part, partition) => {
    const [first, ...others] = part?.members.values() ?? [];
    return first === storeId && others.length === 0 ? [partition] : [];
  });
}
