/** What only the transport over gRPC can meet: other clusters, wrong secrets, garbage, and wires that go dead. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { Client, type ClientDuplexStream, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { encodeFrame } from '../../../peer/transport/codec.js';
import {
  asItIs,
  channelCredentials,
  EXCHANGE_PATH,
  WINDOW_BYTES,
} from '../../../peer/transport/grpc-service.js';
import { callerMetadata, type Hello } from '../../../peer/transport/hello.js';
import { LANES, type Lane } from '../../../peer/transport/message-forms.js';
import type { PeerEndpoint } from '../../../peer/transport/transport.js';
import { GrpcHarness } from '../../conformance/transport-harnesses.js';
import {
  ack,
  ask,
  CLUSTER,
  Ears,
  echo,
  failed,
  numberIn,
  told,
  until,
} from '../../conformance/transport-peers.js';

const LONG_MS = 8000;
const impatient = { limits: { connectWaitMs: 150 } };

const A: Hello = { cluster: CLUSTER, id: 'a', process: 'a/1' };

describe('gRPC transport', () => {
  let harness: GrpcHarness;
  const cleanUp: (() => void)[] = [];
  beforeEach(() => {
    harness = new GrpcHarness();
  });
  afterEach(async () => {
    for (const clean of cleanUp.splice(0)) clean();
    await harness.stop();
  });

  /** A stream of our own to a peer, to say what no peer would. */
  function rawStream(
    to: PeerEndpoint,
    metadata: Metadata,
  ): { call: ClientDuplexStream<Buffer, Buffer>; end: Promise<StatusObject> } {
    const client = new Client(`127.0.0.1:${to.peerPort}`, channelCredentials());
    const call = client.makeBidiStreamRequest(EXCHANGE_PATH, asItIs, asItIs, metadata);
    call.on('error', () => {});
    call.on('data', () => {});
    cleanUp.push(() => client.close());
    const end = new Promise<StatusObject>((resolve) => call.on('status', resolve));
    return { call, end };
  }

  /** Both streams of a connection. */
  function rawConnection(to: PeerEndpoint, hello: Hello) {
    const open = (lane: Lane) =>
      rawStream(to, callerMetadata(hello, to.id, { lane, connection: '7' }, harness.secret));
    return { urgent: open('urgent'), bulk: open('bulk') };
  }

  describe('refuses', () => {
    const cases = [
      {
        what: 'another secret',
        others: { secret: 'another secret, of the right length' },
        reason: 'the secret is wrong',
      },
      { what: 'no secret', others: { secret: null }, reason: 'the secret is wrong' },
      { what: 'another cluster', others: { cluster: 'other' }, reason: 'belongs to the cluster other' },
    ];
    for (const { what, others, reason } of cases) {
      it(`${what}, and says so once`, async () => {
        const a = await harness.start('a', new Ears(echo), { ...impatient, ...others });
        const b = await harness.start('b', new Ears(), impatient);
        a.transport.setPeers([b.endpoint]);
        b.transport.setPeers([a.endpoint]);
        expect(await a.transport.call('b', ask(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
        expect(await b.transport.call('a', ask(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
        const refused = harness.log.warnings.filter((line) => line.startsWith('refused'));
        expect(refused).to.have.length(1);
        expect(refused[0]).to.include(reason);
      });
    }

    it('a peer that means another one', async () => {
      const a = await harness.start('a', new Ears(echo), impatient);
      const b = await harness.start('b', new Ears());
      a.transport.setPeers([{ ...b.endpoint, id: 'c' }]);
      expect(await a.transport.call('c', ask(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
      expect(harness.log.warnings.join()).to.include('this is peer b, not c');
    });

    it('what is no peer, with a status that says why', async () => {
      const b = await harness.start('b', new Ears());
      const code = async (hello: Hello, secret: string | null, without?: string) => {
        const metadata = callerMetadata(hello, 'b', { lane: 'bulk', connection: '1' }, secret);
        if (without !== undefined) metadata.remove(without);
        return (await rawStream(b.endpoint, metadata).end).code;
      };
      expect(await code(A, null)).to.equal(status.UNAUTHENTICATED);
      for (const name of ['id', 'cluster', 'process', 'lane', 'connection']) {
        expect(await code(A, harness.secret, `covey-${name}`), name).to.equal(status.INVALID_ARGUMENT);
      }
      expect(await code({ ...A, process: 'with space' }, harness.secret)).to.equal(status.INVALID_ARGUMENT);
      expect(await code({ ...A, id: 'z' }, harness.secret)).to.equal(status.FAILED_PRECONDITION);
    });

    it('a stream whose other lane does not come', async () => {
      const b = await harness.start('b', new Ears(), { limits: { dialMs: 50, maxHalves: 1 } });
      const metadata = (connection: string) =>
        callerMetadata(A, 'b', { lane: 'urgent', connection }, harness.secret);
      const ends = ['1', '2'].map((connection) => rawStream(b.endpoint, metadata(connection)).end);
      const codes = (await Promise.all(ends)).map(({ code }) => code);
      expect(codes).to.deep.equal([status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED]);
    });

    it('another process of a peer, while the one that the map names is connected', async () => {
      const ears = new Ears();
      const b = await harness.start('b', ears);
      const one = await harness.start('a', new Ears());
      const two = await harness.start('a', new Ears(), { process: 'a/2' });
      b.transport.setPeers([one.endpoint]);
      one.transport.setPeers([b.endpoint]);
      await until(() => one.transport.send('b', []));
      two.transport.setPeers([b.endpoint]);
      await until(() => harness.log.warnings.some((line) => line.includes('a/1 of peer a is connected')));
      expect([one.transport.send('b', []), ears.lost]).to.deep.equal([true, []]);

      b.transport.setPeers([two.endpoint]);
      await until(() => two.transport.send('b', []) && !one.transport.send('b', []));
      expect(two.transport.send('b', [ack('a', 2)])).to.equal(true);
      await until(() => ears.acks.length === 1);
    });

    it('who comes from another machine, if there is no secret', async function () {
      const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
      const outside = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
      if (!outside) this.skip();
      const a = await harness.start('a', new Ears(echo), { ...impatient, secret: null });
      const b = await harness.start('b', new Ears(echo), { secret: null, host: '0.0.0.0' });
      a.transport.setPeers([{ ...b.endpoint, host: outside.address }]);
      expect(await a.transport.call('b', ask(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
      a.transport.setPeers([{ ...b.endpoint, host: '127.0.0.1' }]);
      expect(await a.transport.call('b', ask(2), LONG_MS)).to.deep.equal(told(2));
    });
  });

  describe('stands', () => {
    for (const lane of LANES) {
      it(`garbage in place of a batch in the ${lane} lane: drops that connection, serves the others`, async () => {
        const ears = new Ears(echo);
        const b = await harness.start('b', ears);
        const c = await harness.start('aa', new Ears());
        c.transport.setPeers([b.endpoint]);
        const streams = rawConnection(b.endpoint, A);
        await Promise.all(LANES.map((each) => once(streams[each].call, 'metadata')));
        streams[lane].call.write(Buffer.from('not a batch'));
        for (const each of LANES) expect((await streams[each].end).code).to.equal(status.ABORTED);
        expect(harness.log.errors).to.have.length(1);
        expect(ears.lost).to.deep.equal(['a']);
        expect(await c.transport.call('b', ask(1), LONG_MS)).to.deep.equal(told(1));
      });
    }

    it('replies that nobody asked for', async () => {
      const b = await harness.start('b', new Ears(echo));
      const { urgent, bulk } = rawConnection(b.endpoint, A);
      await Promise.all([once(urgent.call, 'metadata'), once(bulk.call, 'metadata')]);
      bulk.call.write(encodeFrame({ kind: 'reply', id: 77, reply: told(1) }));
      bulk.call.write(encodeFrame({ kind: 'no-reply', id: 78, reason: 'failed' }));
      bulk.call.write(encodeFrame({ kind: 'request', id: 1, request: ask(5) }));
      const [answer] = (await once(bulk.call, 'data')) as [Buffer];
      expect(answer).to.deep.equal(encodeFrame({ kind: 'reply', id: 1, reply: told(5) }));
    });

    it('one lane that breaks: so does the other', async () => {
      const ears = new Ears();
      const b = await harness.start('b', ears);
      const { urgent, bulk } = rawConnection(b.endpoint, A);
      await Promise.all([once(urgent.call, 'metadata'), once(bulk.call, 'metadata')]);
      urgent.call.cancel();
      expect((await bulk.end).code).to.equal(status.ABORTED);
      expect(ears.lost).to.deep.equal(['a']);
    });

    it('bytes on its port that are not HTTP/2', async () => {
      const b = await harness.start('b', new Ears(echo));
      const a = await harness.start('a', new Ears());
      const socket = net.connect(b.endpoint.peerPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.end('GET / HTTP/1.1\r\n\r\n\0\0\0garbage');
      socket.resume();
      await once(socket, 'close');
      a.transport.setPeers([b.endpoint]);
      expect(await a.transport.call('b', ask(1), LONG_MS)).to.deep.equal(told(1));
    });

    it('a flood: declines what is over its limits, and goes on', async () => {
      let asked = 0;
      const open: (() => void)[] = [];
      const slow = new Ears((_, request) => {
        asked++;
        return new Promise((resolve) => open.push(() => resolve(told(numberIn(request)))));
      });
      const b = await harness.start('b', slow, { limits: { maxAnswering: 10 } });
      const a = await harness.start('a', new Ears());
      a.transport.setPeers([b.endpoint]);
      const calls = Array.from({ length: 30 }, (_, n) => a.transport.call('b', ask(n), LONG_MS));
      const declined = await Promise.all(calls.slice(10));
      expect(declined).to.deep.equal(declined.map(() => failed('overloaded', false)));
      for (const answer of open) answer();
      expect(await Promise.all(calls.slice(0, 10))).to.deep.equal(calls.slice(0, 10).map((_, n) => told(n)));
      expect(asked).to.equal(10);
    });
  });

  it('soon notices that the wire has gone dead, and is back soon after it was mended', async () => {
    const ears = { a: new Ears(), b: new Ears() };
    const a = await harness.start('a', ears.a);
    const b = await harness.start('b', ears.b);
    const wire = await startWire(b.endpoint.peerPort);
    cleanUp.push(() => wire.close());
    a.transport.setPeers([{ ...b.endpoint, peerPort: wire.port }]);
    b.transport.setPeers([a.endpoint]);
    await until(() => a.transport.send('b', []) && b.transport.send('a', []));

    const cutMs = performance.now();
    wire.cut();
    await until(() => ears.a.lost.length > 0 && ears.b.lost.length > 0);
    expect(performance.now() - cutMs).to.be.within(1500, 5000);
    // Whoever dials meets the cut too.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(a.transport.send('b', [])).to.equal(false);

    const mendMs = performance.now();
    wire.mend();
    await until(() => a.transport.send('b', [ack('a', 1)]) && b.transport.send('a', [ack('b', 2)]));
    await until(() => ears.a.acks.length > 0 && ears.b.acks.length > 0);
    expect(performance.now() - mendMs).to.be.below(4000);
    expect([ears.a.lost, ears.b.lost]).to.deep.equal([['b'], ['a']]);
  });

  it('opens its window wide to who calls, of the stream and of the connection', async () => {
    const b = await harness.start('b', new Ears());
    const sessions = LANES.map((lane) => {
      const session = connect(`http://127.0.0.1:${b.endpoint.peerPort}`);
      cleanUp.push(() => session.destroy());
      const metadata = callerMetadata(A, 'b', { lane, connection: '9' }, harness.secret);
      session.request({
        ':method': 'POST',
        ':path': EXCHANGE_PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...metadata.toHttp2Headers(),
      });
      return session;
    });
    const isWide = ({ remoteSettings, state }: ClientHttp2Session) =>
      remoteSettings.initialWindowSize === WINDOW_BYTES && (state.remoteWindowSize ?? 0) >= WINDOW_BYTES;
    await until(() => sessions.every(isWide));
  });

  it('keeps no handle after it has closed', async () => {
    const open = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length;
    // mocha sets its own timer only after the synchronous part.
    await new Promise((resolve) => setImmediate(resolve));
    const before = open();
    const own = new GrpcHarness();
    const a = await own.start('a', new Ears(echo));
    const b = await own.start('b', new Ears(echo));
    a.transport.setPeers([b.endpoint, { ...b.endpoint, id: 'nobody', peerPort: 1 }]);
    b.transport.setPeers([a.endpoint]);
    expect(await b.transport.call('a', ask(1), LONG_MS)).to.deep.equal(told(1));
    void a.transport.call('nobody', ask(1), LONG_MS);
    await own.stop();
    while (open() > before) await new Promise((resolve) => setImmediate(resolve));
  });
});

/** A TCP proxy that can stop passing bytes on, as a cable that is pulled: nobody is told, and who connects waits. */
async function startWire(
  toPort: number,
): Promise<{ port: number; cut(): void; mend(): void; close(): void }> {
  const sockets = new Set<net.Socket>();
  let isCut = false;
  const server = net.createServer((near) => {
    const far = net.connect(toPort, '127.0.0.1');
    if (!isCut) near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    cut() {
      isCut = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    mend() {
      isCut = false;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
