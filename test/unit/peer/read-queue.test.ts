/** Reads that others forwarded: how many a turn, whose, and which are not worth answering any more. */
import { expect } from 'chai';
import { ReadQueue } from '../../../peer/read-queue.js';
import type { PeerEnvelope } from '../../../peer/replication/messages.js';

const MiB = 1024 * 1024;
/** The most reads of one turn. */
const TURN = 32;

function read(id: number, from = 'b'): PeerEnvelope {
  const body = { type: 'rfwd', id, inc: 1, partition: 0, key: 'k', consistency: 'linearizable' } as const;
  return { clusterId: 'test', from, fromInc: 1, ver: 1, body };
}

/** A queue whose answers have `bytes` each, over wires with this much waiting. */
function bench(bytes: number, backlog: Readonly<Record<string, number>> = {}) {
  const passed: string[] = [];
  const turnEnds: (() => void)[] = [];
  const clock = { nowMs: 0 };
  const wires: Record<string, number> = { ...backlog };
  const queue = new ReadQueue({
    pass: (envelope) => {
      if (envelope.body.type === 'rfwd') passed.push(`${envelope.from}${envelope.body.id}`);
    },
    backlog: (peer) => wires[peer] ?? 0,
    atEndOfTurn: (task) => turnEnds.push(task),
    monotonicMs: () => clock.nowMs,
    expireMs: 3_000,
  });
  const row = {
    ...{ value: { bytes: Buffer.alloc(bytes), type: '' }, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined },
  };
  const outcome = { kind: 'row', row, epoch: 1, com: 1 } as const;
  const answer = { ...read(0), body: { type: 'rfwd_r', id: 0, inc: 1, outcome } as const };
  /** Ends the turn: what was passed is sent, then the queue goes on. @returns what had been passed in it */
  const endTurn = (): string[] => {
    const turn = passed.splice(0);
    queue.sent(turn.map(() => answer));
    for (const task of turnEnds.splice(0)) task();
    return turn;
  };
  const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return { queue, passed, endTurn, clock, wires, ids };
}

describe('forwarded reads that wait', () => {
  it('pass at once where nothing speaks against it, so many a turn, and then the newest first', () => {
    const { queue, passed, endTurn, ids } = bench(1);
    for (const id of ids(1, TURN + 3)) queue.take(read(id));
    expect(passed).to.deep.equal(ids(1, TURN).map((id) => `b${id}`));
    endTurn();
    expect(endTurn()).to.deep.equal(['b35', 'b34', 'b33']);
    queue.take(read(99));
    expect(passed).to.deep.equal(['b99']);
    queue.stop();
  });

  it('pass in smaller shares where their values are large, and in full ones again when they are not', () => {
    const large = bench(MiB);
    for (const id of large.ids(1, 50)) large.queue.take(read(id));
    expect([large.endTurn().length, large.endTurn().length, large.endTurn().length]).to.deep.equal([
      TURN,
      2,
      2,
    ]);
    large.queue.stop();
    const huge = bench(16 * MiB);
    for (const id of huge.ids(1, 50)) huge.queue.take(read(id));
    expect([huge.endTurn().length, huge.endTurn().length]).to.deep.equal([TURN, 1]);
    huge.queue.stop();
  });

  it('wait for their own wire only, and go on when it has room', async () => {
    const { queue, endTurn, wires } = bench(1, { b: 64 * MiB });
    queue.take(read(1, 'b'));
    queue.take(read(2, 'c'));
    expect(endTurn()).to.deep.equal([]);
    const next = async (): Promise<string[]> => {
      for (let looks = 0; looks < 1_000; looks++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        const turn = endTurn();
        if (turn.length > 0) return turn;
      }
      throw new Error('nothing passes');
    };
    expect(await next()).to.deep.equal(['c2']);
    wires.b = 0;
    expect(await next()).to.deep.equal(['b1']);
    queue.stop();
  });

  it('take turns between peers', () => {
    const { queue, endTurn, ids } = bench(1);
    for (const id of ids(1, TURN)) queue.take(read(id, 'x'));
    for (const id of [1, 2, 3]) queue.take(read(id, 'b'));
    queue.take(read(1, 'c'));
    endTurn();
    expect(endTurn()).to.deep.equal(['b3', 'c1', 'b2', 'b1']);
    queue.stop();
  });

  it('are forgotten when they were given up, or their asker is gone', () => {
    const { queue, endTurn, clock, ids } = bench(1);
    for (const id of ids(1, TURN)) queue.take(read(id, 'x'));
    queue.take(read(1, 'b'));
    queue.take(read(1, 'c'));
    queue.drop('c');
    clock.nowMs = 2_999;
    queue.take(read(2, 'b'));
    clock.nowMs = 3_000;
    endTurn();
    expect(endTurn()).to.deep.equal(['b2']);
    queue.stop();
  });
});
