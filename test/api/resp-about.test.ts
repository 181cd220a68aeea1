/** What the lane says of itself: HELLO, INFO, CLIENT, CONFIG, TIME, WAIT, CLUSTER. And that no bytes bring it down. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { slotOf } from '../../common/slots.js';
import { nodeId } from '../../peer/resp/cluster-layout.js';
import { type Lane, RawClient, startLane, startTwoLanes } from './resp-harness.js';

describe('the Redis lane about itself', () => {
  let lane: Lane;
  let redis: Redis;

  before(async () => {
    lane = await startLane();
    redis = new Redis({ port: lane.port, host: '127.0.0.1', connectionName: 'tester' });
    await redis.ping();
  });

  after(async () => {
    redis.disconnect();
    await lane.server.close(0);
  });

  it('shakes hands in both versions', async () => {
    const client = await RawClient.to(lane.port);
    client.send('HELLO 3 SETNAME bob\r\nGET nope\r\nHELLO 2\r\nGET nope\r\nHELLO\r\nQUIT\r\n');
    const text = await client.rest();
    expect(text).to.match(/^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$\d+\r\n7\./);
    expect(text).to.contain('modules\r\n*0\r\n_\r\n*14\r\n');
    expect(text).to.contain('modules\r\n*0\r\n$-1\r\n*14\r\n');
    expect(text).to.match(/proto\r\n:3\r\n[^%*]*\$2\r\nid\r\n:\d+/);
  });

  it('tells what clients look for before they begin', async () => {
    const info = await redis.info();
    for (const line of [
      'redis_version:7.',
      'loading:0',
      'role:master',
      'cluster_enabled:1',
      `tcp_port:${lane.port}`,
    ]) {
      expect(info).to.contain(line);
    }
    expect(await redis.info('clients')).to.match(/^# Clients\r\nconnected_clients:\d+\r\n/);
    expect(await redis.info('nosuch')).to.equal('');
    const [seconds, micros] = await redis.time();
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).to.be.below(5);
    expect(Number(micros)).to.be.within(0, 999_999);
    expect(await redis.config('GET', 'data*', 'maxmemory')).to.deep.equal([
      'databases',
      '1',
      'maxmemory',
      '0',
    ]);
    expect(await redis.wait(5, 0)).to.equal(0);
  });

  it('lists its connections', async () => {
    const list = (await redis.client('LIST')) as string;
    expect(list).to.match(
      /^id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ name=tester age=\d+ idle=\d+ /m,
    );
    const id = await redis.client('ID');
    expect(await redis.client('INFO'))
      .to.contain(`id=${id} `)
      .and.to.contain('cmd=client');
    expect(await redis.call('CLIENT', 'LIST', 'ID', String(id))).to.match(/^id=\d+ [^\n]*\n$/);
  });

  it('tells where slots are', async () => {
    const [first, second] = await startTwoLanes();
    const client = new Redis({ port: first.port, host: '127.0.0.1' });
    const other = new Redis({ port: second.port, host: '127.0.0.1' });
    try {
      const call = (...args: string[]) => client.call('CLUSTER', ...args);
      expect(await call('KEYSLOT', 'foo{bar}')).to.equal(slotOf('bar'));
      expect(await call('MYID')).to.equal(nodeId('peer-1'));
      expect(await other.call('CLUSTER', 'MYID')).to.equal(nodeId('peer-2'));
      const slots = (await call('SLOTS')) as [
        number,
        number,
        [string, number, string],
        [string, number, string],
      ][];
      expect(slots).to.have.length(256);
      expect(slots[1]).to.deep.equal([
        64,
        127,
        ['127.0.0.1', second.port, nodeId('peer-2'), []],
        ['127.0.0.1', first.port, nodeId('peer-1'), []],
      ]);
      const shards = (await call('SHARDS')) as [string, number[], string, unknown[][]][];
      expect(shards.map(([, ranges]) => ranges.slice(0, 4))).to.deep.equal([
        [0, 63, 128, 191],
        [64, 127, 192, 255],
      ]);
      expect(shards[0]?.[3].map((node) => [node[1], node[3], node[9], node[13]])).to.deep.equal([
        [nodeId('peer-1'), first.port, 'master', 'online'],
        [nodeId('peer-2'), second.port, 'replica', 'online'],
      ]);
      const nodes = ((await call('NODES')) as string).trim().split('\n');
      expect(nodes).to.have.length(2);
      expect(nodes[0]).to.match(
        /^[0-9a-f]{40} 127\.0\.0\.1:\d+@0 myself,master - 0 0 7 connected 0-63 128-191 /,
      );
      expect(await call('INFO')).to.match(
        /^cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\n/,
      );
      for (let i = 0; i < 30; i++) await client.set(`{t}${i}`, '1');
      expect(await call('COUNTKEYSINSLOT', String(slotOf('t')))).to.equal(30);
      expect(await call('GETKEYSINSLOT', String(slotOf('t')), '7')).to.have.length(7);
      for (const [args, error] of [
        [['COUNTKEYSINSLOT', '16384'], 'ERR Invalid or out of range slot'],
        [['COUNTKEYSINSLOT', 'x'], 'ERR value is not an integer or out of range'],
        [['KEYSLOT'], "ERR wrong number of arguments for 'cluster|keyslot' command"],
        [['NOSUCH'], "ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP."],
      ] as const) {
        expect(await call(...args).catch((problem: Error) => problem.message)).to.equal(error);
      }
    } finally {
      client.disconnect();
      other.disconnect();
      for (const { server } of [first, second]) await server.close(0);
    }
  });

  it('lives through any bytes, and serves others meanwhile', async () => {
    const word = fc.constantFrom(
      'SET',
      'get',
      'MGET',
      'MULTI',
      'EXEC',
      'CLIENT',
      'REPLY',
      'OFF',
      'COMMAND',
      'DOCS',
      'SCAN',
      'HELLO',
      '3',
      'a',
      '-1',
      'EX',
      'CLUSTER',
      'SHARDS',
      '99999999999999999999',
      'WATCH',
      'CONFIG',
      'get',
      '*',
      '[',
      '\\',
      '__proto__',
      'constructor',
      'LIST',
      'ID',
      'INFO',
      'GETKEYS',
      'SETRANGE',
      '16777216',
      'INCRBYFLOAT',
      '1e4931',
      'FLUSHALL',
      'WAIT',
      'RESET',
      'XADD',
    );
    const line = fc
      .array(word, { minLength: 1, maxLength: 6 })
      .map((words) => Buffer.from(`${words.join(' ')}\r\n`));
    const bytes = fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 9, arbitrary: line }, bytes), { maxLength: 20 }),
        async (parts) => {
          const client = await RawClient.to(lane.port);
          client.send(Buffer.concat(parts));
          client.socket.end();
          await client.rest();
          client.close();
          expect(await redis.ping()).to.equal('PONG');
        },
      ),
      { numRuns: 150 },
    );
  });
});
