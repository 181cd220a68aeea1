/** ioredis, as its users have it, against the lane: alone and in Cluster mode. */
import { expect } from 'chai';
import { Cluster, Redis } from 'ioredis';
import { type Lane, startLane, startTwoLanes } from './resp-harness.js';

describe('ioredis', () => {
  let lane: Lane;
  let redis: Redis;

  before(async () => {
    lane = await startLane({ later: (answer) => setImmediate(answer) });
    redis = new Redis({ port: lane.port, host: '127.0.0.1' });
  });

  after(async () => {
    redis.disconnect();
    await lane.server.close(0);
  });

  beforeEach(() => lane.store.rows.clear());

  it('sets, gets, counts, expires and deletes', async () => {
    expect(await redis.set('a', '1')).to.equal('OK');
    expect(await redis.get('a')).to.equal('1');
    expect(await redis.set('a', '2', 'NX')).to.equal(null);
    expect(await redis.set('a', '2', 'EX', 100, 'GET')).to.equal('1');
    expect(await redis.ttl('a')).to.equal(100);
    expect(await redis.incr('a')).to.equal(3);
    expect(await redis.incrbyfloat('a', 0.5)).to.equal('3.5');
    expect(await redis.append('a', 'é')).to.equal(5);
    expect(await redis.getrange('a', 0, 1)).to.equal('3.');
    expect(await redis.getdel('a')).to.equal('3.5é');
    expect(await redis.get('a')).to.equal(null);
    expect(await redis.mset({ x: '1', y: '2' })).to.equal('OK');
    expect(await redis.mget('x', 'nope', 'y')).to.deep.equal(['1', null, '2']);
    expect(await redis.del('x', 'y', 'nope')).to.equal(2);
  });

  it('keeps bytes as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));
    await redis.set('bytes', bytes);
    expect((await redis.getBuffer('bytes'))?.equals(bytes)).to.equal(true);
  });

  it('keeps the order of a pipeline', async () => {
    const pipeline = redis.pipeline();
    for (let i = 0; i < 200; i++)
      pipeline
        .set(`k${i % 7}`, i)
        .get(`k${i % 7}`)
        .incr('n');
    const answers = await pipeline.exec();
    for (let i = 0; i < 200; i++) {
      expect(answers?.slice(i * 3, i * 3 + 3)).to.deep.equal([
        [null, 'OK'],
        [null, `${i}`],
        [null, i + 1],
      ]);
    }
  });

  it('runs transactions, and gives one up where a watched key has changed', async () => {
    expect(await redis.multi().set('{t}a', '1').incr('{t}a').get('{t}b').exec()).to.deep.equal([
      [null, 'OK'],
      [null, 2],
      [null, null],
    ]);
    await redis.watch('{t}a');
    lane.store.write({ kind: 'delete', key: '{t}a' }, () => undefined);
    expect(await redis.multi().set('{t}a', '9').exec()).to.equal(null);
    expect(await redis.get('{t}a')).to.equal(null);
  });

  it('goes through all keys', async () => {
    const names = Array.from({ length: 2_500 }, (_, i) => (i < 1_500 ? `{one}${i}` : `k${i}`));
    for (const name of names) await redis.set(name, '1');
    const seen: string[] = [];
    for await (const keys of redis.scanStream({ count: 100 })) seen.push(...(keys as string[]));
    expect(seen.sort()).to.deep.equal([...names].sort());
    expect(await redis.dbsize()).to.equal(names.length);
    expect(await redis.keys('{one}14?')).to.have.length(10);
    expect(names).to.include(await redis.randomkey());
    await redis.flushall();
    expect(await redis.dbsize()).to.equal(0);
  });

  it('shows errors as Redis does', async () => {
    await redis.set('a', 'x');
    const message = await redis.incr('a').catch((error: Error) => error.message);
    expect(message).to.equal('ERR value is not an integer or out of range');
    const unknown = await redis.call('NOSUCH', 'a').catch((error: Error) => error.message);
    expect(unknown).to.equal("ERR unknown command 'NOSUCH', with args beginning with: 'a' ");
  });

  it('says that it cannot know, or that nothing was done', async () => {
    const { store } = lane;
    store.writeFault = () => ({ kind: 'unknown', request: 'p/s/1/7' });
    store.readFault = () => ({ kind: 'unavailable', reason: 'no-primary' });
    try {
      const written = await redis.set('a', '1').catch((error: Error) => error.message);
      expect(written).to.match(/^UNKNOWN .*p\/s\/1\/7/);
      const read = await redis.get('a').catch((error: Error) => error.message);
      expect(read).to.match(/^CLUSTERDOWN .*nothing was read/);
      store.writeFault = () => ({ kind: 'not-applied', reason: 'overloaded' });
      const refused = await redis.set('a', '1').catch((error: Error) => error.message);
      expect(refused).to.match(/^TRYAGAIN .*nothing was written/);
    } finally {
      store.writeFault = () => undefined;
      store.readFault = () => undefined;
    }
  });

  it('authenticates', async () => {
    const guarded = await startLane({ secret: 'a secret of the cluster' });
    const options = {
      port: guarded.port,
      host: '127.0.0.1',
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    };
    const good = new Redis({ ...options, password: 'a secret of the cluster' });
    expect(await good.set('a', '1')).to.equal('OK');
    good.disconnect();
    const bare = new Redis(options);
    bare.on('error', () => undefined);
    expect(await bare.get('a').catch((error: Error) => error.message)).to.match(/^NOAUTH/);
    bare.disconnect();
    await guarded.server.close(0);
  });
});

describe('ioredis in Cluster mode', () => {
  it('goes to the peers that the slots name, and gets over a partition that cannot be served for a moment', async () => {
    const lanes = await startTwoLanes();
    const cluster = new Cluster([{ host: '127.0.0.1', port: lanes[0].port }], { retryDelayOnTryAgain: 5 });
    try {
      for (let i = 0; i < 100; i++) await cluster.set(`k${i}`, i);
      for (let i = 0; i < 100; i++) expect(await cluster.get(`k${i}`)).to.equal(`${i}`);
      const sizes = lanes.map(({ store }) => store.rows.size);
      expect(sizes.reduce((a, b) => a + b)).to.equal(100);
      expect(Math.min(...sizes)).to.be.above(20);
      let refused = 0;
      for (const { store } of lanes) {
        store.writeFault = () => (refused++ < 3 ? { kind: 'not-applied', reason: 'starting' } : undefined);
      }
      expect(await cluster.set('k1', 'again')).to.equal('OK');
      expect(refused).to.equal(4);
      expect(await cluster.multi().set('{t}a', '1').get('{t}a').exec()).to.deep.equal([
        [null, 'OK'],
        [null, '1'],
      ]);
    } finally {
      cluster.disconnect();
      for (const { server } of lanes) await server.close(0);
    }
  });
});
