/** Redis clients against a cluster of real processes, with peers killed and joined under them. */
import { expect } from 'chai';
import { Redis, Cluster as RedisCluster } from 'ioredis';
import { createClient } from 'redis';
import type { Cluster, Member } from '../../harness/cluster.js';
import { freePorts } from '../../harness/ports.js';
import { becomesWhole, endCluster, get, put, startCluster } from './asking.js';

const PEERS = 5;

/** What a client may be told while a peer is missing: that nothing was done, that it cannot know, or nothing at all. */
const EXPECTED_ERROR =
  /^(?:UNKNOWN|TRYAGAIN|CLUSTERDOWN) |Connection is closed|Command aborted|max retries|Failed to refresh|Too many Cluster/;

/** The tests share one cluster, and each leaves it whole. */
describe('Redis clients of five real processes', function () {
  this.timeout(90_000);
  let cluster: Cluster;
  let ports: ReadonlyMap<string, number>;

  before(async () => {
    const free = await freePorts(PEERS + 1);
    ports = new Map(free.map((port, i) => [`peer-${i + 1}`, port]));
    cluster = await startCluster({ peers: PEERS, flagsOf: (name) => ['--resp-port', `${ports.get(name)}`] });
  });

  after(() => endCluster(cluster));

  function portOf(peer: Member): number {
    return ports.get(peer.name) as number;
  }

  async function withEach(use: (redis: Redis, peer: Member, at: number) => Promise<void>): Promise<void> {
    for (const [at, peer] of cluster.running.entries()) {
      const redis = new Redis({ port: portOf(peer), host: '127.0.0.1' });
      try {
        await use(redis, peer, at);
      } finally {
        redis.disconnect();
      }
    }
  }

  function clusterClient(): RedisCluster {
    const nodes = cluster.running.map((peer) => ({ host: '127.0.0.1', port: portOf(peer) }));
    return new RedisCluster(nodes, { redisOptions: { connectTimeout: 1_000 } });
  }

  it('find every key through every peer, and see what HTTP sees', async () => {
    await withEach(async (redis, peer, at) => {
      expect(await redis.set(`key-${at}`, `wert-ü-${at}`)).to.equal('OK');
      await put(peer, `http-${at}`, `value-${at}`);
    });
    await withEach(async (redis, peer) => {
      for (let at = 0; at < PEERS; at++) {
        expect(await redis.get(`http-${at}`)).to.equal(`value-${at}`);
        expect(await get(peer, `key-${at}`)).to.equal(`wert-ü-${at}`);
      }
    });
    const answer = await fetch(`${cluster.peers[0]?.url}/kv/key-0`);
    expect(answer.headers.get('content-type')).to.equal('text/plain; charset=utf-8');
  });

  it('count as one, through all peers at once', async () => {
    const clients = cluster.peers.map((peer) => new Redis({ port: portOf(peer), host: '127.0.0.1' }));
    const seen = await Promise.all(
      clients.flatMap((redis) => Array.from({ length: 40 }, () => redis.incr('count'))),
    );
    expect(new Set(seen).size).to.equal(40 * PEERS);
    expect(Math.max(...seen)).to.equal(40 * PEERS);
    const floats = await Promise.all(clients.map((redis) => redis.incrbyfloat('float', 0.25)));
    expect([...floats].sort()).to.deep.equal(['0.25', '0.5', '0.75', '1', '1.25']);
    for (const redis of clients) redis.disconnect();
  });

  it('keep moments of expiry as they were set', async () => {
    const [redis] = cluster.peers.map((peer) =>
      createClient({ url: `redis://127.0.0.1:${portOf(peer)}`, RESP: 3 }),
    );
    await redis?.connect();
    await redis?.set('dated', 'x', { expiration: { type: 'PXAT', value: 33_177_117_420_123 } });
    expect(await redis?.setRange('dated', 1, 'y')).to.equal(2);
    expect(await redis?.pExpireTime('dated')).to.equal(33_177_117_420_123);
    expect(await redis?.wait(0, 0)).to.equal(2);
    redis?.destroy();
  });

  it('lose nothing that was acknowledged while a peer is killed and comes back', async () => {
    const redis = clusterClient();
    const acknowledged: string[] = [];
    const errors: string[] = [];
    let running = true;
    const writer = async (name: number) => {
      for (let i = 0; running; i++) {
        const key = `kept-${name}-${i}`;
        try {
          if ((await redis.set(key, key)) === 'OK') acknowledged.push(key);
        } catch (error) {
          errors.push((error as Error).message);
        }
      }
    };
    const writers = Array.from({ length: 4 }, (_, name) => writer(name));
    const victim = cluster.peers[1] as Member;
    const enough = async (count: number) => {
      const goal = acknowledged.length + count;
      while (acknowledged.length < goal) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await enough(50);
    await victim.process.end('SIGKILL');
    await enough(50);
    victim.process.start();
    await becomesWhole(cluster);
    await enough(50);
    running = false;
    await Promise.all(writers);
    redis.disconnect();
    expect(errors.filter((message) => !EXPECTED_ERROR.test(message))).to.deep.equal([]);
    const reader = new Redis({ port: portOf(victim), host: '127.0.0.1' });
    const found = await reader.mget(acknowledged);
    expect(acknowledged.filter((key, at) => found[at] !== key)).to.deep.equal([]);
    reader.disconnect();
  });

  it('move money between keys of one partition, and none gets lost while a peer is killed', async () => {
    const accounts = Array.from({ length: 6 }, (_, i) => `{bank}${i}`);
    const first = new Redis({ port: portOf(cluster.peers[0] as Member), host: '127.0.0.1' });
    expect(await first.mset(...accounts.flatMap((account) => [account, '100']))).to.equal('OK');
    expect(await first.msetnx('{bank}new', '1', '{bank}0', '1')).to.equal(0);
    expect(await first.exists('{bank}new')).to.equal(0);
    const totals = new Set<number>();
    const errors: string[] = [];
    let [moved, running] = [0, true];
    const balances = async (redis: Redis) => {
      const all = await accounts.reduce((multi, account) => multi.get(account), redis.multi()).exec();
      return (all ?? []).map(([, balance]) => Number(balance));
    };
    const move = async (redis: Redis, from: string, to: string) => {
      await redis.watch(from, to);
      const [has, had] = (await redis.mget(from, to)).map(Number) as [number, number];
      const done = await redis
        .multi()
        .set(from, has - 7)
        .set(to, had + 7)
        .exec();
      if (done !== null) moved++;
    };
    const teller = async (at: number) => {
      const redis = new Redis({ port: portOf(cluster.peers[at] as Member), host: '127.0.0.1' });
      redis.on('error', () => undefined);
      for (let round = at; running; round++) {
        const [from, to] = [round, round * 5 + 2].map((n) => accounts[n % accounts.length]) as [
          string,
          string,
        ];
        try {
          if (from === to) totals.add((await balances(redis)).reduce((sum, balance) => sum + balance, 0));
          else await move(redis, from, to);
        } catch (error) {
          errors.push((error as Error).message);
        }
      }
      redis.disconnect();
    };
    const tellers = [0, 2, 4].map(teller);
    const enough = async (count: number) => {
      const goal = moved + count;
      while (moved < goal && running) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    try {
      await enough(10);
      const victim = cluster.peers[2] as Member;
      await victim.process.end('SIGKILL');
      await enough(10);
      victim.process.start();
      await becomesWhole(cluster);
      await enough(10);
    } finally {
      running = false;
    }
    await Promise.all(tellers);
    const left = (await first.mget(accounts)).map(Number);
    expect(left.reduce((sum, balance) => sum + balance, 0)).to.equal(600);
    expect([...totals]).to.deep.equal([600]);
    expect(errors.filter((message) => !EXPECTED_ERROR.test(message))).to.deep.equal([]);
    first.disconnect();
  });

  it('go on, and find all keys by SCAN, while a peer joins', async () => {
    const redis = clusterClient();
    const names = Array.from({ length: 300 }, (_, i) => `scanned-${i}`);
    await Promise.all(names.map((name) => redis.set(name, name)));
    const joined = await cluster.add('peer-6');
    joined.process.start();
    const seen = new Set<string>();
    const scanner = new Redis({ port: portOf(cluster.peers[0] as Member), host: '127.0.0.1' });
    for (let round = 0; round < 5; round++) {
      seen.clear();
      for await (const keys of scanner.scanStream({ match: 'scanned-*', count: 50 })) {
        for (const key of keys as string[]) seen.add(key);
      }
      expect(names.filter((name) => !seen.has(name))).to.deep.equal([]);
      for (const name of names.slice(0, 50)) expect(await redis.get(name)).to.equal(name);
    }
    await becomesWhole(cluster);
    const there = new Redis({ port: portOf(joined), host: '127.0.0.1' });
    expect(await there.mget(names)).to.deep.equal(names);
    const all = await there.keys('*');
    expect(all).to.include.members(names);
    expect(await there.dbsize()).to.equal(all.length);
    expect(await there.cluster('INFO')).to.contain('cluster_known_nodes:6');
    for (const each of [redis, scanner, there]) each.disconnect();
  });
});
