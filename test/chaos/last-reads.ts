/**
 * The end of a run: all is mended, and every key is read through every peer. The reads belong to the history; besides, all
 * peers have to agree.
 */

import type { Cluster, Member } from '../../harness/cluster.js';
import { readEntry } from './clients.js';
import type { History, Nanos } from './history.js';
import { HttpClient } from './http-client.js';

const AT_ONCE = 8;
const TRIES = 5;
const TRY_AGAIN_MS = 500;

export interface LastReads {
  /** Keys on which peers do not agree. */
  readonly disagreements: readonly string[];
  /** Keys that a peer did not answer, with the peer and what came instead. */
  readonly unread: readonly string[];
}

/** Reads all keys through all peers that run; no one writes any more. */
export async function readAll(
  cluster: Cluster,
  keys: readonly string[],
  history: History,
  now: Nanos,
): Promise<LastReads> {
  const http = new HttpClient();
  const queue = [...keys];
  const disagreements: string[] = [];
  const unread: string[] = [];
  const work = async () => {
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const seen = new Set<string>();
      for (const peer of cluster.running) {
        const value = await read(http, peer, key, history, now);
        if (value === undefined) unread.push(`${key} through ${peer.name}`);
        else seen.add(value);
      }
      if (seen.size > 1) disagreements.push(`${key}: ${[...seen].join(' and ')}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  http.close();
  return { disagreements, unread };
}

/** Value and version as one text; undefined where no try was answered. */
async function read(
  http: HttpClient,
  peer: Member,
  key: string,
  history: History,
  now: Nanos,
): Promise<string | undefined> {
  for (let i = 0; i < TRIES; i += 1) {
    const start = now();
    const told = await http.ask(peer.url, { method: 'GET', path: `/kv/${key}` });
    const base = { client: 'last', key, peers: [peer.name], start, end: now() };
    const entry = readEntry(base, told);
    history.add(entry);
    if (entry.outcome === 'ok') return `${entry.value} (${entry.version})`;
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
  return undefined;
}
