/**
 * Who this process is: the peer's id, and an instance number that is larger than that of any process before it.
 *
 * Invariant: with a data folder, two processes that ran one after the other on it never share an instance number, whatever
 * the wall clock did.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../common/durable-file.js';
import { instanceSchema, nameSchema } from '../common/names.js';

export interface Identity {
  readonly id: string;
  readonly instance: number;
}

const fileSchema = z.object({ id: nameSchema, instance: instanceSchema });

/**
 * The identity of this start. The folder is made where it is not there.
 * @throws Error with one line for a person where the folder belongs to another peer, or its file is broken.
 */
export async function takeIdentity(
  dataFolder: string | null,
  id: string | null,
  fallbackId: string,
  nowMs: number,
): Promise<Identity> {
  if (dataFolder === null) return { id: id ?? fallbackId, instance: nowMs };
  await mkdir(dataFolder, { recursive: true });
  const path = join(dataFolder, 'peer.json');
  const known = parse(await readIfThere(path), path);
  if (known !== null && id !== null && known.id !== id) {
    throw new Error(
      `${dataFolder} belongs to the peer ${known.id}; give --id ${known.id}, or another --data`,
    );
  }
  const identity = {
    id: id ?? known?.id ?? fallbackId,
    instance: Math.max(nowMs, (known?.instance ?? 0) + 1),
  };
  await writeDurably(path, `${JSON.stringify(identity)}\n`);
  return identity;
}

function parse(content: string | null, path: string): Identity | null {
  if (content === null) return null;
  try {
    return fileSchema.parse(JSON.parse(content));
  } catch {
    throw new Error(`${path} is broken; remove it to let this peer start under a new instance number`);
  }
}
