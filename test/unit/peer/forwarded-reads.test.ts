/** Reads of keys that another peer holds: what shares a question, and what becomes of a read that it does not answer. */
import { expect } from 'chai';
import type { Rows } from '../../../peer/asking.js';
import { ForwardedReads } from '../../../peer/forwarded-reads.js';
import type { LiveRow } from '../../../peer/replication/entry.js';
import type { ReadCall } from '../../../peer/requests/reads.js';
import type { ReadAnswer } from '../../../peer/requests/rim.js';

const SINGLE: ReadAnswer = { kind: 'row', row: null, servedBy: 'single' };

/** Reads of a peer that asks `peerOf` a partition, and gets `rowsFor` the keys. */
function bench(
  peerOf: (partition: number) => string | undefined,
  rowsFor: (keys: readonly string[]) => Rows,
) {
  const seen = {
    questions: [] as { peer: string; keys: readonly string[] }[],
    singles: [] as ReadCall[],
    answers: new Map<string, ReadAnswer>(),
    turnEnds: [] as (() => void)[],
  };
  const reads = new ForwardedReads({
    replica: {
      beginRead: (call, done) => {
        seen.singles.push(call);
        done(SINGLE);
      },
    },
    asking: {
      choose: peerOf,
      ask: async (peer, keys) => {
        seen.questions.push({ peer, keys });
        return rowsFor(keys);
      },
    },
    atEndOfTurn: (task) => seen.turnEnds.push(task),
  });
  const read = (key: string, partition = 0): void =>
    reads.begin(partition, key, (answer) => {
      expect(seen.answers.has(key), `${key} answered twice`).to.equal(false);
      seen.answers.set(key, answer);
    });
  const endTurn = async (): Promise<void> => {
    for (const task of seen.turnEnds.splice(0)) task();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { read, endTurn, seen };
}

function rowOf(text: string, bytes: Uint8Array = Buffer.from(text)): LiveRow {
  return { value: { bytes, type: text }, epoch: 1, seq: 2, ts: 3, expiresAtMs: undefined };
}

function keysFrom(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

describe('forwarded reads', () => {
  it('share one question a turn and peer', async () => {
    const { read, endTurn, seen } = bench(
      (partition) => (partition === 0 ? 'b' : 'c'),
      (keys) => keys.map((key) => rowOf(key)),
    );
    read('x', 0);
    read('y', 1);
    read('z', 0);
    expect(seen.questions).to.deep.equal([]);
    expect(seen.turnEnds).to.have.length(1);
    await endTurn();
    expect(seen.questions).to.deep.equal([
      { peer: 'b', keys: ['x', 'z'] },
      { peer: 'c', keys: ['y'] },
    ]);
    expect(seen.answers.get('z')).to.deep.equal({ kind: 'row', row: rowOf('z'), servedBy: 'b' });
    expect(seen.answers.get('y')).to.deep.equal({ kind: 'row', row: rowOf('y'), servedBy: 'c' });
    read('x2');
    await endTurn();
    expect(seen.questions.at(-1)).to.deep.equal({ peer: 'b', keys: ['x2'] });
    expect(seen.singles).to.deep.equal([]);
  });

  it('are read one by one where nobody is to be asked, or the question left them open', async () => {
    const { read, endTurn, seen } = bench(
      (partition) => (partition === 0 ? 'b' : undefined),
      (keys) => keys.map((key) => (key === 'open' ? undefined : null)),
    );
    read('own', 1);
    expect(seen.answers.get('own')).to.equal(SINGLE);
    read('absent');
    read('open');
    await endTurn();
    expect(seen.answers.get('absent')).to.deep.equal({ kind: 'row', row: null, servedBy: 'b' });
    expect(seen.answers.get('open')).to.equal(SINGLE);
    expect(seen.singles).to.deep.equal([
      { partition: 1, key: 'own', consistency: 'linearizable' },
      { partition: 0, key: 'open', consistency: 'linearizable' },
    ]);
  });

  it('are read one by one where the answer ends before them, or there is none', async () => {
    const { read, endTurn, seen } = bench(
      () => 'b',
      (keys) => keys.slice(0, 3).map((key) => rowOf(key)),
    );
    for (const key of keysFrom(5)) read(key);
    await endTurn();
    expect(seen.questions).to.have.length(1);
    expect(seen.singles.map(({ key }) => key)).to.deep.equal(['key-3', 'key-4']);
    expect(seen.answers.size).to.equal(5);
  });

  it('take no notice of answers that nobody asked for', async () => {
    const { read, endTurn, seen } = bench(
      () => 'b',
      () => [null, null],
    );
    read('k');
    await endTurn();
    expect(seen.answers.get('k')).to.deep.equal({ kind: 'row', row: null, servedBy: 'b' });
  });

  it('are asked for before the turn ends when they are as many as one question takes', async () => {
    const { read, endTurn, seen } = bench(
      () => 'b',
      (keys) => keys.map(() => null),
    );
    for (const key of keysFrom(1_500)) read(key);
    expect(seen.questions.map(({ keys }) => keys.length)).to.deep.equal([1_024]);
    await endTurn();
    expect(seen.questions.map(({ keys }) => keys.length)).to.deep.equal([1_024, 476]);
    expect(seen.answers.size).to.equal(1_500);
  });

  it('are read one by one beyond five thousand that are open', async () => {
    const { read, endTurn, seen } = bench(
      () => 'b',
      (keys) => keys.map(() => null),
    );
    for (const key of keysFrom(5_001)) read(key);
    expect(seen.singles.map(({ key }) => key)).to.deep.equal(['key-5000']);
    await endTurn();
    read('later');
    expect(seen.singles).to.have.length(1);
  });

  it('keep nothing of an answer but their own value', async () => {
    const answer = new Uint8Array(100_000);
    const { read, endTurn, seen } = bench(
      () => 'b',
      () => [rowOf('small', answer.subarray(10, 20_010)), rowOf('large', answer.subarray(30_000, 90_000))],
    );
    read('small');
    read('large');
    await endTurn();
    const kept = ['small', 'large'].map((key) => {
      const given = seen.answers.get(key);
      return given?.kind === 'row' ? given.row?.value?.bytes.buffer.byteLength : undefined;
    });
    expect(kept).to.deep.equal([20_000, 100_000]);
  });
});
