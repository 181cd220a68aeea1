import { expect } from 'chai';
import fc from 'fast-check';
import type { ClusterMap, PartitionConfig } from '../../../common/configuration.js';
import type { Command, Result } from '../../../peer/replication/commands.js';
import type { ReadRequest, ReadRow, WriteRequest } from '../../../peer/replication/machine.js';
import type { Forward, ReadForward, ReadOutcome, WriteOutcome } from '../../../peer/replication/messages.js';
import { Gateway } from '../../../peer/requests/gateway.js';
import { idempotencyTag } from '../../../peer/requests/idempotency.js';
import type { ReadAnswer, WriteAnswer } from '../../../peer/requests/rim.js';
import { DEFAULT_GATEWAY_SETTINGS } from '../../../peer/requests/settings.js';

const COMMAND: Command = { kind: 'put', key: 'k', value: { bytes: new Uint8Array([1]), type: 't' } };
const DONE: Result = { kind: 'done', version: { epoch: 1, seq: 1 }, existed: false };
const NOT_PRIMARY: WriteOutcome = { kind: 'refused', reason: 'not-primary' };

function partOf(primary: string, members: string[]): PartitionConfig {
  return {
    epoch: 1,
    primary,
    members: new Map(members.map((id) => [id, `${id}1`])),
    learners: [],
    fence: [],
    active: true,
    la: members,
  };
}

/** A gateway of peer `a`, with everything that it sent written down. */
class Bench {
  nowMs = 1_000;
  /** What the own replica can answer at once. */
  own: ReadRow | undefined;
  map: ClusterMap = {
    clusterId: 'c',
    ver: 1,
    peers: new Map(['a', 'b', 'c', 'd'].map((id) => [id, { storeId: `${id}1`, inc: 1, addr: '' }])),
    parts: [partOf('b', ['b', 'c', 'd'])],
  };
  readonly asked: (WriteRequest | ReadRequest)[] = [];
  readonly sent: { to: string; message: Forward | ReadForward }[] = [];
  readonly writes: WriteAnswer[] = [];
  readonly reads: ReadAnswer[] = [];
  readonly gateway: Gateway;

  constructor(settings = DEFAULT_GATEWAY_SETTINGS) {
    this.gateway = new Gateway({ peerId: 'a', storeId: 'a1', inc: 7 }, settings, {
      map: () => this.map,
      readNow: () => this.own,
      ask: (request) => this.asked.push(request),
      send: (to, message) => this.sent.push({ to, message }),
    });
  }

  write(partition = 0): void {
    this.gateway.write(this.nowMs, { partition, command: COMMAND, idempotency: undefined }, (answer) =>
      this.writes.push(answer),
    );
  }

  read(): void {
    this.gateway.read(this.nowMs, { partition: 0, key: 'k', consistency: 'linearizable' }, (answer) =>
      this.reads.push(answer),
    );
  }

  /** Every peer comes back with an empty disk. */
  loseAllStores(): void {
    const peers = new Map([...this.map.peers].map(([id, peer]) => [id, { ...peer, storeId: `${id}2` }]));
    this.map = { ...this.map, ver: 2, peers };
  }

  forwards(): Forward[] {
    return this.sent.map(({ message }) => message).filter((message) => message.type === 'fwd');
  }

  readForwards(): ReadForward[] {
    return this.sent.map(({ message }) => message).filter((message) => message.type === 'rfwd');
  }

  hear(forward: Forward, outcome: WriteOutcome): void {
    const { tag, attempt } = forward;
    this.gateway.answered(this.nowMs, 'b', {
      type: 'fwd_r',
      session: tag.session,
      n: tag.n,
      attempt,
      outcome,
    });
  }

  hearRead({ id, inc }: ReadForward, outcome: ReadOutcome): void {
    this.gateway.answered(this.nowMs, 'b', { type: 'rfwd_r', id, inc, outcome });
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs += 10;
      this.gateway.tick(this.nowMs);
    }
  }
}

