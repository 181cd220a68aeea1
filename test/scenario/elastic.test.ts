/**
 * Peers come and leave cleanly while clients write: the real registry and the real peers, with only the wire and the
 * orchestrator's rounds replaced. Views reach the peers late and in different orders.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { systemClock } from '../../common/clock.js';
import type { View } from '../../common/view.js';
import { Registry } from '../../orchestrator/registry.js';
import { handOver } from '../../peer/leaving.js';
import { Node } from '../../peer/node.js';
import { MemoryNetwork } from '../../peer/transport/memory-network.js';
import type { MemoryTransport } from '../../peer/transport/memory-transport.js';
import { eventually } from '../cluster/cluster.js';
import { CLUSTER } from '../unit/peer/views.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const EVENTS = 8;
const WRITERS = 4;
const silent = { info: () => undefined, warn: () => undefined };

/** A small generator of numbers (mulberry32), so that a seed is the same run again as far as the event loop allows. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class World {
  readonly nodes = new Map<string, { node: Node; transport: MemoryTransport }>();
  private readonly open = new Set<string>();
  private readonly network = new MemoryNetwork();
  private readonly registry = new Registry(
    { cluster: CLUSTER, copies: 3, repairAfterMs: 10_000 },
    null,
    World.now(),
  );
  private made = 0;
  private stopped = false;

  constructor(private readonly random: () => number) {
    void this.rounds();
  }

  static now() {
    return { ms: performance.now(), wallMs: Date.now() };
  }

  /** A peer that takes clients. */
  pick(): Node {
    const ids = [...this.open];
    const id = ids[Math.floor(this.random() * ids.length)] as string;
    return (this.nodes.get(id) as { node: Node }).node;
  }

  get size(): number {
    return this.open.size;
  }

  async join(): Promise<void> {
    const id = `peer-${++this.made}`;
    const transport = this.network.transport({ id, instance: 1 });
    const options = {
      id,
      cluster: CLUSTER,
      instance: 1,
      orchestrator: 'http://127.0.0.1:1',
      requestMs: 5_000,
    };
    const node = new Node(options, transport, systemClock, silent);
    await transport.listen((from, request) => node.answer(from, request));
    const address = { host: '127.0.0.1', port: this.made, peerPort: 1_000 + this.made };
    const registration = { cluster: CLUSTER, id, ...address, instance: 1, weight: 1, view: null };
    expect(this.registry.register(registration, World.now())).to.equal(null);
    this.nodes.set(id, { node, transport });
    await eventually(async () => expect(node.readiness().every(({ ok }) => ok)).to.equal(true));
    this.open.add(id);
  }

  async leave(): Promise<void> {
    const ids = [...this.open];
    const id = ids[Math.floor(this.random() * ids.length)] as string;
    this.open.delete(id);
    const { node, transport } = this.nodes.get(id) as { node: Node; transport: MemoryTransport };
    const ask = async () => {
      const refusal = this.registry.leave({ cluster: CLUSTER, id, instance: 1 }, World.now());
      return refusal === null ? null : refusal.detail;
    };
    expect(await handOver(node, ask, systemClock.monotonicMs, silent)).to.equal('handed-over');
    this.nodes.delete(id);
    node.stop();
    await transport.close();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const { node, transport } of this.nodes.values()) {
      node.stop();
      await transport.close();
    }
  }

  /** What the orchestrator's rounds do, more often: ask each peer how it is, and bring it the view, sometimes late. */
  private async rounds(): Promise<void> {
    while (!this.stopped) {
      for (const [id, { node }] of this.nodes) {
        this.registry.answered(id, node.health(), World.now());
        if (this.random() < 0.5) this.deliver(node, this.registry.view);
      }
      this.registry.tick(World.now());
      await turn();
    }
  }

  private deliver(node: Node, view: View): void {
    setTimeout(() => node.follower.adopt(view), this.random() * 20);
  }
}

describe('peers that come and leave while clients write', function () {
  this.timeout(60_000);
  for (const seed of SEEDS) {
    it(`lose nothing and fail nothing (seed ${seed})`, async () => {
      const random = chance(seed);
      const world = new World(random);
      for (let i = 0; i < 3; i++) await world.join();
      const written = new Map<string, string>();
      const failures: string[] = [];
      let done = false;
      const writers = Array.from({ length: WRITERS }, (_, i) =>
        write(world, i, written, failures, () => done),
      );
      for (let i = 0; i < EVENTS; i++) {
        const crowded = world.size >= 6;
        if (world.size > 2 && (crowded || random() < 0.5)) await world.leave();
        else await world.join();
      }
      done = true;
      await Promise.all(writers);
      expect(failures).to.deep.equal([]);
      expect(written.size).to.be.above(50);
      for (const { node } of world.nodes.values()) expect(await unread(node, written)).to.deep.equal([]);
      await world.stop();
    });
  }
});

/** Writes keys of its own again and again through any peer, each a few times, and reads what it wrote. */
async function write(
  world: World,
  writer: number,
  written: Map<string, string>,
  failures: string[],
  done: () => boolean,
): Promise<void> {
  for (let i = 0; !done(); i++) {
    const key = `w${writer}-${i % 500}`;
    const text = String(i);
    const value = { bytes: Buffer.from(text), contentType: 'text/plain', encoding: '' };
    const { outcome } = await world.pick().execute({ type: 'put', key, value });
    if (outcome.type === 'written') written.set(key, text);
    else failures.push(`put ${key}: ${JSON.stringify(outcome)}`);
    const read = (await world.pick().execute({ type: 'get', key })).outcome;
    const found = read.type === 'found' ? read.record.bytes.toString() : read.type;
    if (found !== text) failures.push(`get ${key}: ${found} instead of ${text}`);
  }
}

async function unread(node: Node, written: ReadonlyMap<string, string>): Promise<string[]> {
  const keys = [...written.keys()];
  const answers = await node.executeMany(keys.map((key) => ({ type: 'get', key })));
  return keys.filter((key, i) => {
    const outcome = answers[i]?.outcome;
    return outcome?.type !== 'found' || outcome.record.bytes.toString() !== written.get(key);
  });
}
