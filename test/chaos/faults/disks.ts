/** Disks: full for a while, and wiped. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { diskOf } from '../disk.js';
import { ALWAYS, type Fault } from './fault.js';

const BALLAST = 'ballast';
const CHUNK_BYTES = 64 * 1024;

/** Only peers whose data lies on a disk of their own can be given a full one. */
export const diskFull: Fault = {
  kind: 'disk-full',
  when: 'beside',
  impossible: ({ peers }) =>
    peers.some((peer) => diskOf(peer) !== undefined) ? null : 'no peer has a small disk of its own',
  async inflict(stage) {
    const peer = stage.take((each) => diskOf(each) !== undefined);
    if (peer === undefined) return false;
    stage.log(`the disk of ${peer.name} is full`);
    fill(join(diskOf(peer) as string, BALLAST));
    await stage.last(2_000, 12_000);
    rmSync(join(diskOf(peer) as string, BALLAST));
    stage.log(`${peer.name} has space again${peer.process.running ? '' : '; it had ended, start'}`);
    await stage.revive(peer);
    return true;
  },
};

/**
 * One peer loses its data. It begins with all copies there and waits until they are there again: never more than one copy
 * of anything is gone.
 */
export const wiped: Fault = {
  kind: 'wiped',
  when: 'whole',
  impossible: ALWAYS,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    stage.log(`kill -9 ${peer.name}, its data deleted`);
    await peer.process.end('SIGKILL');
    stage.cluster.wipe(peer);
    await (stage.random.chance(0.5) ? stage.last(0, 500) : stage.last(500, 15_000));
    stage.log(`start ${peer.name} with nothing`);
    await stage.revive(peer);
    return true;
  },
};

/** Writes until there is no space left. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let bytes = CHUNK_BYTES; bytes >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}
