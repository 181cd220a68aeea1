/** Batches of reads: who is asked for what, how much is read at once, and what does not fit into one answer. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap, type PartitionConfig } from '../../../common/configuration.js';
import { partitionOfKey } from '../../../common/slots.js';
import { BatchReads, valuesOf } from '../../../peer/batch-reads.js';
import type { Value } from '../../../peer/replication/commands.js';
import type { ReadCall } from '../../../peer/requests/reads.js';
import type { ReadAnswer } from '../../../peer/requests/rim.js';
import type { PeerReply, PeerRequest } from '../../../peer/transport/messages.js';
import type { CallFailure } from '../../../peer/transport/transport.js';

const MIB = 1024 * 1024;
const FAILURE: CallFailure = { type: 'call-failed', code: 'deadline', sent: true };

type Asked = (peer: string, keys: readonly string[]) => PeerReply | CallFailure;

/** A batch reader of peer a, with what it did; `own` is what it holds, and `asked` what the others answer. */
function bench(
  own: (key: string) => Value | null | undefined,
  asked: Asked,
  members: readonly string[] = [],
) {
  const seen = {
    singles: [] as string[],
    underWay: 0,
    most: 0,
    questions: [] as { readonly peer: string; readonly keys: readonly string[] }[],
    nowMs: 0,
    /** What a single read finds. */
    value: { bytes: Buffer.from('single'), type: '' } as Value,
  };
  const reads = new BatchReads({
    id: 'a',
    monotonicMs: () => seen.nowMs,
    replica: {
      map: mapOf(members),
      readNow: (_partition, key) => {
        const value = own(key);
        return value === undefined ? undefined : rowOf(value, 'a');
      },
      read: async ({ key }: ReadCall) => {
        seen.singles.push(key);
        seen.underWay++;
        seen.most = Math.max(seen.most, seen.underWay);
        await new Promise((resolve) => setImmediate(resolve));
        seen.underWay--;
        return rowOf(seen.value, 'b');
      },
    },
    transport: {
      call: async (peer: string, request: PeerRequest) => {
        if (request.type !== 'read') throw new Error(`asked to ${request.type}`);
        seen.questions.push({ peer, keys: request.keys });
        await new Promise((resolve) => setImmediate(resolve));
        return asked(peer, request.keys);
      },
    },
  });
  return { reads, seen };
}

function rowOf(value: Value | null, servedBy: string): ReadAnswer {
  const row = value === null ? null : { value, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined };
  return { kind: 'row', row, servedBy, epoch: 1, com: 1 };
}

function mapOf(members: readonly string[]): ClusterMap {
  const part = { members: new Map(members.map((id) => [id, `store-${id}`])) } as unknown as PartitionConfig;
  return {
    ...emptyMap('test'),
    parts: Array.from({ length: 256 }, () => (members.length > 0 ? part : undefined)),
  };
}

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

function text(content: string): Value {
  return { bytes: Buffer.from(content), type: 'text/plain' };
}

const nothing = (): undefined => undefined;
const neverAsked: Asked = () => {
  throw new Error('nobody was to be asked');
};

