/**
 * A small disk for a peer's data: a tmpfs, which can be filled without harm to the machine. It forgets nothing at a kill -9, as
 * a real one; only flushes cost nothing there, so just a few peers get one.
 *
 * Invariant: what was mounted is unmounted by `releaseDisks`, or by the next run's sweep if this one was killed.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Member } from '../../harness/cluster.js';
import { attempt } from './commands.js';

const mounted = new Map<string, string>();

/** Gives the peer a small disk; false where this machine does not let us. The peer must not run. */
export async function giveDisk(peer: Member, megabytes: number): Promise<boolean> {
  mkdirSync(peer.data, { recursive: true });
  const words = ['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'covey-chaos', peer.data];
  if ((await attempt(words)) === null) return false;
  mounted.set(peer.data, peer.name);
  return true;
}

/** Where the peer's small disk is; undefined: it has none. */
export function diskOf({ data }: Member): string | undefined {
  return mounted.has(data) ? data : undefined;
}

export async function releaseDisks(): Promise<void> {
  for (const path of mounted.keys()) await attempt(['umount', path]);
  mounted.clear();
}

/** Unmounts what runs left behind whose process is gone. */
export async function sweepDisks(): Promise<void> {
  const alive = new Set(readdirSync('/proc'));
  const ours = new RegExp(`^covey-chaos (${tmpdir()}/covey-chaos-(\\d+)-\\S+) tmpfs`, 'gm');
  for (const [, path = '', owner = ''] of readFileSync('/proc/mounts', 'utf8').matchAll(ours)) {
    if (!alive.has(owner)) await attempt(['umount', path]);
  }
}
