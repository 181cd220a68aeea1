/** Damaged records, full disks, read-only disks, flushes that take too long. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { emptyMap } from '../../common/configuration.js';
import { DAMAGED } from '../../peer/replication/machine.js';
import {
  type Damage,
  DamagedRecordError,
  type StorageEngine,
  StorageError,
} from '../../peer/storage/engine.js';
import { type LmdbOptions, openLmdbEngine } from '../../peer/storage/lmdb-engine.js';
import { storageError } from '../../peer/storage/lmdb-tables.js';
import { openUsable } from '../../peer/storage/opening.js';
import { chain } from '../unit/replication/entries.js';
import { mountDisk, unmountDisk } from './small-disk.js';
import { put, stored } from './storage.js';
import { rowOf, textOf } from './storage-model.js';

/** Everything that a store is. */
const FILES = ['store.mdb', 'journal-0', 'journal-1'];

describe('storage: lmdb, trouble', () => {
  let directory: string;
  let failures: StorageError[];
  let damages: Damage[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'covey-storage-'));
    failures = [];
    damages = [];
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function open(options: Partial<LmdbOptions> = {}): Promise<StorageEngine> {
    const events = {
      failed: (error: StorageError) => failures.push(error),
      damaged: (damage: Damage) => damages.push(damage),
    };
    return openLmdbEngine({ directory, clusterId: 'c', durability: 'flush', events, ...options });
  }

  function openAgain() {
    const damaged = (damage: Damage) => damages.push(damage);
    const events = { failed: (error: StorageError) => failures.push(error), damaged };
    return openUsable({ directory, clusterId: 'c', durability: 'flush', events });
  }

  /** Changes the last byte of this text wherever it is in the file. */
  function damage(text: string): void {
    const file = join(directory, 'store.mdb');
    const bytes = readFileSync(file);
    let found = 0;
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      bytes[at + text.length - 1] = (bytes[at + text.length - 1] as number) ^ 1;
      found++;
    }
    expect(found).to.be.greaterThan(0);
    writeFileSync(file, bytes);
  }

  async function reopened(engine: StorageEngine, text: string): Promise<StorageEngine> {
    await engine.close();
    damage(text);
    return open();
  }

  it('never serves a damaged row, says where it is, and takes its repair', async () => {
    const first = await open();
    await stored(first, [put('a', 'sound'), put('b', 'THE VALUE'), put('c', 'sound')]);
    const engine = await reopened(first, 'THE VALUE');
    const where = { partition: 0, what: 'row', copy: 0, key: 'b' };
    expect(engine.load().damaged).to.deep.equal([]);
    for (let i = 0; i < 2; i++) expect(engine.get(0, 0, 'b')).to.equal(DAMAGED);
    const all = { rows: 9, bytes: 1_000 };
    const seen = () => engine.range(0, 0, undefined, all).rows.map(({ row }) => row === DAMAGED);
    expect(seen()).to.deep.equal([false, true, false]);
    expect(damages).to.deep.equal([where, where, where]);
    await stored(engine, [put('b', 'repaired')]);
    expect(['a', 'b', 'c'].map((key) => textOf(engine, key))).to.deep.equal(['sound', 'repaired', 'sound']);
    expect(seen()).to.deep.equal([false, false, false]);
    await engine.close();
  });

  it('leaves a partition with a damaged log out, and gives it up for a new identity', async () => {
    const first = await open();
    const entries = chain(5).map((entry) => ({ ...entry, key: `THE KEY ${entry.seq}` }));
    await stored(first, [
      { type: 'append', partition: 7, entries },
      put('a', '1', 0, 7),
      { type: 'append', partition: 8, entries: chain(1) },
      put('b', '1', 0, 8),
    ]);
    const engine = await reopened(first, 'THE KEY 4');
    const image = engine.load();
    expect(image.damaged).to.deep.equal([{ partition: 7, what: 'entry', seq: 4 }]);
    expect(image.partitions.map(({ partition }) => partition)).to.deep.equal([8]);
    await engine.renew([7]);
    await engine.close();
    const renewed = await open();
    expect(renewed.storeId).not.to.equal(engine.storeId);
    expect(renewed.load().damaged).to.deep.equal([]);
    expect(renewed.load().partitions.map(({ partition }) => partition)).to.deep.equal([8]);
    expect(renewed.get(7, 0, 'a')).to.equal(undefined);
    expect(rowOf(renewed, 'b', 0, 8)?.seq).to.equal(1);
    await renewed.close();
  });

  it('does not start with a damaged identity, nor for another cluster', async () => {
    const first = await open();
    await first.close();
    const error = await open({ clusterId: 'd' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(StorageError).with.property('kind', 'other-cluster');
    damage(first.storeId);
    const other = await open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(other).to.be.instanceOf(DamagedRecordError);
  });

  it('opens without what is damaged, under a new identity, and loudly', async () => {
    const first = await open();
    const entries = chain(5).map((entry) => ({ ...entry, key: `THE KEY ${entry.seq}` }));
    await stored(first, [{ type: 'append', partition: 7, entries }, put('b', '1', 0, 8)]);
    await first.close();
    damage('THE KEY 4');
    const { engine, image, givenUp } = await openAgain();
    const what = { partition: 7, what: 'entry', seq: 4 };
    expect([givenUp, damages]).to.deep.equal([[what], [what]]);
    expect(image.storeId).to.equal(engine.storeId).and.not.to.equal(first.storeId);
    expect(image.partitions.map(({ partition }) => partition)).to.deep.equal([8]);
    await engine.close();
  });

  it('begins anew, and keeps the old data aside, if nothing of it can be told', async () => {
    const first = await open();
    await stored(first, [put('b', '1', 0, 8)]);
    await first.close();
    damage(first.storeId);
    const { engine, image, givenUp } = await openAgain();
    expect(givenUp).to.deep.equal([{ partition: undefined, what: 'meta' }]);
    expect(image.partitions).to.deep.equal([]);
    expect(image.storeId).not.to.equal(first.storeId);
    expect(existsSync(join(directory, 'store.mdb.damaged'))).to.equal(true);
    await engine.close();
  });

  it('gives nothing up if it holds the only copy of anything', async () => {
    const first = await open();
    const entries = chain(5).map((entry) => ({ ...entry, key: `THE KEY ${entry.seq}` }));
    const sole = { epoch: 1, primary: 'a', learners: [], fence: [], active: true, la: ['a'] };
    const parts = [{ ...sole, members: new Map([['a', first.storeId]]) }];
    const map = { ...emptyMap('c'), ver: 1, parts };
    await stored(first, [
      { type: 'append', partition: 7, entries },
      { type: 'map', map },
    ]);
    await first.close();
    damage('THE KEY 4');
    const error = await openAgain().then(
      () => undefined,
      (reason: unknown) => reason as StorageError,
    );
    expect(error).to.be.instanceOf(StorageError).with.property('kind', 'unusable');
    expect(error?.message).to.include('the only copy of the partitions 0');
    const same = await open();
    expect(same.storeId).to.equal(first.storeId);
    await same.close();
  });

  it('says once that the disk is full, and has every batch that was done', async function () {
    this.timeout(30_000);
    const disk = mountDisk(directory, 'size=6m') ?? this.skip();
    try {
      const engine = await open({ directory: disk });
      const done = await writeUntilFailed(engine, 100_000);
      await engine.close();
      expect(failures.map(({ kind }) => kind)).to.deep.equal(['full']);
      // What is on the disk, not what this process remembers of it.
      for (const name of FILES) copyFileSync(join(disk, name), join(directory, name));
      const again = await open();
      for (let i = 0; i < done; i++) expect(rowOf(again, `k${i}`)?.value?.bytes.length).to.equal(100_000);
      expect(again.load().partitions[0]?.marks.com).to.be.within(done, done + 1);
      await again.close();
    } finally {
      unmountDisk(disk);
    }
  });

  it('calls a quota that is used up a full disk, whether the journal or the tables meet it', () => {
    for (const code of ['EDQUOT', 122, 'ENOSPC', 28]) {
      const error = Object.assign(new Error('Disk quota exceeded'), { code });
      expect(storageError(directory, error, 'failed-write').kind).to.equal('full');
    }
  });

  it('does not start on a read-only disk', async function () {
    const disk = mountDisk(directory, 'ro') ?? this.skip();
    try {
      const error = await open({ directory: disk }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(StorageError).with.property('kind', 'read-only');
    } finally {
      unmountDisk(disk);
    }
  });

  it('stops when its files are removed under it', async () => {
    const engine = await open();
    await stored(engine, [put('before', '1')]);
    for (const file of FILES) rmSync(join(directory, file));
    await writeUntilFailed(engine, 10);
    expect(failures.map(({ message }) => message).join()).to.match(/removed while it was in use/);
    await engine.close();
  });

  it('stops at its own limit', async () => {
    const engine = await open({ limitBytes: 2_000_000 });
    await writeUntilFailed(engine, 100_000);
    expect(failures.map(({ kind }) => kind)).to.deep.equal(['full']);
    engine.write({ number: 1, ops: [put('after', '1')] }, () => expect.fail('done after a failure'));
    await engine.close();
  });

  /** Writes one key after another until the engine fails; returns how many were done. */
  async function writeUntilFailed(engine: StorageEngine, valueBytes: number): Promise<number> {
    let done = 0;
    for (let i = 0; failures.length === 0 && i < 10_000; i++) {
      const marks = { alignedEpoch: 0, com: i + 1, copy: 0, staging: 0, keyCount: 0 };
      const ops = [put(`k${i}`, 'x'.repeat(valueBytes)), { type: 'marks' as const, partition: 0, marks }];
      await new Promise<void>((resolve) => {
        const poll = setInterval(() => failures.length > 0 && settle(), 5);
        const settle = () => {
          clearInterval(poll);
          resolve();
        };
        engine.write({ number: i, ops }, () => {
          done++;
          settle();
        });
      });
    }
    return done;
  }
});
