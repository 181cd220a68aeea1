import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { allNodes, Cluster, eventually, type TestProcess } from './cluster.js';
import { startLoad } from './load.js';

/** How long clients run before and after what a test does to the cluster, so that it happens under load. */
const UNDER_LOAD_MS = 500;

describe('a cluster of real processes', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start(5);
  });

  afterEach(async () => {
    await cluster.stop();
  });

  it('answers for every key through every peer', async () => {
    for (const [i, peer] of cluster.peers.entries()) await put(peer, `key-${i}`, `value-${i}`);
    for (const peer of cluster.peers) {
      for (let i = 0; i < 5; i++) expect(await get(peer, `key-${i}`)).to.equal(`value-${i}`);
    }
  });

  it('goes on without a killed peer, shows it down within 3 s, and takes it back', async () => {
    const victim = cluster.peers[2] as TestProcess;
    const others = cluster.peers.filter((peer) => peer !== victim);
    const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
    for (const key of keys) await put(others[0] as TestProcess, key, key);
    const alive = await keysOutside(victim, keys);
    await victim.end('SIGKILL');
    const killedAt = performance.now();
    await Promise.all(
      others.map((peer) =>
        eventually(async () => expect(await statusOf(peer, victim.name)).to.equal('down'), 3_000),
      ),
    );
    expect(performance.now() - killedAt).to.be.below(3_000);
    for (const key of alive) {
      for (const peer of others) expect(await get(peer, key)).to.equal(key);
    }
    victim.start();
    await cluster.settled();
    for (const key of keys) await put(victim, key, 'again');
    for (const peer of cluster.peers) expect(await get(peer, keys[0] as string)).to.equal('again');
  });

  it('fails no request while the orchestrator is killed and started again', async () => {
    const stop = startLoad(cluster.peers, 8);
    await pause(UNDER_LOAD_MS);
    await cluster.orchestrator.end('SIGKILL');
    await pause(4 * UNDER_LOAD_MS);
    const epochBefore = (await allNodes(cluster.peers[0] as TestProcess)).epoch;
    cluster.orchestrator.start();
    await eventually(async () => {
      const { nodes } = await allNodes(cluster.orchestrator);
      expect(nodes.map((node) => node.status)).to.deep.equal(['up', 'up', 'up', 'up', 'up']);
    });
    await cluster.settled();
    await pause(UNDER_LOAD_MS);
    const report = await stop();
    expect(report.failures.slice(0, 5).join('\n')).to.equal('');
    expect(report.requests).to.be.above(100);
    expect((await allNodes(cluster.peers[0] as TestProcess)).epoch).to.be.at.least(epochBefore);
  });

  it('fails no request and loses no key while a sixth peer joins', async () => {
    const keys = await writeMany(cluster.peers[0] as TestProcess, 10_000);
    const stop = startLoad(cluster.peers, 8);
    await pause(UNDER_LOAD_MS);
    const sixth = await cluster.addPeer();
    await cluster.settled();
    await eventually(async () => {
      const { nodes } = await allNodes(sixth);
      for (const node of nodes) expect(node.partitions.primary).to.be.within(42, 43);
    });
    await cluster.settled();
    await pause(UNDER_LOAD_MS);
    const report = await stop();
    expect(report.failures.slice(0, 5).join('\n')).to.equal('');
    expect(report.requests).to.be.above(100);
    expect(await missing(sixth, keys)).to.deep.equal([]);
  });

  it('loses no key and fails no request through the others when a peer leaves cleanly', async () => {
    const leaving = cluster.peers[1] as TestProcess;
    const others = cluster.peers.filter((peer) => peer !== leaving);
    const keys = await writeMany(leaving, 10_000);
    const stop = startLoad(others, 8);
    await pause(UNDER_LOAD_MS);
    const startedAt = performance.now();
    expect(await leaving.end('SIGTERM')).to.equal(0);
    expect(performance.now() - startedAt).to.be.below(5_000);
    await cluster.settled();
    await pause(UNDER_LOAD_MS);
    const report = await stop();
    expect(report.failures.slice(0, 5).join('\n')).to.equal('');
    expect(report.requests).to.be.above(100);
    expect(await missing(others[0] as TestProcess, keys)).to.deep.equal([]);
  });

  it('keeps what a peer holds that was only stopped for a while', async () => {
    const victim = cluster.peers[3] as TestProcess;
    const keys = await writeMany(victim, 500);
    victim.signal('SIGSTOP');
    const other = cluster.peers[0] as TestProcess;
    await eventually(async () => expect(await statusOf(other, victim.name)).to.equal('down'), 4_000);
    victim.signal('SIGCONT');
    await cluster.settled();
    expect(await missing(other, keys)).to.deep.equal([]);
  });

  it('takes a gateway that owns nothing', async () => {
    const gateway = await cluster.addPeer(['--weight', '0']);
    await cluster.settled();
    await put(gateway, 'through', 'the gateway');
    expect(await get(gateway, 'through')).to.equal('the gateway');
    const row = (await allNodes(gateway)).nodes.find((node) => node.id === gateway.name);
    expect(row?.partitions).to.deep.equal({ primary: 0, replica: 0 });
  });
});

async function put(peer: TestProcess, key: string, value: string): Promise<void> {
  const answer = await fetch(`${peer.url}/kv/${key}`, { method: 'PUT', body: value });
  expect(answer.status, await answer.text()).to.be.oneOf([200, 201]);
}

async function get(peer: TestProcess, key: string): Promise<string> {
  const answer = await fetch(`${peer.url}/kv/${key}`);
  return answer.text();
}

async function statusOf(peer: TestProcess, id: string): Promise<string | undefined> {
  return (await allNodes(peer)).nodes.find((node) => node.id === id)?.status;
}

/** The keys that another peer than this one holds. */
async function keysOutside(peer: TestProcess, keys: readonly string[]): Promise<string[]> {
  const own = (await (await fetch(`${peer.url}/kv/all-data`)).json()) as Record<string, string>;
  return keys.filter((key) => !(key in own));
}

async function writeMany(peer: TestProcess, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `many-${i}`);
  for (let i = 0; i < count; i += 1_000) {
    const items = keys.slice(i, i + 1_000).map((key) => ({ key, value: `value of ${key}` }));
    const answer = await fetch(`${peer.url}/set`, { method: 'POST', body: JSON.stringify(items) });
    expect(answer.status).to.equal(200);
  }
  return keys;
}

/** Those of the keys that cannot be read as they were written. */
async function missing(peer: TestProcess, keys: readonly string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (let i = 0; i < keys.length; i += 1_000) {
    const items = keys.slice(i, i + 1_000).map((key) => ({ key }));
    const answer = await fetch(`${peer.url}/get`, { method: 'POST', body: JSON.stringify(items) });
    const body = (await answer.json()) as { existedKey?: { key: string; value: string }[] };
    for (const { key, value } of body.existedKey ?? []) found.set(key, value);
  }
  return keys.filter((key) => found.get(key) !== `value of ${key}`);
}
