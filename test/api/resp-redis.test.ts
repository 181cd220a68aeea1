/**
 * The same scripts against redis-server and against the lane: the same bytes come back.
 *
 * Where redis-server is not installed the lane's answers are compared with nothing, so these tests are not defined; CI
 * installs it. What is left out on purpose: HELLO, INFO, CLIENT LIST and COMMAND INFO, which speak of the server itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { type Clock, systemClock } from '../../common/clock.js';
import { freePorts } from '../../harness/ports.js';
import { CATALOGUE } from '../../peer/resp/commands/catalogue.js';
import { frame, RawClient, startLane, startTwoLanes } from './resp-harness.js';
import { BROKEN, SCRIPTS, type Step } from './resp-scripts.js';

const installed = spawnSync('redis-server', ['--version']).status === 0;

/** Answers end with this one, which nothing else is. */
const MARK = 'end-of-script-5f1d';
const MARK_REPLY = `$${MARK.length}\r\n${MARK}\r\n`;
/** What the answer to HELLO ends with. */
const HELLO_END = 'modules\r\n*0\r\n';

/** Times to live are reckoned against one moment, since redis-server takes an absolute time as it stands. */
const stillMs = Date.now();
const STILL: Clock = { ...systemClock, wallMs: () => stillMs };

let answers = 0;

const WAYS = [
  { name: 'at once', later: undefined },
  { name: 'later', later: (answer: () => void) => void setImmediate(answer) },
  {
    name: 'out of order',
    later: (answer: () => void) => void (answers++ % 2 === 0 ? setTimeout(answer, 1) : setImmediate(answer)),
  },
];

if (installed) {
  describe('the Redis lane next to redis-server', function () {
    this.timeout(30_000);
    let redis: ChildProcess;
    let redisPort: number;

    before(async () => {
      [redisPort = 0] = await freePorts(1);
      const options = ['--port', String(redisPort), '--save', '', '--appendonly', 'no'];
      redis = spawn('redis-server', options, { stdio: 'ignore' });
      while (!(await serves(redisPort))) await pause(20);
    });

    after(async () => {
      redis.kill();
      await once(redis, 'exit');
    });

    for (const { name: way, later } of WAYS) {
      for (const protocol of [2, 3]) {
        for (const { name, steps } of SCRIPTS) {
          it(`${name} (RESP${protocol}, the store answers ${way})`, async () => {
            const lane = await startLane(later ? { later, clock: STILL } : { clock: STILL });
            try {
              await run(redisPort, 2, ['FLUSHALL']);
              const theirs = await run(redisPort, protocol, steps);
              sameText(await run(lane.port, protocol, steps), theirs);
            } finally {
              await lane.server.close(0);
            }
          });
        }
      }
    }

    it('describes its commands as redis-server does', async () => {
      const lane = await startLane();
      const shown = CATALOGUE.filter(({ keys, group }) => keys.step > 0 || group !== 'connection');
      const known = shown.map(({ name }) => name).filter((name) => name !== 'post' && name !== 'host:');
      try {
        for (const name of known) {
          // Name, arity, flags, first key, last key and step: the flags end the part whose length is not known.
          const theirs = await run(redisPort, 2, [`COMMAND INFO ${name}`]);
          const ours = await run(lane.port, 2, [`COMMAND INFO ${name}`]);
          const head = (text: string) => /^(.*?(?::-?\d+\r\n){3})\*/s.exec(text)?.[1];
          expect(head(ours), name).to.be.a('string').and.to.equal(head(theirs));
        }
        expect(known.length).to.be.above(45);
      } finally {
        await lane.server.close(0);
      }
    });

    it('makes redis-cli and redis-benchmark content', async () => {
      const lanes = [await startLane(), ...(await startTwoLanes())];
      const [port, clusterPort] = lanes.map((lane) => String(lane.port)) as [string, string, string];
      try {
        expect(await output('redis-cli', ['-p', port, 'SET', 'a', 'b'])).to.equal('OK\n');
        expect(await output('redis-cli', ['-p', port, '-3', 'MGET', 'a', 'c'])).to.equal('b\n\n');
        expect(await output('redis-cli', ['-p', port, '--scan'])).to.equal('a\n');
        expect(await output('redis-cli', ['-c', '-p', port, 'INCR', 'n'])).to.equal('1\n');
        expect(await output('redis-cli', ['--cluster', 'check', `127.0.0.1:${clusterPort}`])).to.contain(
          '[OK] All 16384 slots covered.',
        );
        const benchmark = ['-n', '2000', '-c', '10', '-q', '-t', 'ping,set,get,incr,mset'];
        for (const more of [[], ['-P', '16', '-r', '1000'], ['--cluster'], ['-3']]) {
          const at = more[0] === '--cluster' ? clusterPort : port;
          const told = await output('redis-benchmark', ['-p', at, ...benchmark, ...more]);
          expect(told.match(/requests per second/g), more.join(' ')).to.have.length(6);
          expect(told.toLowerCase()).not.to.contain('error');
        }
      } finally {
        for (const { server } of lanes) await server.close(0);
      }
    });

    for (const bytes of BROKEN) {
      it(`refuses ${JSON.stringify(bytes.slice(0, 40))} in the same words`, async () => {
        const lane = await startLane();
        try {
          const theirs = await untilClosed(redisPort, bytes);
          expect(await untilClosed(lane.port, bytes)).to.equal(theirs);
        } finally {
          await lane.server.close(0);
        }
      });
    }
  });
}

/** The answers to a script, as one text. */
async function run(port: number, protocol: number, steps: readonly Step[]): Promise<string> {
  const client = await RawClient.to(port);
  if (protocol === 3) {
    client.send('HELLO 3\r\n');
    await client.until(() => client.ended || client.text.endsWith(HELLO_END));
    await client.take(client.text.length);
  }
  const bytes = steps.map((step) => (typeof step === 'string' ? Buffer.from(`${step}\r\n`) : frame(...step)));
  client.send(Buffer.concat([...bytes, frame('ECHO', MARK)]));
  await client.until(() => client.ended || client.text.endsWith(MARK_REPLY));
  const { text } = client;
  client.close();
  return text;
}

/** What a program prints; it must end well. */
async function output(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  expect(code, `${program}: ${text}`).to.equal(0);
  return text;
}

async function untilClosed(port: number, bytes: string): Promise<string> {
  const client = await RawClient.to(port);
  client.send(bytes);
  const text = await client.rest();
  client.close();
  return text;
}

/** Long answers, of which only the place where they part is worth reading. */
function sameText(ours: string, theirs: string): void {
  if (ours === theirs) return;
  let at = 0;
  while (ours[at] === theirs[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 120), at + 120);
  expect(around(ours)).to.equal(around(theirs));
}

async function serves(port: number): Promise<boolean> {
  try {
    const client = await RawClient.to(port);
    client.close();
    return true;
  } catch {
    return false;
  }
}
