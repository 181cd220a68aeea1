import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomToken } from '../../common/clock.js';
import type { Durability, StorageEngine } from '../../peer/storage/engine.js';
import { openLmdbEngine } from '../../peer/storage/lmdb-engine.js';
import { MemoryEngine } from '../../peer/storage/memory-engine.js';
import { describeStorage, type StorageUnderTest } from './storage.js';

const silent = { failed: () => {}, damaged: () => {} };

const memory: StorageUnderTest = {
  name: 'memory',
  survives: false,
  open: async () => new MemoryEngine(randomToken(), 'c', [1, 2]),
  reopen: async (engine) => engine,
  remove: (engine) => engine.close(),
};

/** `hotBytes`: memory for rows that were read; left out: as peers have it. */
function lmdb(durability: Durability, hotBytes?: number): StorageUnderTest {
  const directories = new Map<StorageEngine, string>();
  const openIn = async (directory: string) => {
    const memory = hotBytes === undefined ? {} : { hotBytes };
    const options = { directory, clusterId: 'c', durability, events: silent, ...memory };
    const engine = await openLmdbEngine(options);
    directories.set(engine, directory);
    return engine;
  };
  return {
    name: `lmdb, ${durability}${hotBytes === undefined ? '' : `, ${hotBytes} bytes for rows that were read`}`,
    survives: true,
    open: () => openIn(mkdtempSync(join(tmpdir(), 'covey-storage-'))),
    reopen: async (engine) => {
      await engine.close();
      return openIn(directories.get(engine) as string);
    },
    remove: async (engine) => {
      await engine.close();
      rmSync(directories.get(engine) as string, { recursive: true });
    },
  };
}

describeStorage(memory);
describeStorage(lmdb('flush'));
describeStorage(lmdb('commit'));
// Room for two or three rows: they come and go.
describeStorage(lmdb('commit', 3_000));
