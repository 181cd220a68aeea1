import { expect } from 'chai';
import { MemoryNetwork } from '../../../peer/transport/memory-network.js';
import type { MemoryTransport } from '../../../peer/transport/memory-transport.js';
import { ack, ask, CLUSTER, Ears, echo, failed, numberIn, told } from '../../conformance/transport-peers.js';

const LONG_MS = 8000;

describe('memory network', () => {
  let network: MemoryNetwork;
  let open: MemoryTransport[];
  beforeEach(() => {
    network = new MemoryNetwork();
    open = [];
  });
  afterEach(() => Promise.all(open.map((transport) => transport.close())));

  async function pair(earsB: Ears, earsA = new Ears()): Promise<MemoryTransport> {
    const make = (id: string) => network.transport({ id, cluster: CLUSTER, process: `${id}/1` });
    const [a, b] = [make('a'), make('b')];
    open.push(a, b);
    await a.listen(earsA);
    await b.listen(earsB);
    const endpoints = open.map(({ id, process }) => ({ id, process, host: '127.0.0.1', peerPort: 1 }));
    for (const transport of open) transport.setPeers(endpoints);
    return a;
  }

  it('loses what is on its way when a pair is cut, and connects again when it is healed', async () => {
    const [earsA, earsB] = [new Ears(), new Ears(echo)];
    const a = await pair(earsB, earsA);
    const lost = a.call('b', ask(1), LONG_MS);
    expect(a.send('b', [ack('a', 1)])).to.equal(true);
    network.cut('b', 'a');
    expect(await lost).to.deep.equal(failed('connection-lost', true));
    expect(a.send('b', [ack('a', 2)])).to.equal(false);
    expect(await a.call('b', ask(2), 20)).to.deep.equal(failed('deadline', false));
    const waits = a.call('b', ask(3), LONG_MS);
    network.heal('a', 'b');
    expect(a.send('b', [ack('a', 3)])).to.equal(true);
    expect(await waits).to.deep.equal(told(3));
    expect([earsA.lost, earsB.lost, earsB.acks]).to.deep.equal([['b'], ['a'], [3]]);
  });

  it('gives no answer of one connection to a call of the next', async () => {
    const answers: (() => void)[] = [];
    const a = await pair(
      new Ears(
        (_, request) => new Promise((resolve) => answers.push(() => resolve(told(numberIn(request))))),
      ),
    );
    const first = a.call('b', ask(1), LONG_MS);
    while (answers.length < 1) await new Promise((resolve) => setImmediate(resolve));
    network.cut('a', 'b');
    network.heal('a', 'b');
    const second = a.call('b', ask(2), LONG_MS);
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    for (const answer of answers) answer();
    expect(await first).to.deep.equal(failed('connection-lost', true));
    expect(await second).to.deep.equal(told(2));
  });

  it('holds deliveries back while it is paused', async () => {
    const asked: number[] = [];
    const ears = new Ears((_, request) => {
      asked.push(numberIn(request));
      return told(numberIn(request));
    });
    const a = await pair(ears);
    network.pause();
    const calls = [1, 2, 3].map((n) => a.call('b', ask(n), LONG_MS));
    a.send('b', [ack('a', 1)]);
    expect(await a.call('b', ask(4), 20)).to.deep.equal(failed('deadline', true));
    a.send('b', [ack('a', 2)]);
    expect([asked, ears.acks]).to.deep.equal([[], []]);
    network.resume();
    expect(await Promise.all(calls)).to.deep.equal([told(1), told(2), told(3)]);
    expect(ears.acks).to.deep.equal([1, 2]);
  });
});
