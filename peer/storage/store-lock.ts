/**
 * Whether another process has a store open.
 *
 * Kept true: nothing is left behind by a process that was killed. LMDB locks its lock file for as long as the process has
 * it open, and Linux lists the holders of all such locks. Two processes that open a store at once both see the other, so
 * both give it up. Limits: elsewhere than on Linux, and across containers that do not see each other's processes,
 * nobody is seen.
 */

import { readFileSync, statSync } from 'node:fs';

const SYSTEM_LOCKS = '/proc/locks';

/** `1: POSIX  ADVISORY  READ 28918 fe:00:2376243 0 0`: kind, process, device and inode. */
const HELD = /^\d+: POSIX +\S+ +\S+ +(\d+) +([0-9a-f]+:[0-9a-f]+:(\d+)) /;

/** Another process that has this lock file open, which this process has open as well; undefined: none is seen. */
export function otherHolder(lockFile: string): number | undefined {
  const holders = lockHolders(statSync(lockFile).ino);
  // The name of the device in the list is not always that of `stat`; our own lock shows it.
  const own = holders.find(({ pid }) => pid === process.pid)?.file;
  return holders.find(({ pid, file }) => file === own && pid !== process.pid)?.pid;
}

function lockHolders(inode: number): { readonly pid: number; readonly file: string }[] {
  let lines: string[];
  try {
    lines = readFileSync(SYSTEM_LOCKS, 'utf8').split('\n');
  } catch {
    // Not Linux.
    return [];
  }
  return lines.flatMap((line) => {
    const [, pid = '', file = '', of = ''] = HELD.exec(line) ?? [];
    return Number(of) === inode ? [{ pid: Number(pid), file }] : [];
  });
}
