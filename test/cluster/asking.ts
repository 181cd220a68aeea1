/** How the cluster tests ask peers and wait. */
import { expect } from 'chai';
import { Cluster, type ClusterSettings, type Member } from '../../harness/cluster.js';
import { Plain } from '../../harness/plain.js';
import { whole } from '../../harness/watching.js';

const WHOLE_WITHIN_MS = 90_000;

/** A cluster on free ports whose copies are made anew soon, with all copies there. */
export async function startCluster(settings: Partial<ClusterSettings> = {}): Promise<Cluster> {
  const cluster = await Cluster.start(new Plain(), { repairAfter: '2s', ...settings });
  await becomesWhole(cluster);
  return cluster;
}

/** Ends it; its folder goes too. */
export async function endCluster(cluster: Cluster): Promise<void> {
  await cluster.stop();
  cluster.remove();
}

/** Waits until every running peer is ready and every partition has all its copies. */
export async function becomesWhole(cluster: Cluster): Promise<void> {
  expect(await whole(cluster, WHOLE_WITHIN_MS), 'what the cluster lacks').to.equal(null);
}

export async function put(peer: Member, key: string, value: string): Promise<void> {
  const answer = await fetch(`${peer.url}/kv/${key}`, { method: 'PUT', body: value });
  expect(answer.status, `PUT ${key} through ${peer.name}: ${await answer.text()}`).to.be.oneOf([200, 201]);
}

export async function get(peer: Member, key: string): Promise<string> {
  const answer = await fetch(`${peer.url}/kv/${key}`);
  return answer.text();
}

/** Stores that many keys; returns them. */
export async function storeMany(peer: Member, prefix: string, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  const items = keys.map((key) => ({ key, value: `value of ${key}` }));
  const answer = await fetch(`${peer.url}/set`, { method: 'POST', body: JSON.stringify(items) });
  expect(answer.status, await answer.text()).to.equal(200);
  return keys;
}

/** Those of the keys that cannot be read as `storeMany` stored them. */
export async function missingOf(peer: Member, keys: readonly string[]): Promise<string[]> {
  const items = keys.map((key) => ({ key }));
  const answer = await fetch(`${peer.url}/get`, { method: 'POST', body: JSON.stringify(items) });
  const body = (await answer.json()) as { existedKey?: { key: string; value: string }[] };
  const found = new Map(body.existedKey?.map(({ key, value }) => [key, value]));
  return keys.filter((key) => found.get(key) !== `value of ${key}`);
}
