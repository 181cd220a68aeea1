/** How much is held and sent at once, whatever is asked for. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap, type PartitionConfig } from '../../../common/configuration.js';
import { type Change, MAX_TRANSACTION_KEYS, type Write } from '../../../peer/replication/commands.js';
import { sizeOfEntries } from '../../../peer/replication/entry.js';
import type { Effects, StoreBatch } from '../../../peer/replication/machine.js';
import type { PeerMessage } from '../../../peer/replication/messages.js';
import { ReplicationNode } from '../../../peer/replication/node.js';
import { DEFAULT_SETTINGS, retryAfterMs } from '../../../peer/replication/settings.js';
import { StoredImage } from '../../simulator/image.js';

const MiB = 1024 * 1024;

function put(key: string, bytes: number): Change {
  return { kind: 'put', key, value: { bytes: Buffer.alloc(bytes), type: 't' } };
}

/** Peer `a`, which leads partitions 0 and 1 alone; `c` learns partition 0. */
class Bench {
  readonly image = new StoredImage('a1', 'test');
  readonly node: ReplicationNode;
  nowMs = 1_000;
  private n = 0;
  private sent: PeerMessage[] = [];
  private batches: StoreBatch[] = [];

  constructor(settings = DEFAULT_SETTINGS) {
    this.image.inc = 1;
    this.image.map = mapOf();
    this.node = new ReplicationNode('a', this.image.load(), this.image, settings, this.clock());
    this.turn();
  }

  /** Writes, and stores nothing; returns what came of it, if that is known. */
  write(partition: number, key: string, bytes: number): unknown {
    return this.ask(partition, put(key, bytes));
  }

  /** The same for any write. */
  ask(partition: number, command: Write): unknown {
    const n = ++this.n;
    const tag = { session: 'a/a1/1', n, fi: n };
    this.node.step(this.clock(), { type: 'write', id: n, partition, tag, command, idempotency: undefined });
    return this.take().replies.at(-1)?.outcome;
  }

  /** Everything is stored. */
  turn(): void {
    this.take();
    for (let store = this.batches.shift(); store !== undefined; store = this.batches.shift()) {
      this.image.apply(store);
      this.node.step(this.clock(), { type: 'stored', through: store.number });
      this.take();
    }
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.node.step(this.clock(), { type: 'tick' });
    this.turn();
  }

  /** A message of the learner; returns what it was sent for it. */
  hear(body: PeerMessage): PeerMessage[] {
    this.sent = [];
    const envelope = { clusterId: 'test', from: 'c', fromInc: 1, ver: 1, body };
    this.node.step(this.clock(), { type: 'message', envelope });
    this.turn();
    return this.sent;
  }

  /** What the learner was sent since it last spoke. */
  get unanswered(): readonly PeerMessage[] {
    return this.sent;
  }

  private take(): Effects {
    const effects = this.node.take(this.clock());
    if (effects.store !== undefined) this.batches.push(effects.store);
    for (const { to, envelope } of effects.sends) {
      if (to === 'c' && envelope.body.type.startsWith('snap')) this.sent.push(envelope.body);
    }
    return effects;
  }

  private clock() {
    return { leaseMs: this.nowMs, wallMs: this.nowMs };
  }
}

function mapOf(): ClusterMap {
  const alone = {
    epoch: 1,
    primary: 'a',
    members: new Map([['a', 'a1']]),
    fence: [],
    active: true,
    la: ['a'],
  };
  const parts: PartitionConfig[] = [
    { ...alone, learners: ['c'] },
    { ...alone, learners: [] },
  ];
  const record = { inc: 1, addr: '' };
  const peers = new Map([
    ['a', { storeId: 'a1', ...record }],
    ['c', { storeId: 'c1', ...record }],
  ]);
  return { ...emptyMap('test'), ver: 1, peers, parts };
}

describe('peer/replication/limits', () => {
  it('W6: all partitions together have a limit of uncommitted bytes', () => {
    const bench = new Bench({ ...DEFAULT_SETTINGS, maxUncommittedTotalBytes: 10_000 });
    for (const partition of [0, 1]) expect(bench.write(partition, 'x', 6_000)).to.equal(undefined);
    const refused = { kind: 'refused', reason: 'overloaded' };
    for (const partition of [0, 1]) expect(bench.write(partition, 'y', 1)).to.deep.equal(refused);
    bench.turn();
    expect(bench.write(0, 'y', 1)).to.equal(undefined);
  });

  it('W6: a transaction counts with all that it changes, and fails for good if it is too large', () => {
    const bench = new Bench();
    const change = (changes: Change[]) => bench.ask(0, { kind: 'transaction', reads: [], changes });
    expect(change([put('x', 4 * MiB), put('y', 4 * MiB)])).to.equal(undefined);
    expect(bench.write(0, 'z', 1)).to.deep.equal({ kind: 'refused', reason: 'overloaded' });
    bench.turn();
    expect(bench.write(0, 'z', 1)).to.equal(undefined);
    change(Array.from({ length: MAX_TRANSACTION_KEYS + 1 }, (_, i) => put(`${i}`, 1)));
    bench.turn();
    expect(bench.node.status(0, bench.nowMs)).to.include({ com: 3, prep: 3 });
    expect(bench.image.partitions.get(0)?.entry(3)).to.deep.include({
      effect: { kind: 'none' },
      result: { kind: 'failed', reason: 'too-large', actual: null },
    });
  });

  it('C2: the end of a copy carries no large entry, and large parts are not repeated while they are on their way', () => {
    const bench = new Bench({ ...DEFAULT_SETTINGS, retainedLogBytes: 0, settledLogBytes: 0 });
    for (const key of ['a', 'b', 'c']) {
      bench.write(0, key, 3 * MiB);
      bench.turn();
    }
    const parts: PeerMessage[] = [];
    let answer: PeerMessage = { type: 'join', partition: 0, epoch: 1, storeId: 'c1', com: 0 };
    for (;;) {
      const [part] = bench.hear(answer);
      if (part === undefined) throw new Error('no part');
      parts.push(part);
      if (part.type !== 'snap') break;
      bench.tick(399);
      expect(bench.unanswered).to.have.length(1);
      bench.tick(1);
      expect(bench.unanswered).to.have.length(2);
      answer = { type: 'snap_ok', partition: 0, epoch: 1, id: part.id, got: part.part + 1 };
    }
    const sizes = parts.map((part) =>
      part.type === 'snap' || part.type === 'snap_end'
        ? [part.type, 'rows' in part ? part.rows.length : 0, Math.round(sizeOfEntries(part.entries) / MiB)]
        : [],
    );
    expect(sizes).to.deep.equal([
      ['snap', 1, 0],
      ['snap', 1, 0],
      ['snap', 1, 0],
      ['snap', 0, 3],
      ['snap_end', 0, 0],
    ]);
  });

  it('repeats a message of a few bytes soon, and one of many megabytes when it can have arrived', () => {
    const settings = { ...DEFAULT_SETTINGS, retryMs: 100 };
    expect([0, 1_000, MiB, 24 * MiB].map((bytes) => retryAfterMs(bytes, settings))).to.deep.equal([
      100, 100, 200, 2_500,
    ]);
  });
});
