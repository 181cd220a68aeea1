/**
 * The name of this peer, and the folder that belongs to it.
 *
 * Invariant: a folder is only ever used by the peer that it was made for.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../common/durable-file.js';
import { nameSchema } from '../common/names.js';

const FILE = 'peer.json';

const fileSchema = z.object({ id: nameSchema });

/**
 * The peer's id: the one it was given, else the folder's, else `fallbackId`. The folder is made where it is not there.
 * @throws Error with one line for a person where the folder belongs to another peer, or its file is broken.
 */
export async function takeId(
  dataFolder: string | null,
  givenId: string | null,
  fallbackId: string,
): Promise<string> {
  if (dataFolder === null) return givenId ?? fallbackId;
  await mkdir(dataFolder, { recursive: true });
  const path = join(dataFolder, FILE);
  const knownId = parse(await readIfThere(path), path);
  if (knownId !== null && givenId !== null && knownId !== givenId) {
    throw new Error(`${dataFolder} belongs to the peer ${knownId}; give --id ${knownId}, or another --data`);
  }
  const id = givenId ?? knownId ?? fallbackId;
  if (knownId === null) await writeDurably(path, `${JSON.stringify({ id })}\n`);
  return id;
}

function parse(content: string | null, path: string): string | null {
  if (content === null) return null;
  try {
    return fileSchema.parse(JSON.parse(content)).id;
  } catch {
    throw new Error(`${path} is broken; give the peer's name with --id after removing it`);
  }
}
