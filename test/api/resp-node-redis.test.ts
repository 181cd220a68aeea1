/** node-redis, as its users have it, against the lane: in RESP2 and RESP3, alone and as a cluster. */
import { expect } from 'chai';
import { createClient, createCluster } from 'redis';
import { type Lane, startLane } from './resp-harness.js';

for (const RESP of [2, 3] as const) {
  describe(`node-redis, RESP${RESP}`, () => {
    let lane: Lane;
    const connected = async (port: number, password?: string) => {
      const socket = { port, host: '127.0.0.1', reconnectStrategy: false as const };
      const client = createClient({ socket, RESP, ...(password && { password }) });
      client.on('error', () => undefined);
      return client.connect();
    };
    let client: Awaited<ReturnType<typeof connected>>;

    before(async () => {
      lane = await startLane({ later: (answer) => setImmediate(answer) });
      client = await connected(lane.port);
    });

    after(async () => {
      client.destroy();
      await lane.server.close(0);
    });

    beforeEach(() => lane.store.rows.clear());

    it('sets, gets, counts, expires and deletes', async () => {
      expect(await client.set('a', '1')).to.equal('OK');
      expect(await client.get('a')).to.equal('1');
      expect(await client.set('a', '2', { condition: 'NX' })).to.equal(null);
      expect(await client.set('a', '2', { expiration: { type: 'EX', value: 100 }, GET: true })).to.equal('1');
      expect(await client.ttl('a')).to.equal(100);
      expect(await client.incrBy('a', 5)).to.equal(7);
      expect(await client.getEx('a', { type: 'PERSIST' })).to.equal('7');
      expect(await client.ttl('a')).to.equal(-1);
      expect(await client.mSet(['x', '1', 'y', '2'])).to.equal('OK');
      expect(await client.mGet(['x', 'nope', 'y'])).to.deep.equal(['1', null, '2']);
      expect(await client.del(['x', 'y', 'nope'])).to.equal(2);
      expect(await client.exists('a')).to.equal(1);
    });

    it('pipelines in order', async () => {
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? client.set('k', i) : client.incr('k'))),
      );
      expect(answers.slice(-3)).to.deep.equal(['OK', 298, 299]);
    });

    it('runs transactions', async () => {
      const answers = await client.multi().set('{t}a', '1').incr('{t}a').get('{t}b').exec();
      expect(answers).to.deep.equal(['OK', 2, null]);
    });

    it('goes through all keys, and reads what the server says of itself', async () => {
      const names = Array.from({ length: 60 }, (_, i) => `k${i}`);
      await Promise.all(names.map((name) => client.set(name, '1')));
      const seen: string[] = [];
      for await (const keys of client.scanIterator({ COUNT: 7 })) seen.push(...keys);
      expect(seen.sort()).to.deep.equal([...names].sort());
      expect(await client.dbSize()).to.equal(60);
      expect(await client.info()).to.contain('redis_version:7.');
      expect((await client.clientInfo()).id).to.be.above(0);
      expect(await client.configGet('databases')).to.deep.include({ databases: '1' });
      expect((await client.commandInfo(['get']))[0]).to.include({ name: 'get', arity: 2 });
      expect(await client.commandCount()).to.be.above(50);
    });

    it('authenticates', async () => {
      const guarded = await startLane({ secret: 'a secret of the cluster' });
      const good = await connected(guarded.port, 'a secret of the cluster');
      expect(await good.set('a', '1')).to.equal('OK');
      good.destroy();
      const failed = await connected(guarded.port, 'another secret').catch((error: Error) => error.message);
      expect(failed).to.match(/WRONGPASS/);
      await guarded.server.close(0);
    });
  });
}

describe('node-redis as a cluster', () => {
  it('finds the slots', async () => {
    const lane = await startLane();
    const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${lane.port}` }] });
    await cluster.connect();
    for (let i = 0; i < 50; i++) await cluster.set(`k${i}`, i);
    for (let i = 0; i < 50; i++) expect(await cluster.get(`k${i}`)).to.equal(`${i}`);
    cluster.destroy();
    await lane.server.close(0);
  });
});
