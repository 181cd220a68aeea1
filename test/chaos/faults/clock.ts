/**
 * A wall clock that is wrong, and jumps: the peer runs under libfaketime for a while. Its monotonic clock stays right, as on a
 * machine whose date is set.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Member } from '../../../harness/cluster.js';
import type { Fault } from './fault.js';

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
];
/** An hour either way is more than leases, sessions and sweeps count with. */
const MOST_SECONDS = 3_600;

export const clock: Fault = {
  kind: 'clock',
  when: 'beside',
  impossible: () => (library() === undefined ? 'libfaketime is not installed' : null),
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    const file = join(stage.cluster.folder, `${peer.name}.clock`);
    const set = () => {
      const seconds = stage.random.integer(-MOST_SECONDS, MOST_SECONDS);
      writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
      stage.log(`the clock of ${peer.name} is ${seconds} s off`);
    };
    set();
    peer.process.env = fakeTime(file);
    await restart(peer);
    await stage.revive(peer);
    await stage.last(1_000, 6_000);
    set();
    await stage.last(1_000, 6_000);
    peer.process.env = {};
    stage.log(`the clock of ${peer.name} is right again`);
    await restart(peer);
    await stage.revive(peer);
    return true;
  },
};

function library(): string | undefined {
  return LIBRARIES.find((path) => existsSync(path));
}

function fakeTime(file: string): Record<string, string> {
  return {
    LD_PRELOAD: library() ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

async function restart(peer: Member): Promise<void> {
  await peer.process.end('SIGTERM');
  peer.process.start();
}
