/** Disks of a test's own, which may be full or read-only. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Mounts one in `directory`, with options of tmpfs; undefined where mounting is not allowed (it needs root, which CI has). */
export function mountDisk(directory: string, options: string): string | undefined {
  const disk = join(directory, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk], { stdio: 'ignore' });
    return disk;
  } catch {
    return undefined;
  }
}

/** Takes it away, also while files on it are open. */
export function unmountDisk(disk: string): void {
  execFileSync('umount', ['-l', disk]);
}
