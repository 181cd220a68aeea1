/** A connection over streams that a test holds in its hand. */
import { expect } from 'chai';
import type { Clock } from '../../../common/clock.js';
import type { PeerEnvelope } from '../../../peer/replication/messages.js';
import { decodeBatch, encodeEnvelopes } from '../../../peer/transport/codec.js';
import { Connection, type Receiver } from '../../../peer/transport/connection.js';
import type { Frame } from '../../../peer/transport/frames.js';
import type { ByteStream } from '../../../peer/transport/lane.js';
import { DEFAULT_LIMITS } from '../../../peer/transport/limits.js';
import { Lines } from '../../conformance/transport-harnesses.js';
import { ack, CLUSTER, until, write } from '../../conformance/transport-peers.js';

const SELF = { cluster: CLUSTER, id: 'a' };
const OTHER = { cluster: CLUSTER, id: 'b', process: 'b/1' };

/** A stream that keeps what is written until a test lets it through. */
class FakeStream implements ByteStream {
  readonly written: Buffer[] = [];
  readonly ends: string[] = [];
  private unflushed: (() => void)[] = [];

  write(bytes: Buffer, flushed: () => void): void {
    this.written.push(bytes);
    this.unflushed.push(flushed);
  }

  flush(): void {
    const flushed = this.unflushed;
    this.unflushed = [];
    for (const done of flushed) done();
  }

  end(): void {
    this.ends.push('end');
  }

  cut(reason: string): void {
    this.ends.push(`cut: ${reason}`);
  }

  /** The numbers of the messages in each batch. */
  batches(): number[][] {
    return this.written.map((bytes) => numbersIn(decodeBatch(bytes, SELF).envelopes));
  }
}

class Seen implements Receiver {
  readonly numbers: number[] = [];
  readonly frames: Frame[] = [];
  readonly losses: string[] = [];

  received(envelopes: readonly PeerEnvelope[]): void {
    this.numbers.push(...numbersIn(envelopes));
  }

  frame(frame: Frame): void {
    this.frames.push(frame);
  }

  lost(_: Connection, reason: string): void {
    this.losses.push(reason);
  }
}

function numbersIn(envelopes: readonly PeerEnvelope[]): number[] {
  return envelopes.map(({ body }) => {
    if (body.type === 'align_ok') return body.upto;
    return body.type === 'fwd' ? body.tag.n : -1;
  });
}

/** A clock that a test sets. */
class SetClock implements Clock {
  nowMs = 0;
  monotonicMs = () => this.nowMs;
  wallMs = () => this.nowMs;
  random = () => 0;
}

function make(overrides: Partial<typeof DEFAULT_LIMITS> = {}) {
  const [urgent, bulk, seen, log, clock] = [
    new FakeStream(),
    new FakeStream(),
    new Seen(),
    new Lines(),
    new SetClock(),
  ];
  const limits = { ...DEFAULT_LIMITS, maxBatchBytes: 1000, ...overrides };
  const options = { self: SELF, limits, clock, log };
  const connection = new Connection(OTHER, { urgent, bulk }, seen, options);
  made.push(connection);
  return { urgent, bulk, seen, log, clock, connection };
}