describe('gateway writes', () => {
  it('D1: every attempt of a request has the same session and number', () => {
    const bench = new Bench();
    bench.write();
    bench.run(1_200);
    const tags = bench.forwards().map(({ tag }) => `${tag.session}#${tag.n}`);
    expect(tags.length).to.equal(3);
    expect(new Set(tags).size).to.equal(1);
    expect(bench.forwards().map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
  });

  it('D1: fi is the smallest unfinished number of the partition', () => {
    const bench = new Bench();
    bench.map = { ...bench.map, parts: [partOf('b', ['b']), partOf('c', ['c'])] };
    bench.write(0);
    bench.write(1);
    bench.write(0);
    bench.hear(bench.forwards()[0] as Forward, { kind: 'result', result: DONE });
    bench.write(0);
    expect(bench.forwards().map(({ tag }) => [tag.n, tag.fi])).to.deep.equal([
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 3],
    ]);
  });

  it('tries again for a second while there are too few copies, then says that nothing was applied', () => {
    const bench = new Bench();
    bench.write();
    const refuse = () =>
      bench.hear(bench.forwards().at(-1) as Forward, { kind: 'refused', reason: 'too-few-copies' });
    for (let i = 0; i < 9; i++) {
      bench.run(100);
      refuse();
    }
    expect(bench.writes).to.deep.equal([]);
    bench.run(400);
    refuse();
    expect(bench.writes).to.deep.equal([{ kind: 'not-applied', reason: 'too-few-copies' }]);
  });

  it('goes on although there are too few copies, as long as an earlier attempt may have been carried out', () => {
    const bench = new Bench();
    bench.write();
    bench.run(500);
    expect(bench.forwards()).to.have.length(2);
    for (let i = 0; i < 20; i++) {
      bench.hear(bench.forwards().at(-1) as Forward, { kind: 'refused', reason: 'too-few-copies' });
      bench.run(200);
    }
    expect(bench.writes).to.deep.equal([]);
    bench.run(2_000);
    expect(bench.writes.map(({ kind }) => kind)).to.deep.equal(['unknown']);
  });

  it('says that the data is lost once every member has another store', () => {
    const bench = new Bench();
    bench.write();
    bench.loseAllStores();
    bench.hear(bench.forwards()[0] as Forward, NOT_PRIMARY);
    bench.run(100);
    expect(bench.writes).to.deep.equal([{ kind: 'not-applied', reason: 'data-lost' }]);
  });

  it('does not say that nothing was applied while an attempt is open, though the data is lost', () => {
    const bench = new Bench();
    bench.write();
    bench.loseAllStores();
    bench.run(2_000);
    expect(bench.writes).to.deep.equal([]);
  });

  it('asks its own replica when that leads', () => {
    const bench = new Bench();
    bench.map = { ...bench.map, parts: [partOf('a', ['a', 'b'])] };
    bench.write();
    expect(bench.sent).to.have.length(0);
    bench.gateway.replied(bench.nowMs, {
      id: bench.asked[0]?.id as number,
      outcome: { kind: 'result', result: DONE },
    });
    expect(bench.writes).to.deep.equal([{ kind: 'result', result: DONE, servedBy: 'a' }]);
  });

  it('D5: says not-applied when every attempt was refused', () => {
    const bench = new Bench();
    bench.write();
    while (bench.writes.length === 0) {
      for (const forward of bench.forwards()) bench.hear(forward, NOT_PRIMARY);
      bench.run(10);
    }
    expect(bench.writes).to.deep.equal([{ kind: 'not-applied', reason: 'not-primary' }]);
    expect(bench.nowMs).to.equal(1_000 + DEFAULT_GATEWAY_SETTINGS.writeDeadlineMs);
    expect(bench.sent.length).to.be.within(10, 60);
  });

  it('D5: says unknown when one attempt was not answered', () => {
    const bench = new Bench();
    bench.write();
    bench.run(600);
    for (;;) {
      for (const forward of bench.forwards().slice(1)) bench.hear(forward, NOT_PRIMARY);
      if (bench.writes.length > 0) break;
      bench.run(10);
    }
    expect(bench.writes).to.deep.equal([{ kind: 'unknown', request: 'a/a1/7/1' }]);
  });

  it('D5: maybe keeps the outcome open, and is followed by another attempt', () => {
    const bench = new Bench();
    bench.write();
    bench.hear(bench.forwards()[0] as Forward, { kind: 'maybe' });
    bench.run(50);
    expect(bench.forwards()).to.have.length(2);
    bench.run(6_000);
    expect(bench.writes.map(({ kind }) => kind)).to.deep.equal(['unknown']);
  });

  it('D5: an attempt that never left has no effect', () => {
    const bench = new Bench({ ...DEFAULT_GATEWAY_SETTINGS, writeDeadlineMs: 100 });
    bench.write();
    for (let i = 0; i < 20 && bench.writes.length === 0; i++) {
      for (const { tag, attempt } of bench.forwards()) bench.gateway.undelivered(bench.nowMs, tag.n, attempt);
      bench.run(10);
    }
    expect(bench.writes.map(({ kind }) => kind)).to.deep.equal(['not-applied']);
  });

  it('goes to the new primary as soon as the map names it', () => {
    const bench = new Bench();
    bench.write();
    bench.map = { ...bench.map, ver: 2, parts: [partOf('c', ['b', 'c', 'd'])] };
    bench.run(10);
    expect(bench.sent.map(({ to }) => to)).to.deep.equal(['b', 'c']);
  });

  it('turns requests away at its limit, with nothing applied', () => {
    const bench = new Bench({ ...DEFAULT_GATEWAY_SETTINGS, maxOpenWrites: 1 });
    bench.write();
    bench.write();
    expect(bench.writes).to.deep.equal([{ kind: 'not-applied', reason: 'overloaded' }]);
  });

  it('drops answers of another process, and answers that come after the end', () => {
    const bench = new Bench();
    bench.write();
    const forward = bench.forwards()[0] as Forward;
    bench.hear({ ...forward, tag: { ...forward.tag, session: 'a/a1/6' } }, { kind: 'result', result: DONE });
    expect(bench.writes).to.have.length(0);
    bench.hear(forward, { kind: 'result', result: DONE });
    bench.hear(forward, { kind: 'result', result: DONE });
    expect(bench.writes).to.have.length(1);
  });

  it('D5, whatever the primaries answer: one answer each, and not-applied only if all were refused', () => {
    const reply = fc.constantFrom('silence', 'refused', 'maybe', 'late-result', 'undelivered');
    fc.assert(
      fc.property(fc.array(reply, { minLength: 1, maxLength: 80 }), (replies) => {
        const bench = new Bench();
        bench.write();
        let seen = 0;
        let open = false;
        while (bench.writes.length === 0) {
          for (const forward of bench.forwards().slice(seen)) {
            const what = replies[seen % replies.length];
            seen++;
            if (what === 'refused') bench.hear(forward, { kind: 'refused', reason: 'starting' });
            else if (what === 'undelivered') bench.gateway.undelivered(bench.nowMs, 1, forward.attempt);
            else open = true;
            if (what === 'maybe') bench.hear(forward, { kind: 'maybe' });
          }
          bench.run(10);
        }
        // An attempt that left in the very last moment has had no answer.
        if (bench.forwards().length > seen) open = true;
        expect(bench.writes).to.have.length(1);
        expect(bench.writes[0]?.kind).to.equal(open ? 'unknown' : 'not-applied');
        expect(bench.forwards().length).to.be.at.most(500);
      }),
    );
  });
});

