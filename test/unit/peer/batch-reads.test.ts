/** Batches of reads: who is asked for what, how much is read at once, and what does not fit into one answer. */
import { expect } from 'chai';
import type { Rows } from '../../../peer/asking.js';
import { BatchReads } from '../../../peer/batch-reads.js';
import type { Value } from '../../../peer/replication/commands.js';
import type { LiveRow } from '../../../peer/replication/entry.js';
import type { ReadCall } from '../../../peer/requests/reads.js';
import type { ReadAnswer } from '../../../peer/requests/rim.js';

const MIB = 1024 * 1024;

type Asked = (peer: string, keys: readonly string[]) => Rows;

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
    /** What a single read finds. */
    value: { bytes: Buffer.from('single'), type: '' } as Value,
  };
  const reads = new BatchReads({
    replica: {
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
    asking: {
      choose: () => (members.includes('a') ? undefined : members[0]),
      ask: async (peer: string, keys: readonly string[]) => {
        seen.questions.push({ peer, keys });
        await new Promise((resolve) => setImmediate(resolve));
        return asked(peer, keys);
      },
    },
  });
  return { reads, seen };
}

function rowOf(value: Value | null, servedBy: string): ReadAnswer {
  return { kind: 'row', row: value === null ? null : liveRow(value), servedBy };
}

function liveRow(value: Value): LiveRow {
  return { value, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined };
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
    const { reads, seen } = bench(own, (_, asked) => asked.map((key) => liveRow(text(`there ${key}`))), [
      'b',
      'c',
    ]);
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
      (_, asked) => asked.slice(0, 7).map((key, i) => (i === 3 ? undefined : liveRow(text(key)))),
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

  it('asks for no more than a thousand keys or so at a time', async () => {
    const { reads, seen } = bench(nothing, (_, asked) => asked.map(() => null), ['b']);
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
