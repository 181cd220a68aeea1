/** What only the transport over gRPC can meet: other clusters, wrong secrets, garbage, and wires that go dead. */
import { once } from 'node:events';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { Client, type ClientDuplexStream, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { encodeBatch } from '../../../peer/transport/codec.js';
import { asItIs, channelCredentials, EXCHANGE_PATH } from '../../../peer/transport/grpc-service.js';
import { callerMetadata } from '../../../peer/transport/hello.js';
import type { PeerAddress } from '../../../peer/transport/transport.js';
import { echo, failed, release, released, unasked, until } from '../../conformance/transport.js';
import { GrpcHarness } from '../../conformance/transport-harnesses.js';

const LONG_MS = 8000;
const impatient = { limits: { connectWaitMs: 150 } };

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
    to: PeerAddress,
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
        const a = await harness.start('a', echo, { ...impatient, ...others });
        const b = await harness.start('b', unasked, impatient);
        a.transport.setPeers([b.address]);
        b.transport.setPeers([a.address]);
        expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(
          failed('not-connected', false),
        );
        expect(await b.transport.call('a', release(1), LONG_MS)).to.deep.equal(
          failed('not-connected', false),
        );
        const refused = harness.log.warnings.filter((line) => line.startsWith('refused'));
        expect(refused).to.have.length(1);
        expect(refused[0]).to.include(reason);
      });
    }

    it('a peer that means another one', async () => {
      const a = await harness.start('a', echo, impatient);
      const b = await harness.start('b', unasked);
      a.transport.setPeers([{ ...b.address, id: 'c' }]);
      expect(await a.transport.call('c', release(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
      expect(harness.log.warnings.join()).to.include('this is peer b, not c');
    });

    it('what is no peer, with a status that says why', async () => {
      const b = await harness.start('b', unasked);
      const self = { cluster: 'test', id: 'a', instance: 1 };
      const nameless = callerMetadata(self, 'b', harness.secret);
      nameless.remove('covey-id');
      const higher = callerMetadata({ ...self, id: 'z' }, 'b', harness.secret);
      expect((await rawStream(b.address, callerMetadata(self, 'b', null)).end).code).to.equal(
        status.UNAUTHENTICATED,
      );
      expect((await rawStream(b.address, nameless).end).code).to.equal(status.INVALID_ARGUMENT);
      expect((await rawStream(b.address, higher).end).code).to.equal(status.FAILED_PRECONDITION);
    });

    it('who comes from another machine, if there is no secret', async function () {
      const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
      const outside = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
      if (!outside) this.skip();
      const a = await harness.start('a', echo, { ...impatient, secret: null });
      const b = await harness.start('b', echo, { secret: null, host: '0.0.0.0' });
      a.transport.setPeers([{ ...b.address, host: outside.address }]);
      expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(failed('not-connected', false));
      a.transport.setPeers([{ ...b.address, host: '127.0.0.1' }]);
      expect(await a.transport.call('b', release(2), LONG_MS)).to.deep.equal(released(2));
    });
  });

  describe('stands', () => {
    it('garbage in place of a batch: drops that stream, serves the others', async () => {
      const b = await harness.start('b', echo);
      const c = await harness.start('aa', unasked);
      c.transport.setPeers([b.address]);
      const { call, end } = rawStream(
        b.address,
        callerMetadata({ cluster: 'test', id: 'a', instance: 1 }, 'b', harness.secret),
      );
      await once(call, 'metadata');
      call.write(Buffer.from('not a batch'));
      expect((await end).code).to.equal(status.ABORTED);
      expect(harness.log.errors).to.have.length(1);
      expect(await c.transport.call('b', release(1), LONG_MS)).to.deep.equal(released(1));
    });

    it('replies that nobody asked for', async () => {
      const b = await harness.start('b', echo);
      const { call } = rawStream(
        b.address,
        callerMetadata({ cluster: 'test', id: 'a', instance: 1 }, 'b', harness.secret),
      );
      await once(call, 'metadata');
      call.write(
        encodeBatch([
          { kind: 'reply', id: 77, reply: released(1) },
          { kind: 'no-reply', id: 78, reason: 'failed' },
        ]),
      );
      call.write(encodeBatch([{ kind: 'request', id: 1, request: release(5) }]));
      const [answer] = (await once(call, 'data')) as [Buffer];
      expect(answer.equals(encodeBatch([{ kind: 'reply', id: 1, reply: released(5) }]))).to.equal(true);
    });

    it('bytes on its port that are not HTTP/2', async () => {
      const b = await harness.start('b', echo);
      const a = await harness.start('a', unasked);
      const socket = net.connect(b.address.peerPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.end('GET / HTTP/1.1\r\n\r\n\0\0\0garbage');
      socket.resume();
      await once(socket, 'close');
      a.transport.setPeers([b.address]);
      expect(await a.transport.call('b', release(1), LONG_MS)).to.deep.equal(released(1));
    });

    it('a flood: declines what is over its limits, and goes on', async () => {
      let asked = 0;
      const open: (() => void)[] = [];
      const slow = (_: string, { epoch }: { epoch: number }) => {
        asked++;
        return new Promise<ReturnType<typeof released>>((resolve) =>
          open.push(() => resolve(released(epoch))),
        );
      };
      const b = await harness.start('b', slow, { limits: { maxAnswering: 10 } });
      const a = await harness.start('a', unasked);
      a.transport.setPeers([b.address]);
      const calls = Array.from({ length: 30 }, (_, n) => a.transport.call('b', release(n), LONG_MS));
      const declined = await Promise.all(calls.slice(10));
      expect(declined).to.deep.equal(declined.map(() => failed('overloaded', false)));
      for (const answer of open) answer();
      expect(await Promise.all(calls.slice(0, 10))).to.deep.equal(
        calls.slice(0, 10).map((_, n) => released(n)),
      );
      expect(asked).to.equal(10);
    });
  });

  for (const stalled of ['a', 'b'] as const) {
    it(`soon notices that the wire has gone dead, when ${stalled} waits for an answer, and connects anew`, async () => {
      let hanging = 0;
      const hang = () => {
        hanging++;
        return new Promise<never>(() => {});
      };
      let handler: typeof hang | typeof echo = hang;
      const a = await harness.start('a', (from, request) => handler(from, request));
      const b = await harness.start('b', (from, request) => handler(from, request));
      const wire = await startWire(b.address.peerPort);
      cleanUp.push(() => wire.close());
      a.transport.setPeers([{ ...b.address, peerPort: wire.port }]);
      b.transport.setPeers([a.address]);

      const [asker, asked] = stalled === 'a' ? [a, 'b'] : [b, 'a'];
      const call = asker.transport.call(asked, release(1), LONG_MS);
      await until(() => hanging === 1);
      const cutMs = performance.now();
      wire.freeze();
      expect(await call).to.deep.equal(failed('connection-lost', true));
      expect(performance.now() - cutMs).to.be.below(4000);

      handler = echo;
      expect(await asker.transport.call(asked, release(2), LONG_MS)).to.deep.equal(released(2));
    });
  }

  it('keeps no handle after it has closed', async () => {
    const open = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length;
    // mocha sets its own timer only after the synchronous part.
    await new Promise((resolve) => setImmediate(resolve));
    const before = open();
    const own = new GrpcHarness();
    const a = await own.start('a', echo);
    const b = await own.start('b', echo);
    a.transport.setPeers([b.address, { ...b.address, id: 'nobody', peerPort: 1 }]);
    b.transport.setPeers([a.address]);
    expect(await b.transport.call('a', release(1), LONG_MS)).to.deep.equal(released(1));
    void a.transport.call('nobody', release(1), LONG_MS);
    await own.stop();
    while (open() > before) await new Promise((resolve) => setImmediate(resolve));
  });
});

/** A TCP proxy that can stop passing bytes on, as a cable that is pulled: nobody is told. New connections pass. */
async function startWire(toPort: number): Promise<{ port: number; freeze(): void; close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect(toPort, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    freeze() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
