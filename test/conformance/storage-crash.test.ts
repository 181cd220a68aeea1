/** kill -9 of a real process that writes, and restarts of the machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Durability, type StorageEngine, StorageError } from '../../peer/storage/engine.js';
import { openLmdbEngine } from '../../peer/storage/lmdb-engine.js';
import { put, stored } from './storage.js';
import { rowOf } from './storage-model.js';

const WRITER = fileURLToPath(new URL('storage-writer.js', import.meta.url));
const events = { failed: () => {}, damaged: () => {} };

describe('storage: lmdb, crashes', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'covey-storage-'));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  const open = (durability: Durability, bootId?: string) =>
    openLmdbEngine({
      directory,
      clusterId: 'c',
      durability,
      events,
      ...(bootId === undefined ? {} : { bootId }),
    });

  for (const [durability, changes] of [
    ['flush', undefined],
    // Checkpoints all the time: kills come between their steps.
    ['flush', 50],
    ['commit', undefined],
    ['commit', 50],
  ] as const) {
    const often = changes === undefined ? '' : `, a checkpoint every ${changes} changes`;
    it(`has every batch that was done, and no half of one, after kill -9 (${durability}${often})`, async function () {
      this.timeout(60_000);
      let inc = 0;
      let storeId: string | undefined;
      for (let round = 0; round < 5; round++) {
        const done = await writeUntilKilled(directory, durability, 60 + round * 50, changes);
        const engine = await open(durability);
        expect(engine.inc).to.equal(inc + 2);
        if (storeId !== undefined) expect(engine.storeId).to.equal(storeId);
        ({ inc, storeId } = engine);
        check(engine, done);
        await engine.close();
      }
    });
  }

  it('raises inc at every start and keeps its id', async () => {
    const first = await open('flush');
    await first.close();
    const second = await open('commit');
    await second.close();
    const third = await open('flush');
    expect([first.inc, second.inc, third.inc]).to.deep.equal([1, 2, 3]);
    expect(new Set([first.storeId, second.storeId, third.storeId]).size).to.equal(1);
    await third.close();
  });

  it('begins anew, with another id, if the machine restarted under a store that does not flush', async () => {
    const before = await open('commit', 'boot 1');
    await stored(before, [put('a', '1')]);
    const same = await crashed(before, () => open('commit', 'boot 1'));
    expect(same.storeId).to.equal(before.storeId);
    expect(rowOf(same, 'a')?.seq).to.equal(1);
    const other = await crashed(same, () => open('flush', 'boot 2'));
    expect(other.storeId).not.to.equal(before.storeId);
    expect(other.get(0, 0, 'a')).to.equal(undefined);
    expect(existsSync(join(directory, 'store.mdb.lost'))).to.equal(true);
    const again = await crashed(other, () => open('flush', 'boot 3'));
    expect(again.storeId).to.equal(other.storeId);
    await again.close();
  });

  it('keeps its id through a restart of the machine if it was closed, or flushed since', async () => {
    const closed = await open('commit', 'boot 1');
    await stored(closed, [put('a', '1')]);
    await closed.close();
    const flushed = await open('flush', 'boot 2');
    expect(flushed.storeId).to.equal(closed.storeId);
    expect(rowOf(flushed, 'a')?.seq).to.equal(1);
    await flushed.close();
    const unflushed = await open('commit', 'boot 2');
    const flushing = await crashed(unflushed, () => open('flush', 'boot 2'));
    const last = await crashed(flushing, () => open('flush', 'boot 3'));
    expect(last.storeId).to.equal(closed.storeId);
    await last.close();
  });

  it('is refused to a second process, which is told who has it, until that one is killed', async () => {
    const child = spawn(process.execPath, [WRITER, directory, 'flush'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const error = await open('flush').then(
      () => undefined,
      (reason: unknown) => reason as StorageError,
    );
    expect(error).to.be.instanceOf(StorageError).with.property('kind', 'in-use');
    expect(error?.message).to.equal(`the store in ${directory} is in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'close');
    const engine = await open('flush');
    expect(engine.inc).to.equal(2);
    await engine.close();
  });

  /** Opens again as if the process had died: what a close would do to the files is undone. */
  async function crashed(
    engine: StorageEngine,
    reopen: () => Promise<StorageEngine>,
  ): Promise<StorageEngine> {
    const marker = join(directory, 'unflushed');
    const boot = existsSync(marker) ? readFileSync(marker, 'utf8') : undefined;
    await engine.close();
    if (boot !== undefined) writeFileSync(marker, boot);
    return reopen();
  }
});

/** The number of the last batch that was done. */
async function writeUntilKilled(
  directory: string,
  durability: Durability,
  afterMs: number,
  changes: number | undefined,
): Promise<number> {
  const more = changes === undefined ? [] : [`${changes}`];
  const child = spawn(process.execPath, [WRITER, directory, durability, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    said += text;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).to.equal('SIGKILL');
  const lines = said.split('\n').slice(0, -1).map(Number);
  for (const [i, n] of lines.entries()) if (i > 0) expect(n).to.equal((lines[i - 1] as number) + 1);
  return lines.at(-1) ?? 0;
}

/** Everything through some batch that is not before `done` is there, and nothing of a later one. */
function check(engine: StorageEngine, done: number): void {
  const { partitions, damaged } = engine.load();
  expect(damaged).to.deep.equal([]);
  const [first, second] = [...partitions].sort((a, b) => a.partition - b.partition);
  if (first === undefined || second === undefined) throw new Error('partitions are missing');
  const { com } = first.marks;
  expect(com).to.be.at.least(done).and.greaterThan(0);
  expect(second.marks.com).to.equal(com);
  expect(first.base).to.equal(Math.max(0, com - 40));
  expect(first.baseChecksum).to.equal(com);
  expect(first.log.map(({ seq }) => seq)).to.deep.equal(
    Array.from({ length: com - first.base }, (_, i) => first.base + 1 + i),
  );
  const [session] = first.sessions.sessions;
  expect(session?.fi).to.equal(com);
  expect(session?.results.map(({ n, seq }) => [n, seq])).to.deep.equal([[com, com]]);
  for (let n = Math.max(1, com - 49); n <= com; n++) {
    for (const [partition, key] of [`a${n % 50}`, `b${n % 50}`].entries()) {
      const row = rowOf(engine, key, 0, partition);
      expect(row?.seq).to.equal(n);
      expect(row?.value?.bytes.length).to.equal(n % 9_000);
    }
  }
}
