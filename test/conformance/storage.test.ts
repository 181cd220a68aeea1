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

function lmdb(durability: Durability): StorageUnderTest {
  const directories = new Map<StorageEngine, string>();
  const openIn = async (directory: string) => {
    const engine = await openLmdbEngine({ directory, clusterId: 'c', durability, events: silent });
    directories.set(engine, directory);
    return engine;
  };
  return {
    name: `lmdb, ${durability}`,
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
