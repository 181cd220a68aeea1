/** The journal before LMDB: crashes at any byte of it, damage in it, checkpoints that end half-way, full disks. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { emptyMap } from '../../common/configuration.js';
import type { StoreOp } from '../../peer/replication/machine.js';
import { changesOf, positionChange, replay } from '../../peer/storage/checkpoint.js';
import type { Damage, StorageEngine, StorageError } from '../../peer/storage/engine.js';
import { STEP_BYTES } from '../../peer/storage/journal.js';
import { PAGE_BYTES } from '../../peer/storage/journal-record.js';
import { readJournal } from '../../peer/storage/journal-recovery.js';
import type { CheckpointLimits } from '../../peer/storage/journaled-tables.js';
import { type LmdbOptions, openLmdbEngine } from '../../peer/storage/lmdb-engine.js';
import { JOURNAL } from '../../peer/storage/lmdb-layout.js';
import { LmdbTables } from '../../peer/storage/lmdb-tables.js';
import { openUsable } from '../../peer/storage/opening.js';
import { Overlay } from '../../peer/storage/overlay.js';
import { StoredImage } from '../simulator/image.js';
import { mountDisk, unmountDisk } from './small-disk.js';
import { put, stored } from './storage.js';
import { compare, Player, parts, rowOf, textOf } from './storage-model.js';

const DAY_MS = 86_400_000;
/** All that is written stays in the journal. */
const NEVER: CheckpointLimits = {
  changes: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  journalBytes: Number.POSITIVE_INFINITY,
  afterMs: DAY_MS,
};
const SECTOR_BYTES = 512;
const LOST: Damage = { partition: undefined, what: 'journal' };

