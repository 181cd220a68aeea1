import { expect } from 'chai';
import type { Cluster, Member } from '../../harness/cluster.js';
import { copiesByPeer, serving, until } from '../../harness/watching.js';
import { Load } from '../chaos/measure/load.js';
import { drain, undrain } from '../chaos/operator.js';
import { becomesWhole, endCluster, get, missingOf, put, startCluster, storeMany } from './asking.js';

const KEYS = 1_000;
const EMPTIED_WITHIN_MS = 60_000;
const SERVING_WITHIN_MS = 60_000;

/** The tests share one cluster, and each leaves it whole. */
describe('a cluster of five real processes', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let keys: readonly string[];

  before(async () => {
    cluster = await startCluster();
    keys = await storeMany(peer(0), 'stored', KEYS);
  });

  after(() => endCluster(cluster));

  function peer(at: number): Member {
    return cluster.peers[at] as Member;
  }

  async function nothingIsMissing(): Promise<void> {
    for (const each of cluster.running) expect(await missingOf(each, keys), each.name).to.deep.equal([]);
  }

  it('answers for every key through every peer, with three copies of each', async () => {
    for (const [i, each] of cluster.peers.entries()) await put(each, `key-${i}`, `value-${i}`);
    for (const each of cluster.peers) {
      for (let i = 0; i < 5; i++) expect(await get(each, `key-${i}`)).to.equal(`value-${i}`);
    }
    const where = await fetch(`${peer(0).url}/all-nodes/key-0`);
    expect(((await where.json()) as { nodes: unknown[] }).nodes).to.have.length(3);
  });

  it('misses nothing when a peer is killed, writes on, and takes it back', async () => {
    await peer(2).process.end('SIGKILL');
    await nothingIsMissing();
    for (const key of keys.slice(0, 50)) await put(peer(0), key, `value of ${key}`);
    peer(2).process.start();
    await becomesWhole(cluster);
    await nothingIsMissing();
  });

  it('fails no request while all peers are restarted one after another', async () => {
    const load = new Load(() => cluster.peers);
    for (const each of cluster.peers) {
      expect((await each.process.end('SIGTERM'))?.code, each.name).to.equal(0);
      each.process.start();
      expect(await serving(each, SERVING_WITHIN_MS), each.name).to.equal(null);
      await becomesWhole(cluster);
    }
    const { failures, writeMs } = await load.stop();
    expect(failures.slice(0, 5)).to.deep.equal([]);
    expect(writeMs.length).to.be.above(50);
    await nothingIsMissing();
  });

  it('fails no request while a peer is drained and taken back', async () => {
    const load = new Load(() => cluster.peers);
    await drain(cluster, 'peer-4');
    const left = async () => ((await copiesByPeer(cluster)).get('peer-4') ?? 0).toString();
    const emptied = await until(
      async () => ((await left()) === '0' ? null : await left()),
      EMPTIED_WITHIN_MS,
    );
    expect(emptied, 'copies left on the drained peer').to.equal(null);
    await undrain(cluster, 'peer-4');
    await becomesWhole(cluster);
    const { failures, writeMs } = await load.stop();
    expect(failures.slice(0, 5)).to.deep.equal([]);
    expect(writeMs.length).to.be.above(50);
    await nothingIsMissing();
  });

  it('fails no request while the orchestrator is killed and started again', async () => {
    const load = new Load(() => cluster.peers);
    await cluster.orchestrator.process.end('SIGKILL');
    const untilMs = performance.now() + 2_000;
    await until(async () => (performance.now() > untilMs ? null : 'dead'), 3_000);
    cluster.orchestrator.process.start();
    await becomesWhole(cluster);
    const { failures, writeMs } = await load.stop();
    expect(failures.slice(0, 5)).to.deep.equal([]);
    expect(writeMs.length).to.be.above(50);
  });

  it('builds a registry that was deleted anew from the peers', async () => {
    await cluster.orchestrator.process.end('SIGKILL');
    cluster.wipe(cluster.orchestrator);
    cluster.orchestrator.process.start();
    await becomesWhole(cluster);
    await nothingIsMissing();
    await put(peer(1), 'after', 'the rebuild');
    expect(await get(peer(4), 'after')).to.equal('the rebuild');
  });

  it('has everything when all processes were killed at once', async () => {
    await Promise.all([...cluster.peers, cluster.orchestrator].map(({ process }) => process.end('SIGKILL')));
    cluster.startAll();
    await becomesWhole(cluster);
    await nothingIsMissing();
  });

  it('gives a peer that lost its disk its share again', async () => {
    await peer(3).process.end('SIGKILL');
    cluster.wipe(peer(3));
    peer(3).process.start();
    await becomesWhole(cluster);
    await nothingIsMissing();
  });
});

describe('a cluster of three real processes', function () {
  this.timeout(120_000);

  it('refuses writes with too few copies in sync, and goes on reading', async () => {
    const cluster = await startCluster({ peers: 3, repairAfter: '500ms' });
    try {
      const [first, second, third] = cluster.peers as [Member, Member, Member];
      await put(first, 'kept', 'a value');
      await Promise.all([second, third].map(({ process }) => process.end('SIGKILL')));
      // What is tried before the others count as gone has an unknown outcome: it is not what is read afterwards.
      const refused = await until(async () => {
        const answer = await fetch(`${first.url}/kv/tried`, { method: 'PUT', body: 'another' });
        const outcome = answer.headers.get('kv-outcome');
        const said = `${answer.status} ${outcome} ${await answer.text()}`;
        return answer.status === 503 && outcome === 'not-applied' && said.includes('in sync') ? null : said;
      }, 20_000);
      expect(refused, 'what a write is told').to.equal(null);
      expect(await get(first, 'kept')).to.equal('a value');
      second.process.start();
      await becomesWhole(cluster);
      await put(second, 'kept', 'another');
      expect(await get(first, 'kept')).to.equal('another');
    } finally {
      await endCluster(cluster);
    }
  });
});
