/** What waits for what between the journal and the tables. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Journal } from '../../../peer/storage/journal.js';
import { type CheckpointLimits, JournaledTables } from '../../../peer/storage/journaled-tables.js';
import type { Change } from '../../../peer/storage/lmdb-layout.js';
import type { LmdbTables } from '../../../peer/storage/lmdb-tables.js';

const LIMITS: CheckpointLimits = { changes: 2, bytes: 1e9, journalBytes: 1e9, afterMs: 86_400_000 };

describe('journaled tables', () => {
  let directory: string;
  let journal: Journal;
  let failures: unknown[];
  let done: number;
  /** Ends the transaction that is running. */
  let end: ((error?: Error) => void) | undefined;
  let transactions: string[][];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'covey-journal-'));
    journal = Journal.open(directory, 'commit');
    [failures, done, end, transactions] = [[], 0, undefined, []];
  });

  afterEach(async () => {
    await journal.close();
    rmSync(directory, { recursive: true });
  });

  /** Tables whose transactions end when the test says so, and which keep nothing. */
  const tables = {
    commit: (changes: readonly Change[]) =>
      new Promise<void>((resolve, reject) => {
        transactions.push(changes.map(({ key }) => key.toString()));
        end = (error) => (error === undefined ? resolve() : reject(error));
      }),
    get: () => undefined,
    range: () => [],
    keys: () => [],
  } as unknown as LmdbTables;

  /** Waits until so many transactions were begun. */
  const begun = async (count: number) => {
    while (transactions.length < count) await new Promise((resolve) => setImmediate(resolve));
  };

  const made = () =>
    new JournaledTables(tables, journal, LIMITS, {
      done: () => done++,
      failed: (error) => failures.push(error),
    });

  const change = (key: string, text: string): Change => {
    return { table: 'rows', key: Buffer.from(key), record: Buffer.from(text) };
  };

  const read = (from: JournaledTables) =>
    ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => `${from.get('rows', Buffer.from(key)) ?? '-'}`).join('');

  it('commit while a checkpoint runs, up to twice the limit, and then wait for it', async () => {
    const of = made();
    await of.commit([change('a', '1')]);
    expect(transactions).to.deep.equal([]);
    await of.commit([change('b', '1')]);
    await begun(1);
    expect(transactions).to.deep.equal([['a', 'b', 'j']]);
    await of.commit([change('a', '2'), change('c', '2')]);
    await of.commit([change('d', '2')]);
    await of.commit([change('e', '2')]);
    expect(read(of)).to.equal('21222-');
    let committed = false;
    const waiting = of.commit([change('f', '3')]).then(() => {
      committed = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect([committed, journal.through]).to.deep.equal([false, 5]);
    end?.();
    await waiting;
    await begun(2);
    // The next began with what waited; these tables have lost the first.
    expect(transactions[1]).to.deep.equal(['a', 'c', 'd', 'e', 'j']);
    expect([done, of.flushes, read(of)]).to.deep.equal([1, 1, '2-2223']);
    expect(failures).to.deep.equal([]);
  });

  it('show deletions and the newest of each key in ranges', async () => {
    const of = made();
    await of.commit([change('c', '1'), change('a', '1'), change('b', '1')]);
    await of.commit([change('d', '2'), { table: 'rows', key: Buffer.from('b'), record: undefined }]);
    const all = [Buffer.from('a'), Buffer.from('z')] as const;
    const seen = [...of.range('rows', all)].map(({ key, record }) => `${key}${record}`);
    expect(seen).to.deep.equal(['a1', 'c1', 'd2']);
    expect([...of.keys('rows', [Buffer.from('b'), Buffer.from('z')], 1)].map(String)).to.deep.equal(['c']);
    expect([...of.keys('rows', [Buffer.from('a'), Buffer.from('d')])].map(String)).to.deep.equal(['a', 'c']);
  });

  it('commit nothing after a checkpoint failed, and say so once', async () => {
    const of = made();
    await of.commit([change('a', '1'), change('b', '1')]);
    const full = new Error('full');
    await begun(1);
    const running = of.commit([change('c', '1')]);
    end?.(full);
    const outcomes = await Promise.allSettled([running, of.commit([change('d', '1')]), of.settle()]);
    expect(outcomes.slice(1)).to.deep.equal([
      { status: 'rejected', reason: full },
      { status: 'rejected', reason: full },
    ]);
    expect([failures, done]).to.deep.equal([[full], 0]);
  });
});
