/** The log in chunks: whatever was put, cut and trimmed between checkpoints, and however far one of them came. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../peer/replication/entry.js';
import { Sessions } from '../../../peer/replication/sessions.js';
import { changesOf } from '../../../peer/storage/checkpoint.js';
import { type Change, logBounds } from '../../../peer/storage/lmdb-layout.js';
import { loadAll } from '../../../peer/storage/lmdb-load.js';
import { LmdbTables } from '../../../peer/storage/lmdb-tables.js';
import { Overlay } from '../../../peer/storage/overlay.js';
import { emptyRecord, PartitionBook } from '../../../peer/storage/partition-book.js';
import { draft } from '../replication/entries.js';

const PARTITION = 7;

const move = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append'), by: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncate'), by: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('trim'), by: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('start elsewhere'), by: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget'), by: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('checkpoint'), by: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('half a checkpoint'), by: fc.nat(30) }) },
);

/** A partition's book, and its log as it must be. */
class Written {
  private book = new PartitionBook(PARTITION, emptyRecord(), new Sessions());
  private base = 0;
  log: Entry[] = [];

  /** Makes the move and returns its changes; `ts` tells its entries from others in their place. */
  make(kind: string, by: number, ts: number): readonly Change[] {
    const into: Change[] = [];
    const end = this.base + this.log.length;
    if (kind === 'forget') {
      this.book.forget(into);
      this.book = new PartitionBook(PARTITION, emptyRecord(), new Sessions());
      [this.base, this.log] = [0, []];
      return into;
    }
    if (kind === 'append') {
      const entries = Array.from({ length: by }, (_, i) => ({ ...draft(end + 1 + i), ts }));
      this.book.append(entries, into);
      this.log.push(...entries);
    } else if (kind === 'truncate') {
      this.log = this.log.slice(0, Math.max(0, this.log.length - by));
      this.book.truncate(this.base + this.log.length, into);
    } else {
      if (kind === 'start elsewhere') this.book.truncate(this.base, into);
      const before = this.base;
      this.base = kind === 'trim' ? Math.min(end, before + by) : by;
      this.log = kind === 'trim' ? this.log.slice(this.base - before) : [];
      this.book.trim({ type: 'trim', partition: PARTITION, base: this.base, baseChecksum: 1 }, into);
    }
    into.push(this.book.record());
    return into;
  }
}

describe('the log in chunks', () => {
  let directory: string;
  let tables: LmdbTables;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'covey-chunks-'));
    tables = LmdbTables.open(directory, 'commit');
  });

  afterEach(async () => {
    await tables.close();
    rmSync(directory, { recursive: true });
  });

  const logIn = () => {
    const { partitions, damaged } = loadAll(tables, 'c');
    expect(damaged).to.deep.equal([]);
    return partitions[0]?.log.map(({ seq, ts }) => [seq, ts]) ?? [];
  };

  it('is what was written, at every checkpoint', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 30, size: 'max' }), async (moves) => {
        await tables.commit([...new Written().make('forget', 0, 0)]);
        for (const key of [...tables.keys('log', logBounds(PARTITION))])
          await tables.commit([{ table: 'log', key, record: undefined }]);
        const written = new Written();
        let overlay = new Overlay();
        for (const [i, { kind, by }] of [...moves, { kind: 'checkpoint', by: 0 }].entries()) {
          if (kind === 'checkpoint') {
            await tables.commit([...changesOf(tables, overlay)]);
            overlay = new Overlay();
            expect(logIn()).to.deep.equal(written.log.map(({ seq, ts }) => [seq, ts]));
          } else if (kind === 'half a checkpoint') {
            // The next one has all of this one again, as after a crash.
            await tables.commit([...changesOf(tables, overlay)].slice(0, by));
          } else overlay.add(written.make(kind, by, i));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('takes a record for each checkpoint, not for each entry, and none for what was trimmed', async () => {
    const written = new Written();
    let overlay = new Overlay();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 20; i++) overlay.add(written.make('append', 1, round));
      if (round === 4) overlay.add(written.make('trim', 50, round));
      await tables.commit([...changesOf(tables, overlay)]);
      overlay = new Overlay();
    }
    expect([...tables.keys('log', logBounds(PARTITION))]).to.have.lengthOf(3);
    expect(logIn()).to.have.lengthOf(50);
  });
});
