import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { StorageError } from '../../../peer/storage/engine.js';
import { GroupCommit } from '../../../peer/storage/group-commit.js';

const LIMIT_MS = 100;

/** Nothing of this process runs for so long, as if it had been stopped. */
function standStill(lengthMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lengthMs);
}

describe('group commit', () => {
  it('does not count time in which the process was stopped as time that a flush takes', async () => {
    const seen: unknown[] = [];
    const commits = new GroupCommit(
      async () => {
        await turn();
        standStill(3 * LIMIT_MS);
        await turn();
      },
      (error) => seen.push(error),
      LIMIT_MS,
    );
    commits.add([], () => seen.push('done'));
    await commits.idle();
    expect(seen).to.deep.equal(['done']);
  });

  it('gives nothing up that waits for many flushes, of which none takes too long', async () => {
    const seen: unknown[] = [];
    let flushes = 0;
    const commits = new GroupCommit(
      async () => {
        while (flushes < 6) {
          await pause(LIMIT_MS / 2);
          flushes++;
        }
      },
      (error) => seen.push(error),
      LIMIT_MS,
      () => flushes,
    );
    commits.add([], () => seen.push('done'));
    await commits.idle();
    expect(seen).to.deep.equal(['done']);
  });

  it('counts a flush that takes too long as failed, and calls nothing done after it', async () => {
    const seen: unknown[] = [];
    let end: () => void = () => undefined;
    const commits = new GroupCommit(
      () => new Promise((resolve) => (end = resolve)),
      (error) => seen.push(error),
      LIMIT_MS,
    );
    commits.add([], () => seen.push('first'));
    commits.add([], () => seen.push('second'));
    await commits.idle();
    end();
    commits.add([], () => seen.push('third'));
    await turn();
    expect(seen).to.have.length(1);
    expect(seen[0]).to.be.instanceOf(StorageError).with.property('kind', 'stalled');
  });
});
