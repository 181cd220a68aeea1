import { expect } from 'chai';
import { MemoryNetwork } from '../../../peer/transport/memory-network.js';
import type { MemoryTransport } from '../../../peer/transport/memory-transport.js';
import type { RequestHandler } from '../../../peer/transport/transport.js';
import { echo, failed, release, released, unasked } from '../../conformance/transport.js';

const LONG_MS = 8000;

describe('memory network', () => {
  let network: MemoryNetwork;
  let open: MemoryTransport[];
  beforeEach(() => {
    network = new MemoryNetwork();
    open = [];
  });
  afterEach(() => Promise.all(open.map((transport) => transport.close())));

  async function pair(handlerB: RequestHandler): Promise<MemoryTransport> {
    const [a, b] = ['a', 'b'].map((id) => network.transport({ id, instance: 1 })) as [
      MemoryTransport,
      MemoryTransport,
    ];
    open.push(a, b);
    await a.listen(unasked);
    await b.listen(handlerB);
    const addresses = open.map(({ id, instance }) => ({ id, instance, host: '127.0.0.1', peerPort: 1 }));
    for (const transport of open) transport.setPeers(addresses);
    return a;
  }

  it('loses what is on its way when a pair is cut, and connects again when it is healed', async () => {
    const a = await pair(echo);
    const lost = a.call('b', release(1), LONG_MS);
    network.cut('b', 'a');
    expect(await lost).to.deep.equal(failed('connection-lost', true));
    expect(await a.call('b', release(2), 20)).to.deep.equal(failed('deadline', false));
    const waits = a.call('b', release(3), LONG_MS);
    network.heal('a', 'b');
    expect(await waits).to.deep.equal(released(3));
  });

  it('gives no answer of one connection to a call of the next', async () => {
    const answers: (() => void)[] = [];
    const a = await pair(
      (_, { epoch }) => new Promise((resolve) => answers.push(() => resolve(released(epoch)))),
    );
    const first = a.call('b', release(1), LONG_MS);
    while (answers.length < 1) await new Promise((resolve) => setImmediate(resolve));
    network.cut('a', 'b');
    network.heal('a', 'b');
    const second = a.call('b', release(2), LONG_MS);
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    for (const answer of answers) answer();
    expect(await first).to.deep.equal(failed('connection-lost', true));
    expect(await second).to.deep.equal(released(2));
  });

  it('holds deliveries back while it is paused', async () => {
    const asked: number[] = [];
    const a = await pair((_, { epoch }) => {
      asked.push(epoch);
      return released(epoch);
    });
    network.pause();
    const calls = [1, 2, 3].map((n) => a.call('b', release(n), LONG_MS));
    expect(await a.call('b', release(4), 20)).to.deep.equal(failed('deadline', true));
    expect(asked).to.deep.equal([]);
    network.resume();
    expect(await Promise.all(calls)).to.deep.equal([released(1), released(2), released(3)]);
  });
});
