/**
 * Keeps a second process out of a data folder.
 *
 * Kept true: nothing is left behind by a process that was killed, and of two that come at once one gets it. The lock is a
 * name in Linux's abstract socket namespace (unix(7)), which the kernel gives to one process at a time, and takes back at its
 * end; it is made of the folder's device and inode, so that all paths to it are the same. Limits: elsewhere than on Linux,
 * and across containers with networks of their own, nobody is kept out.
 */
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Lets go of the folder. */
export type Unlock = () => Promise<void>;

/** @returns what lets go of the folder; null where another process has it */
export async function lockFolder(folder: string): Promise<Unlock | null> {
  if (process.platform !== 'linux') return async () => {};
  const { dev, ino } = await stat(folder, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  server.listen({ path: `\0covey-orchestrator/${dev}/${ino}`, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}
