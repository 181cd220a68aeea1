/**
 * Small files that survive a crash of the process or of the machine.
 *
 * Invariant: whoever reads the file sees the old content or the new, whole, never a part.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces the file: write beside it, fsync, rename, fsync of the directory. Durable when it resolves. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const beside = besideOf(path);
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await sync(dirname(path));
}

/** Resolves if the file could be replaced as far as can be seen without doing it; what a crash left beside it is removed. */
export async function tryToWrite(path: string): Promise<void> {
  const file = await open(besideOf(path), 'w', 0o600);
  await file.close();
  await rm(besideOf(path));
}

/** Makes durable what the file holds: it may have been written by a process that was killed before its fsync. */
export async function syncFile(path: string): Promise<void> {
  await sync(path);
  await sync(dirname(path));
}

/** The file's content, or null where there is no such file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function besideOf(path: string): string {
  return `${path}.new`;
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
