/** An orchestrator's connection to a peer, both ends, over a socket. */
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { MAX_CONTROL_BYTES, reportsText } from '../../common/control.js';
import type { ReportEnvelope } from '../../common/control-messages.js';
import { CONTROL_TARGET, type Delivery, DeliveryWriter } from '../../common/control-stream.js';
import { HTTP_LIMITS, type HttpServer, startHttpServer } from '../../common/http-server.js';
import { type Connection, dialPeer } from '../../orchestrator/peer-connection.js';
import { controlTunnel } from '../../peer/control-tunnel.js';
import { eventually, SECRET } from './orchestrator-harness.js';

const PONG: ReportEnvelope = {
  ...{ clusterId: 'covey', from: 'a', fromInc: 1, storeId: 's', addr: '127.0.0.1:1/2', ver: 0 },
  body: { type: 'pong', n: 4, active: [], promised: 0 },
};
const ping = (n: number) => new DeliveryWriter().write([{ ...HEAD, body: { type: 'ping', n } }]);
const HEAD = { clusterId: 'covey', from: 'o1', ver: 0 };

describe('the connection from an orchestrator to a peer', () => {
  let server: HttpServer;
  let connection: Connection | undefined;
  const told: Delivery[] = [];
  const outcomes: (readonly ReportEnvelope[] | string | null)[] = [];
  let answer: () => Promise<string>;

  const start = async (secret: string | null) => {
    const deliver = (delivery: Delivery) => {
      told.push(delivery);
      return answer();
    };
    const tunnel = controlTunnel({ secret, deliver });
    server = await startHttpServer(new Koa(), '127.0.0.1', 0, HTTP_LIMITS, tunnel);
  };
  const dial = (secret: string | null = SECRET) => {
    const events = {
      answered: (reports: readonly ReportEnvelope[]) => outcomes.push(reports),
      ended: (fault: string | null) => outcomes.push(fault),
    };
    connection = dialPeer({ host: '127.0.0.1', port: server.port, peerPort: 1 }, secret, events);
    return connection;
  };
  const outcome = (count: number) => eventually(() => expect(outcomes).to.have.length(count));

  beforeEach(() => {
    told.length = 0;
    outcomes.length = 0;
    answer = () => Promise.resolve(reportsText([PONG]));
  });

  afterEach(async () => {
    connection?.close();
    connection = undefined;
    await server.close(0);
  });

  it('carries deliveries and their answers, one after another', async () => {
    await start(SECRET);
    const to = dial();
    for (let n = 1; n <= 3; n++) {
      to.send(ping(n));
      await outcome(n);
    }
    expect(told.map(({ envelopes }) => envelopes[0]?.body)).to.deep.equal(
      [1, 2, 3].map((n) => ({ type: 'ping', n })),
    );
    expect(outcomes).to.deep.equal([[PONG], [PONG], [PONG]]);
  });

  it('carries what is as large as the largest map', async () => {
    await start(SECRET);
    const ids = Array.from({ length: 10_000 }, (_, i) => `peer-${i}-${'x'.repeat(40)}`);
    const peers = new Map(ids.map((id) => [id, { storeId: 's'.repeat(100), inc: 1, addr: '127.0.0.1:1/2' }]));
    const map = { clusterId: 'covey', ver: 1, peers, parts: [] };
    dial().send(new DeliveryWriter().write([{ ...HEAD, body: { type: 'map', map } }]));
    await outcome(1);
    expect(told[0]?.envelopes).to.deep.equal([{ ...HEAD, body: { type: 'map', map } }]);
  });

  it('is refused to whoever does not carry the secret', async () => {
    await start(SECRET);
    for (const secret of ['another-secret-than-that', null]) {
      dial(secret).send(ping(1));
    }
    await outcome(2);
    expect(outcomes).to.deep.equal(['it answers 401', 'it answers 401']);
    expect(told).to.deep.equal([]);
  });

  it('is refused to web pages, other targets and, without a secret, other names', async () => {
    await start(null);
    const ask = (path: string, headers: Record<string, string> = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const call = request({ method: 'CONNECT', host: '127.0.0.1', port: server.port, path, headers });
        call.on('connect', ({ statusCode }, socket) => {
          socket.destroy();
          resolve(statusCode);
        });
        call.on('error', reject);
        call.end();
      });
    expect(await ask(CONTROL_TARGET, { host: '127.0.0.1' })).to.equal(200);
    expect(await ask(CONTROL_TARGET, { host: '127.0.0.1', origin: 'http://127.0.0.1' })).to.equal(403);
    expect(await ask(CONTROL_TARGET, { host: 'evil.example' })).to.equal(403);
    expect(await ask('example.org:80', { host: '127.0.0.1' })).to.equal(405);
  });

  it('ends where a delivery is none, or does not end', async () => {
    await start(null);
    for (const said of ['nonsense', '{"envelopes":[{}]}']) dial(null).send(said);
    await outcome(2);
    expect(outcomes).to.deep.equal(Array(2).fill('its answer is no list of reports'));
    dial(null).send('x'.repeat(MAX_CONTROL_BYTES + 1));
    await outcome(3);
    expect(outcomes[2]).to.be.a('string');
    expect(told).to.deep.equal([]);
  });

  it('ends where no answer comes in time, and at the end of the server', async () => {
    await start(null);
    answer = () => new Promise(() => undefined);
    dial(null).send(ping(1));
    await outcome(1);
    expect(outcomes[0]).to.match(/^no answer within/);
    answer = () => Promise.resolve(reportsText([]));
    dial(null).send(ping(2));
    await outcome(2);
    await server.close(0);
    await outcome(3);
    expect(outcomes.slice(1)).to.deep.equal([[], null]);
  });

  it('tells of an address where nobody is', async () => {
    await start(null);
    await server.close(0);
    dial(null).send(ping(1));
    await outcome(1);
    expect(outcomes[0]).to.contain('ECONNREFUSED');
  });

  it('answers a delivery that comes in pieces, and reads none while one is being answered', async () => {
    await start(null);
    let release: (text: string) => void = () => undefined;
    answer = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const socket = await opened();
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    const text = `${ping(1)}\n`;
    socket.write(text.slice(0, 9));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(text.slice(9) + text);
    await eventually(() => expect(told).to.have.length(1));
    release(reportsText([]));
    await eventually(() => expect(told).to.have.length(2));
    release(reportsText([]));
    await eventually(() => expect(heard.endsWith('{"reports":[]}\n{"reports":[]}\n')).to.equal(true));
    socket.destroy();
  });

  it('keeps no connection of whoever was refused, whether they stay or go', async () => {
    await start(SECRET);
    const staying = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [staying, connect(server.port, '127.0.0.1')]) {
      socket.write('CONNECT example.org:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      const answer = await new Promise((resolve) =>
        socket.once('data', (chunk) => resolve(chunk.toString())),
      );
      expect(answer).to.match(/^HTTP\/1\.1 405 /);
      socket.resume();
    }
    await eventually(async () => expect(await server.connections()).to.equal(0));
    staying.destroy();
  });

  it('ends where the orchestrator ends its side', async () => {
    await start(null);
    const socket = await opened();
    // What is not read keeps a socket that has ended, and the process with it.
    socket.resume();
    socket.end();
    await eventually(async () => expect(await server.connections()).to.equal(0));
  });

  it('is not taken over any more while the server ends', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const app = new Koa().use(async (ctx) => {
      await released;
      ctx.body = 'done';
    });
    const tunnel = controlTunnel({ secret: null, deliver: () => answer() });
    server = await startHttpServer(app, '127.0.0.1', 0, HTTP_LIMITS, tunnel);
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await eventually(async () => expect(await server.connections()).to.equal(1));
    const closed = server.close(1_000);
    socket.once('data', () => socket.write(`CONNECT ${CONTROL_TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`));
    release();
    await closed;
  });

  function opened(): Promise<Socket> {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`CONNECT ${CONTROL_TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    return new Promise((resolve) => socket.on('connect', () => resolve(socket)));
  }
});
