import { connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { until } from '../../harness/watching.js';
import { Relay } from './relay.js';

const WITHIN_MS = 5_000;

describe('the relay between peers', () => {
  let server: Server;
  let relay: Relay;
  let client: Socket;
  let delays: Record<string, number>;
  let received: string;
  let answered: string;

  beforeEach(async () => {
    delays = {};
    received = '';
    answered = '';
    relay = new Relay((from, to) => delays[`${from}${to}`] ?? 0);
    server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        received += bytes.toString();
        socket.write(bytes);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const ends = async () => ({ from: 'a', to: 'b' });
    const entry = await relay.listen('127.0.0.1', 0, { host: '127.0.0.1', port }, ends);
    client = connect(entry, '127.0.0.1');
    client.on('error', () => client.destroy());
    client.on('data', (bytes) => {
      answered += bytes.toString();
    });
  });

  afterEach(() => {
    client.destroy();
    relay.close();
    server.close();
  });

  async function comes(what: () => string, text: string): Promise<void> {
    const seen = await until(async () => (what() === text ? null : what()), WITHIN_MS);
    expect(seen, `instead of ${text}`).to.equal(null);
  }

  it('passes bytes on, both ways', async () => {
    client.write('hello');
    await comes(() => answered, 'hello');
  });

  it('holds back what one sends while that direction is cut, and delivers it after', async () => {
    client.write('1');
    await comes(() => answered, '1');
    delays = { ab: Number.POSITIVE_INFINITY };
    client.write('2');
    // What the other direction does in this time tells that the first is cut, not slow.
    const free = until(async () => (received === '1' ? 'nothing' : null), 200);
    expect(await free).to.equal('nothing');
    delays = {};
    await comes(() => answered, '12');
  });

  it('lets one direction go on while the other is cut', async () => {
    client.write('1');
    await comes(() => answered, '1');
    delays = { ba: Number.POSITIVE_INFINITY };
    client.write('2');
    await comes(() => received, '12');
    expect(answered).to.equal('1');
    delays = {};
    await comes(() => answered, '12');
  });

  it('delivers late, in order', async () => {
    delays = { ab: 150 };
    const startedMs = performance.now();
    for (const each of ['1', '2', '3']) client.write(each);
    await comes(() => received, '123');
    expect(performance.now() - startedMs).to.be.at.least(150);
  });

  it('breaks connections when told to', async () => {
    client.write('1');
    await comes(() => answered, '1');
    relay.reset();
    expect(await until(async () => (client.destroyed ? null : 'open'), WITHIN_MS)).to.equal(null);
  });
});