describe('storage: lmdb, journal', () => {
  let directory: string;
  let failures: StorageError[];
  let damages: Damage[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'covey-storage-'));
    failures = [];
    damages = [];
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function options(name: string, checkpoints?: CheckpointLimits): LmdbOptions {
    const events = {
      failed: (error: StorageError) => failures.push(error),
      damaged: (damage: Damage) => damages.push(damage),
    };
    const all = { directory: join(directory, name), clusterId: 'c', durability: 'flush', events } as const;
    return checkpoints === undefined ? all : { ...all, checkpoints };
  }

  const open = (name: string, checkpoints?: CheckpointLimits) => openLmdbEngine(options(name, checkpoints));

  /** As the files are now; LMDB writes nothing at this moment. */
  function copied(name: string, to: string): void {
    rmSync(join(directory, to), { recursive: true, force: true });
    cpSync(join(directory, name), join(directory, to), { recursive: true });
    rmSync(join(directory, to, 'store.mdb-lock'), { force: true });
  }

  const journalOf = (name: string) => join(directory, name, 'journal-0');

  /** Runs a store whose batches are all in the journal; says what it was after each, and where each record ended. */
  async function written(moves: readonly (readonly Parameters<Player['ops']>[0][number][])[]) {
    rmSync(join(directory, 'live'), { recursive: true, force: true });
    const engine = await open('live', NEVER);
    const player = new Player();
    const batches: StoreOp[][] = [];
    const ends = [0];
    for (const move of moves) {
      const ops = [...player.ops(move), { type: 'promised', ver: batches.length + 1 } as const];
      batches.push(ops);
      await stored(engine, ops);
      ends.push(endOf(readFileSync(journalOf('live'))));
    }
    copied('live', 'still');
    await engine.close();
    return { batches, ends, storeId: engine.storeId, bytes: readFileSync(journalOf('still')) };
  }

  /** Opens what a crash left; it must be what the first `promised` batches made, whose number is returned. */
  async function checked(batches: readonly StoreOp[][], storeId: string): Promise<number> {
    const engine = await open('crashed');
    try {
      const { promised } = engine.load();
      const reference = new StoredImage(storeId, 'c');
      for (const [i, ops] of batches.slice(0, promised).entries()) reference.apply({ number: i + 1, ops });
      compare(engine, reference);
      return promised;
    } finally {
      await engine.close();
    }
  }

  it('has the batches whose records were whole, and nothing of later ones, after a crash at any byte', async function () {
    this.timeout(120_000);
    const moves = fc.array(parts, { minLength: 1, maxLength: 6 });
    const rest = fc.constantFrom(0, 0xa5);
    await fc.assert(
      fc.asyncProperty(
        moves,
        fc.nat(),
        rest,
        fc.infiniteStream(fc.boolean()),
        async (some, where, beyond, coin) => {
          const { batches, ends, storeId, bytes } = await written(some);
          const cut = where % ((ends.at(-1) as number) + 1);
          const done = ends.filter((end) => end <= cut).length - 1;
          copied('still', 'crashed');
          const left = Buffer.alloc(bytes.length, beyond);
          bytes.copy(left, 0, 0, cut);
          // Sectors may reach the disk in any order: some behind the cut did.
          const end = ends[done + 1] ?? cut;
          for (let at = Math.ceil(cut / SECTOR_BYTES) * SECTOR_BYTES; at < end; at += SECTOR_BYTES) {
            if (coin.next().value === true) bytes.copy(left, at, at, at + SECTOR_BYTES);
          }
          writeFileSync(journalOf('crashed'), left);
          expect(await checked(batches, storeId)).to.be.within(done, done + 1);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never loses a durable batch silently to a flipped bit, wherever it is', async function () {
    this.timeout(120_000);
    const moves = fc.array(parts, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(moves, fc.nat(), fc.nat(7), async (some, where, bit) => {
        const { batches, ends, storeId, bytes } = await written(some);
        copied('still', 'crashed');
        const at = where % (ends.at(-1) as number);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        writeFileSync(journalOf('crashed'), bytes);
        const engine = await open('crashed');
        const { damaged, promised } = engine.load();
        await engine.close();
        if (damaged.length > 0) expect(damaged).to.deep.equal([LOST]);
        else expect(await checked(batches, storeId)).to.equal(batches.length);
        expect(promised).to.be.at.most(batches.length);
      }),
      { numRuns: 100 },
    );
  });

  it('says that a record in the middle, the last one or a file is lost, and gives the store up for it', async () => {
    const value = (i: number) => put(`k${i}`, `THE VALUE ${i}`, 0, i);
    const engine = await open('live', NEVER);
    for (let i = 0; i < 3; i++) await stored(engine, [value(i)]);
    copied('live', 'still');
    await engine.close();
    const whole = readFileSync(journalOf('still'));
    for (const broken of [0, 1, 2, 'file', 'nothing left', 'cut behind', 'cut to nothing'] as const) {
      copied('still', 'crashed');
      const bytes = Buffer.from(whole);
      if (broken === 'file') rmSync(journalOf('crashed'));
      // Between two records: what is left is sound, and lacks one that was done.
      else if (broken === 'cut behind')
        writeFileSync(journalOf('crashed'), bytes.subarray(0, 2 * PAGE_BYTES));
      else if (broken === 'cut to nothing') writeFileSync(journalOf('crashed'), '');
      else if (broken === 'nothing left') {
        // Like a write that never was, but for those after it.
        writeFileSync(journalOf('crashed'), bytes.fill(0, 0, PAGE_BYTES));
      } else {
        const at = bytes.indexOf(`THE VALUE ${broken}`);
        bytes[at] = (bytes[at] as number) ^ 1;
        writeFileSync(journalOf('crashed'), bytes);
      }
      damages = [];
      const { engine: renewed, image, givenUp } = await openUsable(options('crashed'));
      expect([givenUp, damages]).to.deep.equal([[LOST], [LOST]]);
      expect(image.storeId).not.to.equal(engine.storeId);
      expect([0, 1, 2].map((i) => renewed.get(i, 0, `k${i}`))).to.deep.equal([
        undefined,
        undefined,
        undefined,
      ]);
      await stored(renewed, [value(0)]);
      await renewed.close();
      const again = await open('crashed');
      expect([again.load().damaged, again.storeId]).to.deep.equal([[], image.storeId]);
      expect(rowOf(again, 'k0')?.seq).to.equal(1);
      await again.close();
    }
  });

  it('gives nothing up for a damaged journal if it holds the only copy of anything, and stays as it is', async () => {
    const engine = await open('live', NEVER);
    const sole = { epoch: 1, primary: 'a', learners: [], fence: [], active: true, la: ['a'] };
    const parts = [{ ...sole, members: new Map([['a', engine.storeId]]) }];
    await stored(engine, [{ type: 'map', map: { ...emptyMap('c'), ver: 1, parts } }, put('a', '1')]);
    await stored(engine, [put('b', 'THE VALUE')]);
    await stored(engine, [put('c', '1')]);
    copied('live', 'still');
    await engine.close();
    const bytes = readFileSync(journalOf('still'));
    const at = bytes.indexOf('THE VALUE');
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(journalOf('still'), bytes);
    for (let round = 0; round < 2; round++) {
      const error = await openUsable(options('still')).then(
        () => undefined,
        (reason: unknown) => reason as StorageError,
      );
      expect(error?.kind).to.equal('unusable');
      expect(error?.message).to.include('the only copy of the partitions 0');
      const same = await open('still');
      expect(same.storeId).to.equal(engine.storeId);
      same.write({ number: 1, ops: [put('d', '1')] }, () => expect.fail('done without a journal'));
      await same.close();
    }
  });

  it('is the same after a replay that was cut short anywhere, and after another', async function () {
    this.timeout(60_000);
    const moves = fc.array(parts, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(moves, fc.nat(), fc.boolean(), async (some, where, twice) => {
        const { batches, storeId } = await written(some);
        copied('still', 'crashed');
        const tables = LmdbTables.open(join(directory, 'crashed'), 'flush');
        if (twice) expect(await replay(tables, join(directory, 'crashed'))).to.equal(true);
        const overlay = new Overlay();
        // The journal's id is only in the tables.
        const id = idIn(tables);
        for (const one of readJournal(join(directory, 'crashed'), { id, through: 0 }).records)
          overlay.add(one);
        const changes = [...changesOf(tables, overlay)];
        await tables.commit(changes.slice(0, where % (changes.length + 1)));
        await tables.close();
        expect(await checked(batches, storeId)).to.equal(batches.length);
      }),
      { numRuns: 30 },
    );
  });

  it('uses its files again and again, and old records in them are none', async () => {
    const small = { ...NEVER, journalBytes: 4 * PAGE_BYTES };
    let engine = await open('live', small);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 40; i++) await stored(engine, [put(`k${i}`, `${round} ${i}`)]);
      for (const name of ['journal-0', 'journal-1']) {
        expect(readFileSync(join(directory, 'live', name)).length).to.equal(STEP_BYTES);
      }
      for (let i = 0; i < 40; i++) expect(textOf(engine, `k${i}`)).to.equal(`${round} ${i}`);
      await engine.close();
      engine = await open('live', small);
      for (let i = 0; i < 40; i++) expect(textOf(engine, `k${i}`)).to.equal(`${round} ${i}`);
    }
    await engine.close();
  });

  it('has every batch that was done when the journal has room and the tables have none', async function () {
    this.timeout(30_000);
    const disk = mountDisk(directory, 'size=8m') ?? this.skip();
    try {
      const small = { ...NEVER, changes: 8 };
      const engine = await openLmdbEngine({ ...options('', small), directory: disk });
      for (let i = 0; i < 64; i++) await stored(engine, [put(`first ${i}`, 'x'.repeat(1_000))]);
      fill(join(disk, 'filler'));
      const done = await untilFailed(engine);
      await engine.close();
      expect(failures.map(({ kind }) => kind)).to.deep.equal(['full']);
      expect(done).to.be.greaterThan(0);
      rmSync(join(disk, 'filler'));
      const again = await openLmdbEngine({ ...options(''), directory: await elsewhere(disk) });
      for (let i = 0; i < done; i++) expect(textOf(again, `k${i}`)).to.equal(`value ${i}`);
      await again.close();
    } finally {
      unmountDisk(disk);
    }
  });

  /** Takes all room that is left. */
  function fill(path: string): void {
    try {
      writeFileSync(path, Buffer.alloc(16 * 1_048_576));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).to.equal('ENOSPC');
    }
  }

  /** The failed engine still holds its locks: what is on its disk, in another folder. */
  async function elsewhere(disk: string): Promise<string> {
    for (const name of ['store.mdb', 'journal-0', 'journal-1']) {
      writeFileSync(join(directory, name), readFileSync(join(disk, name)));
    }
    return directory;
  }

  /** Returns how many batches were done. */
  async function untilFailed(engine: StorageEngine): Promise<number> {
    let done = 0;
    for (let i = 0; failures.length === 0 && i < 10_000; i++) {
      engine.write({ number: i, ops: [put(`k${i}`, `value ${i}`)] }, () => done++);
      while (done <= i && failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return done;
  }
});

/** Where the last record ends in a file that was not written before. */
function endOf(file: Buffer): number {
  let bytes = file.length;
  while (bytes > 0 && file[bytes - 1] === 0) bytes--;
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** The id in the position that the tables hold; the position says that they have nothing of that journal yet. */
function idIn(tables: LmdbTables): string {
  const record = tables.get('meta', JOURNAL)?.toString('latin1') ?? '';
  const id = /[0-9a-f]{32}/.exec(record)?.[0] ?? '';
  expect(positionChange({ id, through: 0 }).key).to.deep.equal(JOURNAL);
  return id;
}
