/** Makes ready what `Pulse` works on: keys in many partitions, and keys that nobody writes. */

import type { Cluster, Member } from '../../../harness/cluster.js';
import { copiesOf, partitions } from '../../../harness/watching.js';
import { describeTold, HttpClient } from '../http-client.js';
import { Pulse, type PulseKey } from './pulse.js';

/** Partitions that are watched. */
const WATCHED = 48;
const CLEAN_KEYS = 200;

/** Writes the keys once and starts to watch. `doors` are the peers that are asked. */
export async function startPulse(cluster: Cluster, doors: () => readonly Member[]): Promise<Pulse> {
  const http = new HttpClient();
  const first = cluster.peers[0] as Member;
  const keys = new Map<number, PulseKey>();
  for (let i = 0; keys.size < WATCHED && i < 20 * WATCHED; i += 1) {
    const key = `pulse-${i}`;
    const partition = await put(http, first, key, '0');
    if (!keys.has(partition)) keys.set(partition, { key, partition, acked: 0, next: 0, againMs: undefined });
  }
  const clean = Array.from({ length: CLEAN_KEYS }, (_, i) => `clean-${i}`);
  for (const key of clean) await put(http, first, key, key);
  return new Pulse(http, [...keys.values()], clean, doors);
}

/** Those of the keys of which the peer holds an in-sync copy. */
export async function keysOf(cluster: Cluster, pulse: Pulse, peer: Member): Promise<PulseKey[]> {
  const held = new Set<number>();
  for (const row of await partitions(cluster)) if (copiesOf(row).includes(peer.name)) held.add(row.partition);
  return pulse.keys.filter(({ partition }) => held.has(partition));
}

/** Stores the value; returns the key's partition. */
async function put(http: HttpClient, { url }: Member, key: string, value: string): Promise<number> {
  const told = await http.ask(url, { method: 'PUT', path: `/kv/${key}`, body: value });
  if (told.type !== 'answer' || told.status > 201) throw new Error(`PUT ${key}: ${describeTold(told)}`);
  return Number(told.headers['kv-partition']);
}