describe('gateway reads', () => {
  const row = { kind: 'row', row: null, epoch: 1, com: 3 } as const;

  it('answers from its own replica if that is a member', () => {
    const bench = new Bench();
    bench.map = { ...bench.map, parts: [partOf('b', ['a', 'b'])] };
    bench.read();
    expect(bench.sent).to.have.length(0);
    bench.gateway.replied(bench.nowMs, { id: bench.asked[0]?.id as number, outcome: row });
    expect(bench.reads).to.deep.equal([{ kind: 'row', row: null, servedBy: 'a' }]);
  });

  it('goes elsewhere at once when refused, and then more slowly', () => {
    const bench = new Bench();
    bench.map = { ...bench.map, parts: [partOf('b', ['a', 'b', 'c'])] };
    bench.read();
    bench.gateway.replied(bench.nowMs, {
      id: bench.asked[0]?.id as number,
      outcome: { kind: 'refused', reason: 'not-leased' },
    });
    bench.run(10);
    expect(bench.sent).to.have.length(1);
  });

  it('says that the data is lost once every member has another store', () => {
    const bench = new Bench();
    bench.read();
    const [first] = bench.readForwards();
    bench.loseAllStores();
    bench.hearRead(first as ReadForward, { kind: 'refused', reason: 'not-member' });
    bench.run(20);
    expect(bench.reads).to.deep.equal([{ kind: 'unavailable', reason: 'data-lost' }]);
  });

  it('asks another member when the first is slow; the first answer counts', () => {
    const bench = new Bench();
    bench.read();
    bench.run(110);
    const [first, second] = bench.readForwards();
    expect(bench.sent[0]?.to).not.to.equal(bench.sent[1]?.to);
    for (const forward of [second, first]) bench.hearRead(forward as ReadForward, row);
    expect(bench.reads).to.deep.equal([{ kind: 'row', row: null, servedBy: bench.sent[1]?.to }]);
  });

  it('avoids a peer that did not answer', () => {
    const bench = new Bench();
    bench.read();
    bench.run(200);
    const silent = bench.sent[0]?.to as string;
    const before = bench.sent.length;
    for (let i = 0; i < 6; i++) bench.read();
    expect(bench.sent.slice(before).filter(({ to }) => to === silent)).to.have.length(0);
  });

  it('is answered before the call returns where the own replica can, and asks nobody', () => {
    const bench = new Bench();
    bench.own = { kind: 'row', row: null, epoch: 3, com: 8 };
    bench.read();
    expect(bench.reads).to.deep.equal([{ kind: 'row', row: null, servedBy: 'a' }]);
    expect([bench.sent, bench.asked]).to.deep.equal([[], []]);
    expect(bench.gateway.nextTickMs()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('asks for a strict or stale read, whatever the own replica could say at once', () => {
    const bench = new Bench();
    bench.own = { kind: 'row', row: null, epoch: 3, com: 8 };
    for (const consistency of ['strict', 'stale'] as const) {
      bench.gateway.read(bench.nowMs, { partition: 0, key: 'k', consistency }, (answer) =>
        bench.reads.push(answer),
      );
    }
    expect(bench.reads).to.deep.equal([]);
    expect(bench.readForwards().map(({ consistency }) => consistency)).to.deep.equal(['strict', 'stale']);
  });

  it('gives up at the deadline, with the last reason', () => {
    const bench = new Bench();
    bench.read();
    bench.run(4_000);
    expect(bench.reads).to.deep.equal([{ kind: 'unavailable', reason: 'timeout' }]);
    expect(bench.sent.length).to.be.at.most(40);
    const empty = new Bench();
    empty.map = { ...empty.map, parts: [] };
    empty.read();
    empty.run(4_000);
    expect(empty.reads).to.deep.equal([{ kind: 'unavailable', reason: 'no-partition' }]);
  });

  it('asks a member again whose answer may have been lost, and nobody who is none', () => {
    const bench = new Bench();
    bench.read();
    bench.run(900);
    const asked = bench.sent.map(({ to }) => to);
    expect(new Set(asked).size).to.equal(asked.length);
    bench.run(400);
    const again = bench.sent.slice(asked.length).map(({ to }) => to);
    expect(new Set(again)).to.deep.equal(new Set(asked));
    expect(bench.asked).to.deep.equal([]);
  });

  it('does not go elsewhere while the peer that it asked is sending large values', () => {
    const bench = new Bench();
    bench.map = { ...bench.map, parts: [partOf('b', ['b'])] };
    for (let i = 0; i < 3; i++) bench.read();
    bench.map = { ...bench.map, parts: [partOf('b', ['b', 'c'])] };
    const value = { bytes: Buffer.alloc(64 * 1024), type: '' };
    const large = { ...row, row: { value, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined } };
    const [first, second] = bench.readForwards();
    bench.run(90);
    bench.hearRead(first as ReadForward, large);
    bench.run(100);
    bench.hearRead(second as ReadForward, large);
    bench.run(150);
    expect(bench.sent).to.have.length(3);
    bench.run(150);
    expect(bench.sent.at(-1)?.to, 'it has sent nothing for a while').to.equal('c');
  });

  it('has other ids than a process of another store, though it counts from the same incarnation', () => {
    const bench = new Bench();
    bench.read();
    const other = new Gateway({ peerId: 'a', storeId: 'a2', inc: 7 }, DEFAULT_GATEWAY_SETTINGS, {
      map: () => bench.map,
      readNow: () => undefined,
      ask: () => undefined,
      send: (_to, message) => {
        if (message.type === 'rfwd') expect(message.id).not.to.equal(bench.readForwards()[0]?.id);
      },
    });
    other.read(0, { partition: 0, key: 'k', consistency: 'strict' }, () => undefined);
  });
});

describe('idempotency tags', () => {
  const put = (text: string, ttlMs?: number): Command => ({
    kind: 'put',
    key: 'k',
    value: { bytes: Buffer.from(text), type: 'text/plain' },
    ...(ttlMs === undefined ? {} : { ttlMs }),
  });

  it('are equal for equal commands only', () => {
    const tag = (command: Command) => idempotencyTag('t', command).fingerprint;
    expect(tag(put('x'))).to.equal(tag(put('x')));
    const all = [
      put('x'),
      put('y'),
      put('x', 5),
      { ...put('x'), condition: { kind: 'absent' } },
      { ...put('x'), condition: { kind: 'version', version: { epoch: 1, seq: 2 } } },
      { kind: 'delete', key: 'k' },
      { kind: 'increment', key: 'k', by: 1n },
      { kind: 'increment', key: 'k', by: 2n },
      { kind: 'append', key: 'k', bytes: Buffer.from('x'), type: 'text/plain' },
      { kind: 'expire', key: 'k', ttlMs: 5 },
      { kind: 'expire', key: 'k', ttlMs: undefined, expiresAtMs: 5 },
    ] as Command[];
    expect(new Set(all.map(tag)).size).to.equal(all.length);
  });
});
