/**
 * Who a store is: its id, how often it was started, and whether the machine was restarted under it.
 *
 * Kept true: the id stays as long as everything that was called done is there. While a store runs without flushing,
 * a file beside the data names the running of the machine (boot id); it goes when everything was flushed. A start
 * that finds it with another boot id sets the data aside and begins anew: LMDB's pages may be half on the disk,
 * so what is there cannot even be trusted to be an older state.
 */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { randomToken } from '../../common/clock.js';
import type { Incarnation, StoreId } from '../../common/configuration.js';
import { DamagedRecordError, StorageError } from './engine.js';
import { JOURNAL_FILES } from './journal.js';
import { type Change, IDENTITY } from './lmdb-layout.js';
import { meta } from './lmdb-plan.js';
import { DATA_FILE, type LmdbTables, LOCK_FILE, syncDirectory } from './lmdb-tables.js';
import { isSound, SEAL_BYTES } from './sealed.js';

/** There while the data may not be on the disk. */
const UNFLUSHED_FILE = 'unflushed';

/** Where data of an earlier running of the machine is kept; only the newest. */
const ASIDE_SUFFIX = '.lost';

/** Where data is kept that cannot be read; only the newest. */
const DAMAGED_SUFFIX = '.damaged';

/** As it stands in the store. */
export interface StoreIdentity {
  readonly storeId: StoreId;
  readonly inc: Incarnation;
  /** The cluster that it was made for. */
  readonly clusterId: string;
}

/** Names this running of the machine; where the system has no such name every call gives another. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomToken();
  }
}

/** Before the store is opened: sets data aside that a restart of the machine may have spoilt. */
export function setSpoiltAside(directory: string, boot: string): void {
  const marker = join(directory, UNFLUSHED_FILE);
  let ran: string;
  try {
    ran = readFileSync(marker, 'utf8');
  } catch {
    return;
  }
  if (ran === boot) return;
  setAside(directory, ASIDE_SUFFIX);
  rmSync(marker);
}

/** Sets data aside that nothing can be made of; the next opening begins anew. */
export function setDamagedAside(directory: string): void {
  setAside(directory, DAMAGED_SUFFIX);
}

function setAside(directory: string, suffix: string): void {
  for (const name of [DATA_FILE, ...JOURNAL_FILES]) {
    const path = join(directory, name);
    try {
      renameSync(path, path + suffix);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  rmSync(join(directory, LOCK_FILE), { force: true });
  syncDirectory(directory);
}

/** Before the first write without a flush. */
export function markUnflushed(directory: string, boot: string): void {
  const marker = join(directory, UNFLUSHED_FILE);
  writeFileSync(marker, boot);
  syncFile(marker);
  syncDirectory(directory);
}

/** Flushes the data, and says so. */
export function flushAll(directory: string): void {
  syncFile(join(directory, DATA_FILE));
  rmSync(join(directory, UNFLUSHED_FILE), { force: true });
  syncDirectory(directory);
}

/**
 * The identity of this start: that of the last one with `inc` raised, or a new one. Throws StorageError if the store
 * is of another cluster, DamagedRecordError if it cannot be read.
 */
export function nextIdentity(tables: LmdbTables, clusterId: string): StoreIdentity {
  const record = tables.get('meta', IDENTITY);
  if (record === undefined) {
    if (tables.count('meta') > 0) throw new DamagedRecordError({ partition: undefined, what: 'meta' });
    return { storeId: randomToken(), inc: 1, clusterId };
  }
  if (!isSound(IDENTITY, record)) throw new DamagedRecordError({ partition: undefined, what: 'meta' });
  const last = deserialize(record.subarray(SEAL_BYTES)) as StoreIdentity;
  if (last.clusterId !== clusterId) {
    throw new StorageError(
      'other-cluster',
      `the store belongs to cluster ${last.clusterId}, not ${clusterId}`,
    );
  }
  return { ...last, inc: last.inc + 1 };
}

/** The change that stores an identity. */
export function identityChange(identity: StoreIdentity): Change {
  return meta(IDENTITY, serialize(identity));
}

function syncFile(path: string): void {
  const handle = openSync(path, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