describe('a batch of reads', () => {
  it('is answered from what this peer holds, without asking anybody', async () => {
    const { reads, seen } = bench((key) => (key === 'key-1' ? null : text(key)), neverAsked, ['a', 'b']);
    const answers = await reads.read(keys(3));
    expect(answers).to.deep.equal([
      { kind: 'value', value: text('key-0') },
      { kind: 'value', value: null },
      { kind: 'value', value: text('key-2') },
    ]);
    expect(seen.singles).to.deep.equal([]);
  });

  it('asks one peer for all that it may hold, and keeps the order', async () => {
    const own = (key: string) => (Number(key.slice(4)) % 2 === 0 ? text(key) : undefined);
    const { reads, seen } = bench(
      own,
      (_, asked) => ({ type: 'values', values: asked.map((key) => text(`there ${key}`)) }),
      ['b', 'c'],
    );
    const answers = await reads.read(keys(100));
    expect(seen.questions.map(({ keys }) => keys.length)).to.deep.equal([50]);
    expect(answers.map((answer) => answer.kind === 'value' && answer.value?.bytes.toString())).to.deep.equal(
      keys(100).map((key, i) => (i % 2 === 0 ? key : `there ${key}`)),
    );
    expect(seen.singles).to.deep.equal([]);
  });

  it('reads one by one what the asked peer left open, wherever that stands', async () => {
    const { reads, seen } = bench(
      nothing,
      (_, asked) => ({
        type: 'values',
        values: asked.slice(0, 7).map((key, i) => (i === 3 ? undefined : text(key))),
      }),
      ['b'],
    );
    const answers = await reads.read(keys(10));
    expect(seen.singles).to.deep.equal(['key-3', 'key-7', 'key-8', 'key-9']);
    expect(answers.map((answer) => answer.kind === 'value' && answer.value?.bytes.toString())).to.deep.equal(
      keys(10).map((key) => (seen.singles.includes(key) ? 'single' : key)),
    );
  });

  it('reads one by one what a member cannot answer at once', async () => {
    const { reads, seen } = bench(nothing, neverAsked, ['a', 'b']);
    expect(await reads.read(['k'])).to.deep.equal([{ kind: 'value', value: seen.value }]);
    expect(seen.singles).to.deep.equal(['k']);
  });

  it('does not ask a peer again that left it without an answer, for a second', async () => {
    const { reads, seen } = bench(nothing, () => FAILURE, ['b']);
    await reads.read(keys(2));
    await reads.read(keys(2));
    expect(seen.questions).to.have.length(1);
    expect(seen.singles).to.deep.equal(['key-0', 'key-1', 'key-0', 'key-1']);
    seen.nowMs = 1_000;
    await reads.read(keys(2));
    expect(seen.questions).to.have.length(2);
  });

  it('asks for no more than a thousand keys or so at a time', async () => {
    const { reads, seen } = bench(
      nothing,
      (_, asked) => ({ type: 'values', values: asked.map(() => null) }),
      ['b'],
    );
    expect(await reads.read(keys(5_000))).to.have.length(5_000);
    expect(seen.questions.map(({ keys }) => keys.length)).to.deep.equal([1_024, 1_024, 1_024, 1_024, 904]);
  });

  it('lets others have a turn while it looks up what it holds', async () => {
    let lookups = 0;
    const { reads } = bench(() => {
      lookups++;
      return null;
    }, neverAsked);
    const done = reads.read(keys(10_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(lookups).to.be.at.most(1_024);
    await done;
    expect(lookups).to.equal(10_000);
  });

  it('reads no more at once than one answer may hold, and says of the others that it is full', async () => {
    const { reads, seen } = bench(nothing, neverAsked);
    seen.value = { bytes: Buffer.alloc(MIB), type: '' };
    const answers = await reads.read(keys(1_000));
    expect(answers).to.have.length(1_000);
    expect(answers.filter(({ kind }) => kind === 'value')).to.have.length(64);
    expect(answers.findIndex(({ kind }) => kind === 'answer-full')).to.equal(64);
    expect(seen.most).to.be.at.most(32);
    expect(seen.singles.length).to.be.at.most(65);
  });

  it('reads all small values one by one, many at once', async () => {
    const { reads, seen } = bench(nothing, neverAsked);
    const answers = await reads.read(keys(5_000));
    expect(answers.filter(({ kind }) => kind === 'value')).to.have.length(5_000);
    expect(seen.most).to.equal(1_024);
  });

  it('stops looking up large values of its own when an answer is full', async () => {
    let lookups = 0;
    const { reads } = bench(() => {
      lookups++;
      return { bytes: Buffer.alloc(MIB), type: '' };
    }, neverAsked);
    const answers = await reads.read(keys(1_000));
    expect(answers.findIndex(({ kind }) => kind === 'answer-full')).to.equal(64);
    expect(answers.slice(64).every(({ kind }) => kind === 'answer-full')).to.equal(true);
    expect(lookups).to.be.at.most(75);
  });
});

describe("another peer's question for many keys", () => {
  const answersWith = (sizes: Readonly<Record<string, number>>) => (partition: number, key: string) => {
    expect(partition).to.equal(partitionOfKey(key));
    const size = sizes[key];
    return size === undefined
      ? undefined
      : rowOf(size < 0 ? null : { bytes: Buffer.alloc(size), type: '' }, 'a');
  };

  it('is answered with what is there at once, what is not there, and what it cannot tell', () => {
    const readNow = answersWith({ there: 1, absent: -1 });
    const { values } = valuesOf({ readNow }, ['there', 'absent', 'open']);
    expect(values).to.deep.equal([{ bytes: Buffer.alloc(1), type: '' }, null, undefined]);
  });

  it('is answered no further than a megabyte of values', () => {
    const { values } = valuesOf({ readNow: answersWith({ a: MIB / 2, b: MIB / 2, c: 1 }) }, ['a', 'b', 'c']);
    expect(values).to.have.length(2);
  });

  it('is answered with one value, however large', () => {
    const { values } = valuesOf({ readNow: answersWith({ a: 16 * MIB, b: 1 }) }, ['a', 'b']);
    expect(values.map((value) => value?.bytes.length)).to.deep.equal([16 * MIB]);
  });
});
