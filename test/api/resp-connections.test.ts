/** Connections to the Redis lane: order, limits, slow clients, and their end. */
import { expect } from 'chai';
import type { Command } from '../../peer/replication/commands.js';
import { frame, type Lane, type LaneOptions, RawClient, startLane } from './resp-harness.js';

describe('a Redis connection', () => {
  const lanes: Lane[] = [];
  const clients: RawClient[] = [];

  const lane = async (options?: LaneOptions): Promise<Lane> => {
    const started = await startLane(options);
    lanes.push(started);
    return started;
  };
  const client = async (port: number): Promise<RawClient> => {
    const connected = await RawClient.to(port);
    clients.push(connected);
    return connected;
  };

  afterEach(async () => {
    for (const each of clients.splice(0)) each.close();
    for (const each of lanes.splice(0)) await each.server.close(0);
  });

  it('answers in the order of the commands, whoever is answered first', async () => {
    const waiting: (() => void)[] = [];
    const { port } = await lane({ later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send('SET a 1\r\nSET b 2\r\nPING\r\nGET c\r\n');
    await until(() => waiting.length === 3);
    for (const answer of waiting.reverse()) answer();
    expect(await redis.take(5 + 5 + 7 + 5)).to.equal('+OK\r\n+OK\r\n+PONG\r\n$-1\r\n');
  });

  it('runs commands on one key one after the other, those on others at the same time', async () => {
    const waiting: (() => void)[] = [];
    const { port } = await lane({ later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send('SET a 1\r\nSET b 1\r\nINCR a\r\nGET a\r\nGET c\r\n');
    const rounds: number[] = [];
    while (redis.text.length < 5 + 5 + 4 + 7 + 5) {
      await until(() => waiting.length > 0 || redis.text.length === 26);
      const round = waiting.splice(0);
      if (round.length > 0) rounds.push(round.length);
      for (const answer of round) answer();
      await turn();
    }
    expect(redis.text).to.equal('+OK\r\n+OK\r\n:2\r\n$1\r\n2\r\n$-1\r\n');
    expect(rounds).to.deep.equal([2, 1, 2]);
  });

  it('reads a key once for all who asked before, and anew for those who ask later', async () => {
    const waiting: (() => void)[] = [];
    const { port } = await lane({ later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send('GET a\r\nSTRLEN a\r\nGET b\r\nGET a\r\nSET a 12\r\nGET a\r\nTTL a\r\n');
    await until(() => waiting.length === 2);
    redis.send('GET a\r\n');
    await turn();
    const rounds: number[] = [];
    const isOver = () => redis.text.length === 5 + 4 + 5 + 5 + 5 + 8 + 5 + 8;
    while (!isOver()) {
      await until(() => waiting.length > 0 || isOver());
      const round = waiting.splice(0);
      if (round.length > 0) rounds.push(round.length);
      for (const answer of round) answer();
      await turn();
    }
    expect(redis.text).to.equal('$-1\r\n:0\r\n$-1\r\n$-1\r\n+OK\r\n$2\r\n12\r\n:-1\r\n$2\r\n12\r\n');
    // The two keys; the SET; and one read for the three that had come by then.
    expect(rounds).to.deep.equal([2, 1, 1]);
  });

  it('begins anew for a read that comes after another began', async () => {
    const waiting: (() => void)[] = [];
    const { port, store } = await lane({ later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send('GET a\r\n');
    await until(() => waiting.length === 1);
    const [first] = waiting.splice(0);
    store.write({ kind: 'put', key: 'a', value: { bytes: Buffer.from('1'), type: '' } }, () => undefined);
    waiting.splice(0);
    redis.send('GET a\r\n');
    for (let i = 0; i < 5; i++) await turn();
    expect(waiting).to.deep.equal([]);
    first?.();
    await until(() => waiting.length === 1);
    waiting[0]?.();
    expect(await redis.take(5 + 7)).to.equal('$-1\r\n$1\r\n1\r\n');
  });

  it('runs a command about all keys by itself', async () => {
    const { port } = await lane({ later: (answer) => void setImmediate(answer) });
    const redis = await client(port);
    redis.send('SET a 1\r\nSET b 1\r\nDBSIZE\r\nDEL a\r\nDBSIZE\r\nFLUSHALL\r\nGET b\r\n');
    expect(await redis.take(5 + 5 + 4 + 4 + 4 + 5 + 5)).to.equal(
      '+OK\r\n+OK\r\n:2\r\n:1\r\n:1\r\n+OK\r\n$-1\r\n',
    );
  });

  it('has no more under way than it may, however much is sent', async () => {
    const waiting: (() => void)[] = [];
    const { port } = await lane({ limits: { running: 8 }, later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send(Array.from({ length: 5_000 }, (_, i) => `SET key${i} 1\r\n`).join(''));
    let most = 0;
    while (redis.text.length < 5_000 * 5) {
      await until(() => waiting.length > 0 || redis.text.length === 25_000);
      most = Math.max(most, waiting.length);
      for (const answer of waiting.splice(0)) answer();
    }
    expect(most).to.equal(8);
    expect(redis.text).to.equal('+OK\r\n'.repeat(5_000));
  });

  it('holds back a client that does not read, and loses nothing', async () => {
    const { port } = await lane({ limits: { pauseBytes: 100_000 } });
    const redis = await client(port);
    const value = 'x'.repeat(50_000);
    expect(await redis.ask(frame('SET', 'a', value), 5)).to.equal('+OK\r\n');
    redis.socket.pause();
    const asked = 400;
    redis.send(Buffer.concat(Array.from({ length: asked }, () => frame('GET', 'a'))));
    for (let i = 0; i < 20; i++) await turn();
    redis.socket.resume();
    const one = `$50000\r\n${value}\r\n`;
    const all = await redis.take(one.length * asked);
    expect(all === one.repeat(asked)).to.equal(true);
  });

  it('is cut where more waits for the client than may', async () => {
    const waiting: (() => void)[] = [];
    let held = false;
    const { port, server } = await lane({
      limits: { pauseBytes: 10_000_000, outputBytes: 300_000 },
      later: (answer) => (held ? void waiting.push(answer) : answer()),
    });
    const redis = await client(port);
    await redis.ask(frame('SET', 'a', 'x'.repeat(100_000)), 5);
    held = true;
    // The first answer does not come, so that those behind it pile up.
    redis.send('GET first\r\n');
    await until(() => waiting.length === 1);
    held = false;
    redis.send('GET a\r\nPING\r\nGET a\r\nPING\r\nGET a\r\nGET a\r\n');
    waiting[0]?.();
    redis.socket.pause();
    await turn();
    redis.send(Buffer.concat(Array.from({ length: 500 }, () => frame('GET', 'a'))));
    await until(() => server.connections() === 0);
    expect(server.connections()).to.equal(0);
  });

  it('is cut where the client takes nothing for too long', async () => {
    const { port, server } = await lane({ limits: { stalledMs: 50, checkMs: 10, pauseBytes: 1_000 } });
    const redis = await client(port);
    await redis.ask(frame('SET', 'a', 'x'.repeat(1_000_000)), 5);
    redis.socket.pause();
    redis.send(Buffer.concat(Array.from({ length: 100 }, () => frame('GET', 'a'))));
    await until(() => server.connections() === 0);
  });

  it('is cut where a command does not come to its end', async () => {
    const { port, server } = await lane({ limits: { arrivalMs: 60, checkMs: 10 } });
    const slow = [await client(port), await client(port), await client(port)];
    slow[0]?.send('*2\r\n$3\r\nGET\r\n$10\r\nabc');
    slow[1]?.send('GET a');
    slow[2]?.send('*2\r\n$3\r\nGET\r\n');
    const idle = await client(port);
    expect(await idle.ask('PING\r\n', 7)).to.equal('+PONG\r\n');
    await until(() => server.connections() === 1);
    expect(await idle.ask('PING\r\n', 7)).to.equal('+PONG\r\n');
  });

  it('is cut where all together hold too much of commands that have not arrived', async () => {
    const { port, server } = await lane({ limits: { inputBytes: 1_000_000 } });
    const part = `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$800000\r\n${'x'.repeat(400_000)}`;
    const first = await client(port);
    first.send(part);
    await turn();
    const second = await client(port);
    second.send(part);
    const third = await client(port);
    third.send(part);
    await until(() => server.connections() < 3);
    const small = await client(port);
    expect(await small.ask('PING\r\n', 7)).to.equal('+PONG\r\n');
    const left = [first, second, third].filter((each) => !each.ended);
    expect(left.length).to.be.within(1, 2);
    for (const each of left) each.send(`${'x'.repeat(400_000)}\r\n`);
    await until(() => left.some((each) => each.text === '+OK\r\n'));
  });

  it('is refused beyond their number', async () => {
    const { port } = await lane({ limits: { connections: 2 } });
    const first = await client(port);
    const second = await client(port);
    expect(await first.ask('PING\r\n', 7)).to.equal('+PONG\r\n');
    expect(await second.ask('PING\r\n', 7)).to.equal('+PONG\r\n');
    const third = await client(port);
    expect(await third.rest()).to.equal('-ERR max number of clients reached\r\n');
    first.close();
    await until(() => lanes[0]?.server.connections() === 1);
    expect(await (await client(port)).ask('PING\r\n', 7)).to.equal('+PONG\r\n');
  });

  it('answers all that was asked when the client ends its side, and when it quits', async () => {
    const { port } = await lane({ later: (answer) => void setTimeout(answer, 5) });
    const ended = await client(port);
    ended.send('SET a 1\r\nGET a\r\nGET a');
    ended.socket.end();
    expect(await ended.rest()).to.equal('+OK\r\n$1\r\n1\r\n');
    const quit = await client(port);
    quit.send('GET a\r\nQUIT\r\nGET a\r\n');
    expect(await quit.rest()).to.equal('$1\r\n1\r\n+OK\r\n');
  });

  it('is told what was wrong before it is closed, with the answers before it', async () => {
    const { port } = await lane({ later: (answer) => void setTimeout(answer, 5) });
    const redis = await client(port);
    redis.send('SET a 1\r\n*1\r\n$x\r\n');
    expect(await redis.rest()).to.equal('+OK\r\n-ERR Protocol error: invalid bulk length\r\n');
  });

  it('gets answers to what runs when the peer stops', async () => {
    const { port, server } = await lane({ later: (answer) => void setTimeout(answer, 20) });
    const redis = await client(port);
    const idle = await client(port);
    await idle.ask('PING\r\n', 7);
    redis.send('SET a 1\r\n');
    await until(() => lanes[0]?.store.row('a') !== null);
    await server.close(1_000);
    expect(await redis.rest()).to.equal('+OK\r\n');
    expect(await idle.rest()).to.equal('');
  });

  it('is cut when the peer stops and a command does not end', async () => {
    let asked = false;
    const { port, server } = await lane({
      later: () => {
        asked = true;
      },
    });
    const redis = await client(port);
    redis.send('GET a\r\n');
    await until(() => asked);
    await server.close(20);
    expect(await redis.rest()).to.equal('');
  });

  it('that broke in the middle of a command harms nobody', async () => {
    const waiting: (() => void)[] = [];
    const { port, server } = await lane({ later: (answer) => void waiting.push(answer) });
    const redis = await client(port);
    redis.send('GET a\r\nSET b 1\r\n');
    await until(() => waiting.length === 2);
    redis.socket.resetAndDestroy();
    await until(() => server.connections() === 0);
    for (const answer of waiting) answer();
    expect(await (await client(port)).ask('PING\r\n', 7)).to.equal('+PONG\r\n');
  });

  it('takes values up to the largest, and refuses others without closing', async () => {
    const { port } = await lane({ maxValueBytes: 1_000 });
    const redis = await client(port);
    expect(await redis.ask(frame('SET', 'a', 'x'.repeat(1_000)), 5)).to.equal('+OK\r\n');
    const error = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';
    for (const args of [
      ['SET', 'a', 'x'.repeat(1_001)],
      ['MSET', 'b', '1', 'a', 'x'.repeat(1_001)],
      ['SETRANGE', 'a', '1000', 'x'],
      ['APPEND', 'a', 'x'],
      ['GETSET', 'a', 'x'.repeat(1_001)],
    ]) {
      expect(await redis.ask(frame(...args), error.length), args[0]).to.equal(error);
    }
    await redis.ask('MULTI\r\nAPPEND a x\r\n', '+OK\r\n+QUEUED\r\n'.length);
    expect(await redis.ask('EXEC\r\n', `*1\r\n${error}`.length)).to.equal(`*1\r\n${error}`);
    expect(await redis.ask('STRLEN a\r\n', 7)).to.equal(':1000\r\n');
  });

  it('takes keys of 1 to 1,024 bytes of UTF-8 only', async () => {
    const { port, store } = await lane();
    const redis = await client(port);
    const error = '-ERR invalid key: a key is 1 to 1024 bytes of UTF-8\r\n';
    for (const key of [
      '',
      'x'.repeat(1_025),
      'é'.repeat(513),
      Uint8Array.of(0xff),
      Uint8Array.of(0xc0, 0x80),
    ]) {
      expect(await redis.ask(frame('SET', key, '1'), error.length)).to.equal(error);
      expect(await redis.ask(frame('MGET', 'a', key), error.length)).to.equal(error);
    }
    const good = ['x'.repeat(1_024), 'é'.repeat(512), '\u0000', '\ufffd', '__proto__', 'a b\r\n'];
    for (const key of good) expect(await redis.ask(frame('SET', key, '1'), 5)).to.equal('+OK\r\n');
    expect([...store.rows.keys()]).to.deep.equal(good);
  });

  it('stores text as text and other bytes as bytes, as they read over HTTP', async () => {
    const { port, store } = await lane();
    const redis = await client(port);
    await redis.ask(frame('SET', 't', 'Grüße'), 5);
    await redis.ask(frame('SET', 'b', Uint8Array.of(1, 0xff)), 5);
    expect(store.row('t')?.value?.type).to.equal('text/plain; charset=utf-8');
    expect(store.row('b')?.value?.type).to.equal('application/octet-stream');
    const json: Command = {
      kind: 'put',
      key: 'j',
      value: { bytes: Buffer.from('41'), type: 'application/json' },
    };
    store.write(json, () => undefined);
    expect(await redis.ask('INCR j\r\nINCRBYFLOAT j 0.5\r\n', 15)).to.equal(':42\r\n$4\r\n42.5\r\n');
    expect(store.row('j')?.value?.type).to.equal('application/json');
  });

  it('lets a client without the secret do nothing', async () => {
    const secret = 'a secret of the cluster';
    const { port } = await lane({ secret });
    const redis = await client(port);
    const refused = '-NOAUTH Authentication required.\r\n';
    for (const line of ['GET a', 'PING', 'MULTI', 'SCAN 0', 'INFO', 'CLIENT LIST', 'COMMAND']) {
      expect(await redis.ask(`${line}\r\n`, refused.length), line).to.equal(refused);
    }
    const hello = await redis.ask('HELLO 3\r\n', 7);
    expect(hello).to.equal('-NOAUTH');
    await until(() => redis.text.endsWith('\r\n'));
    await redis.take(redis.text.length);
    const wrong = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
    expect(await redis.ask('AUTH x\r\n', wrong.length)).to.equal(wrong);
    expect(await redis.ask(frame('AUTH', 'default', secret), 5)).to.equal('+OK\r\n');
    expect(await redis.ask('GET a\r\n', 5)).to.equal('$-1\r\n');
    expect(await redis.ask('RESET\r\n', 8)).to.equal('+RESET\r\n');
    expect(await redis.ask('GET a\r\n', refused.length)).to.equal(refused);
    redis.send(`*2\r\n$4\r\nECHO\r\n$20000\r\n`);
    expect(await redis.rest()).to.equal('-ERR Protocol error: unauthenticated bulk length\r\n');
  });

  it('keeps a transaction within limits', async () => {
    const { port } = await lane({ limits: { queued: 3, queuedBytes: 100, watched: 2 } });
    const redis = await client(port);
    redis.send(
      'MULTI\r\nPING\r\nPING\r\nPING\r\nPING\r\nEXEC\r\nWATCH a b\r\nWATCH c\r\nUNWATCH\r\nMULTI\r\nSCAN 0\r\nEXEC\r\nQUIT\r\n',
    );
    const abort = '-EXECABORT Transaction discarded because of previous errors.\r\n';
    expect(await redis.rest()).to.equal(
      `+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-ERR transaction too large\r\n${abort}` +
        `+OK\r\n-ERR too many keys watched; at most 2\r\n+OK\r\n` +
        `+OK\r\n-ERR SCAN is not served inside a transaction\r\n${abort}+OK\r\n`,
    );
  });

  it('refuses transactions over several partitions', async () => {
    const whole = await client((await lane()).port);
    whole.send(
      'MULTI\r\nSET a 1\r\nSET b 1\r\nEXEC\r\nWATCH a\r\nMULTI\r\nSET b 1\r\nEXEC\r\nGET b\r\nQUIT\r\n',
    );
    const crossed = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    expect(await whole.rest()).to.equal(
      `+OK\r\n+QUEUED\r\n+QUEUED\r\n${crossed}+OK\r\n+OK\r\n+QUEUED\r\n${crossed}$-1\r\n+OK\r\n`,
    );
  });
});

/** One turn of the event loop and of the sockets. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits for a condition; the test's own time limit ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
