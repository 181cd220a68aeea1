/** A connection over a stream that a test holds in its hand. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { decodeBatch, encodeBatch } from '../../../peer/transport/codec.js';
import {
  type ByteStream,
  Connection,
  type Outgoing,
  type Receiver,
} from '../../../peer/transport/connection.js';
import type { Frame } from '../../../peer/transport/frames.js';
import { DEFAULT_LIMITS } from '../../../peer/transport/limits.js';
import { Lines } from '../../conformance/transport-harnesses.js';

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

  frames(): number[][] {
    return this.written.map((bytes) => decodeBatch(bytes).map(({ id }) => id));
  }
}

class Seen implements Receiver {
  readonly ids: number[] = [];
  readonly losses: string[] = [];

  receive(frame: Frame): void {
    this.ids.push(frame.id);
  }

  lost(_: Connection, reason: string): void {
    this.losses.push(reason);
  }
}

const LIMITS = { ...DEFAULT_LIMITS, maxBatchBytes: 1000, maxUnflushedBytes: 2000 };

function make(): { stream: FakeStream; seen: Seen; log: Lines; connection: Connection } {
  const [stream, seen, log] = [new FakeStream(), new Seen(), new Lines()];
  const connection = new Connection({ id: 'b', instance: 1 }, stream, seen, LIMITS, log);
  return { stream, seen, log, connection };
}

function frame(id: number, cursor = ''): Frame {
  return { kind: 'request', id, request: { type: 'fetch', epoch: 1, partition: 0, cursor } };
}

function outgoing(id: number, bytes = 20): Outgoing {
  return { bytes, take: () => frame(id, 'x'.repeat(Math.max(0, bytes - 20))) };
}

/** An item of which is found out whether it is still in memory. */
function mortal(id: number): { item: Outgoing; isGone: () => boolean } {
  const item = outgoing(id, 900);
  const weak = new WeakRef(item);
  return { item, isGone: () => weak.deref() === undefined };
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('connection', () => {
  it('sends what was given in one turn of the event loop as one batch', async () => {
    const { stream, connection } = make();
    connection.send(outgoing(1));
    await Promise.resolve();
    connection.send(outgoing(2));
    expect(stream.written).to.have.length(0);
    await nextTurn();
    connection.send(outgoing(3));
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[1, 2], [3]]);
  });

  it('closes a batch at its limit, and lets a large frame travel alone', async () => {
    const { stream, connection } = make();
    for (const item of [outgoing(1), outgoing(2, 1500), outgoing(3, 600)]) connection.send(item);
    await nextTurn();
    stream.flush();
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[1], [2], [3]]);
  });

  it('keeps the rest while gRPC has not passed on what it was given', async () => {
    const { stream, connection } = make();
    for (let id = 1; id <= 6; id++) connection.send(outgoing(id, 900));
    await nextTurn();
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[1], [2], [3]]);
    stream.flush();
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[1], [2], [3], [4], [5], [6]]);
  });

  it('lets go of what was sent, though the queue is never empty', async () => {
    const { stream, connection } = make();
    const watched: (() => boolean)[] = [];
    for (let id = 1; id <= 40; id++) {
      const { item, isGone } = mortal(id);
      watched.push(isGone);
      connection.send(item);
      if (id % 4 === 0) await nextTurn();
      if (id % 4 === 0) stream.flush();
    }
    await nextTurn();
    // Now that nothing runs, what is in memory is what the connection holds.
    await new Promise((resolve) => setTimeout(resolve, 0));
    collectGarbage();
    const sent = stream.frames().length;
    expect(sent).to.be.within(10, 39);
    expect(watched.slice(0, sent).filter((isGone) => !isGone())).to.have.length(0);
    expect(watched.slice(sent).filter((isGone) => isGone())).to.have.length(0);
  });

  it('leaves out what is no longer wanted when its turn comes', async () => {
    const { stream, connection } = make();
    connection.send({ bytes: 20, take: () => null });
    await nextTurn();
    expect(stream.written).to.have.length(0);
    connection.send({ bytes: 20, take: () => null });
    connection.send(outgoing(2));
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[2]]);
  });

  it('passes on what it receives, in order', () => {
    const { seen, connection } = make();
    connection.receive(encodeBatch([frame(1), frame(2)]));
    connection.receive(encodeBatch([frame(3)]));
    expect(seen.ids).to.deep.equal([1, 2, 3]);
  });

  it('is cut by bytes that cannot be read, once and with one line in the log', () => {
    const { stream, seen, log, connection } = make();
    connection.receive(Buffer.from([0xff, 0xff, 0xff]));
    connection.receive(Buffer.from([0xff, 0xff, 0xff]));
    expect(stream.ends).to.deep.equal(['cut: what was sent cannot be read']);
    expect(seen.losses).to.have.length(1);
    expect(log.errors).to.have.length(1);
  });

  it('takes nothing more from the queue once it is lost', async () => {
    const { stream, seen, connection } = make();
    let taken = false;
    connection.send({
      bytes: 20,
      take: () => {
        taken = true;
        return frame(1);
      },
    });
    connection.lost('gone');
    connection.send(outgoing(2));
    await nextTurn();
    expect([taken, stream.written.length]).to.deep.equal([false, 0]);
    connection.receive(encodeBatch([frame(3)]));
    connection.cut('again');
    expect([seen.ids, seen.losses, stream.ends]).to.deep.equal([[], ['gone'], []]);
  });

  it('sends all that waits before it ends', async () => {
    const { stream, connection } = make();
    for (let id = 1; id <= 4; id++) connection.send(outgoing(id, 900));
    connection.finish('closing');
    await nextTurn();
    expect(stream.frames()).to.deep.equal([[1], [2], [3], [4]]);
    expect(stream.ends).to.deep.equal(['end']);
  });
});