function from(other: string, ...numbers: readonly number[]): Buffer {
  const envelopes = numbers.map((n) => ack(other, n));
  return Buffer.concat(encodeEnvelopes({ cluster: CLUSTER, id: other }, envelopes, 1000));
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const large = (n: number, bytes = 800) => write('a', n, Buffer.alloc(bytes));
let made: Connection[] = [];

describe('connection', () => {
  afterEach(() => {
    for (const connection of made) connection.cut('the test is over');
    made = [];
  });

  it('sends what was given in one callback as one batch, each lane for itself', async () => {
    const { urgent, bulk, connection } = make();
    connection.send([ack('a', 1), large(2, 5)]);
    connection.send([large(3, 5)]);
    connection.sendFrame({ kind: 'no-reply', id: 1, reason: 'failed' });
    connection.send([ack('a', 4)]);
    expect([urgent.written, bulk.written]).to.deep.equal([[], []]);
    await Promise.resolve();
    expect([urgent.batches(), bulk.batches()]).to.deep.equal([[[1, 4]], [[2, 3]]]);
    expect(decodeBatch(bulk.written[0] as Buffer, SELF).frames).to.have.length(1);
  });

  it('gathers the next batch while one is on its way, closes it at its limit, lets a large message exceed it', async () => {
    const { bulk, connection } = make();
    connection.send([large(1, 5)]);
    await Promise.resolve();
    for (const [n, bytes] of [400, 400, 5000, 700, 700].entries()) connection.send([large(n + 2, bytes)]);
    await nextTurn();
    expect(bulk.batches()).to.deep.equal([[1]]);
    for (let flushed = 0; flushed < 6; flushed++) bulk.flush();
    expect(bulk.batches()).to.deep.equal([[1], [2, 3], [4], [5], [6]]);
  });

  it('counts what is on its way as waiting, until it is flushed', async () => {
    const { bulk, connection } = make({ maxBulkBytes: 2000 });
    expect([1, 2, 3].map((n) => connection.send([large(n)]))).to.deep.equal([true, true, false]);
    await nextTurn();
    expect(connection.send([large(4)])).to.equal(false);
    bulk.flush();
    expect(connection.send([large(5)])).to.equal(true);
    bulk.flush();
    bulk.flush();
    expect(bulk.batches()).to.deep.equal([[1], [2], [5]]);
  });

  it('passes on what it receives, in order', () => {
    const { seen, connection } = make();
    connection.receive('urgent', from('b', 1, 2));
    connection.receive('bulk', from('b', 3));
    expect(seen.numbers).to.deep.equal([1, 2, 3]);
  });

  it('is cut by bytes that cannot be read, once and with one line in the log', () => {
    const { urgent, bulk, seen, log, connection } = make();
    for (const lane of ['bulk', 'urgent', 'bulk'] as const)
      connection.receive(lane, Buffer.from([0xff, 0xff]));
    const cut = ['cut: what was sent cannot be read'];
    expect([urgent.ends, bulk.ends]).to.deep.equal([cut, cut]);
    expect(seen.losses).to.have.length(1);
    expect(log.errors).to.have.length(1);
  });

  it('neither sends nor passes on anything once it is lost', async () => {
    const { bulk, seen, connection } = make();
    connection.send([large(1)]);
    connection.cut('gone');
    expect(connection.send([large(2)])).to.equal(false);
    expect(connection.sendFrame({ kind: 'no-reply', id: 1, reason: 'failed' })).to.equal(false);
    connection.receive('bulk', from('b', 3));
    connection.cut('again');
    await nextTurn();
    expect([bulk.written, seen.numbers, seen.losses, bulk.ends]).to.deep.equal([
      [],
      [],
      ['gone'],
      ['cut: gone'],
    ]);
  });

  it('sends all that waits before it ends', async () => {
    const { urgent, bulk, connection } = make();
    connection.send([ack('a', 0), large(1)]);
    await Promise.resolve();
    for (let n = 2; n <= 4; n++) connection.send([large(n)]);
    connection.finish('closing');
    bulk.flush();
    await nextTurn();
    expect([urgent.batches(), bulk.batches()]).to.deep.equal([[[0]], [[1], [2], [3], [4]]]);
    expect([urgent.ends, bulk.ends]).to.deep.equal([['end'], ['end']]);
  });

  it('is over when the other side has ended both lanes, and takes what still comes on one', () => {
    const { seen, connection } = make();
    connection.laneEnded('urgent');
    connection.receive('bulk', from('b', 1));
    expect([seen.numbers, seen.losses]).to.deep.equal([[1], []]);
    connection.laneEnded('bulk');
    expect(seen.losses).to.deep.equal(['closed by the other side']);
  });

  describe('silence', () => {
    const quick = { heartbeatMs: 5, silenceMs: 100 };

    it('shows that it is there, but only where nothing else does', async () => {
      const { urgent, bulk, connection } = make(quick);
      await until(() => urgent.written.length > 0);
      expect(urgent.batches()).to.deep.equal([[]]);
      expect(bulk.written).to.have.length(0);
      urgent.flush();
      connection.send([ack('a', 1)]);
      await until(() => urgent.written.length > 1);
      expect(urgent.batches()[1]).to.deep.equal([1]);
    });

    it('ends a connection on which nothing comes, and none on which something does', async () => {
      const { urgent, bulk, seen, clock, connection } = make(quick);
      const step = async () => {
        clock.nowMs += 8;
        const beats = urgent.written.length;
        urgent.flush();
        await until(() => urgent.written.length > beats || seen.losses.length > 0);
      };
      for (let n = 0; n < 30; n++) {
        connection.receive('urgent', Buffer.alloc(0));
        await step();
      }
      expect(seen.losses).to.deep.equal([]);
      const silentMs = clock.nowMs;
      // What comes by the other lane says nothing about this one.
      for (let n = 0; n < 30 && seen.losses.length === 0; n++) {
        connection.receive('bulk', from('b', n));
        await step();
      }
      expect(seen.losses).to.deep.equal(['nothing was heard of it']);
      expect(clock.nowMs - silentMs).to.be.within(90, 120);
      expect([urgent.ends, bulk.ends].flat()).to.have.length(2);
    });

    it('blames nobody when it stood still itself', async () => {
      const { urgent, seen, clock } = make(quick);
      clock.nowMs = 10_000;
      await until(() => urgent.written.length > 0);
      expect(seen.losses).to.deep.equal([]);
    });
  });
});
