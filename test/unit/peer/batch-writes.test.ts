/** Batches of writes: what goes together, in which order, and what becomes of each. */
import { expect } from 'chai';
import { partitionOfKey } from '../../../common/slots.js';
import { writeBatch } from '../../../peer/batch-writes.js';
import type { Write } from '../../../peer/gateway/store.js';
import type { Command, Put } from '../../../peer/replication/commands.js';
import type { WriteAnswer } from '../../../peer/requests/rim.js';
import type { WriteCall } from '../../../peer/requests/writes.js';

type Judge = (keys: readonly string[], n: number) => WriteAnswer;

const done = (seq: number): WriteAnswer => ({
  kind: 'result',
  result: { kind: 'done', version: { epoch: 1, seq }, existed: false },
  servedBy: 'a',
});

/** A replica that answers the n-th request with `judge`, in a later turn or at once, and what it was asked. */
function replicaThat(judge: Judge, atOnce = false) {
  const seen = { calls: [] as WriteCall[], open: new Set<string>(), most: 0 };
  const replica = {
    beginWrite(call: WriteCall, answer: (answer: WriteAnswer) => void): void {
      const keys = keysOf(call);
      const n = seen.calls.push(call);
      for (const key of keys) {
        expect(partitionOfKey(key)).to.equal(call.partition);
        expect(seen.open.has(key), `two writes of ${key} under way`).to.equal(false);
        seen.open.add(key);
      }
      seen.most = Math.max(seen.most, seen.open.size);
      const end = () => {
        for (const key of keys) seen.open.delete(key);
        answer(judge(keys, n));
      };
      if (atOnce) end();
      else setImmediate(end);
    },
  };
  return { replica, seen };
}

function keysOf({ command }: WriteCall): string[] {
  return command.kind === 'transaction' ? command.changes.map(({ key }) => key) : [command.key];
}

function put(key: string, change: Partial<Put> = {}): Put {
  return { kind: 'put', key, value: { bytes: Buffer.from(key), type: '' }, ...change };
}

function puts(count: number, name: (i: number) => string): Write[] {
  return Array.from({ length: count }, (_, i) => ({ command: put(name(i)) }));
}

describe('a batch of writes', () => {
  it('sends puts of one partition together, and others by themselves', async () => {
    const { replica, seen } = replicaThat((_, n) => done(n));
    const writes = [...puts(3, (i) => `{a}${i}`), { command: put('{b}') }];
    const answers = await writeBatch(replica, writes);
    expect(seen.calls.map(({ command }) => command)).to.deep.equal([
      { kind: 'transaction', reads: [], changes: writes.slice(0, 3).map(({ command }) => command) },
      put('{b}'),
    ]);
    expect(answers).to.deep.equal([done(1), done(1), done(1), done(2)]);
  });

  it('gives each write the answer of its own request, in the order asked', async () => {
    const { replica } = replicaThat((keys) => ({ kind: 'unknown', request: keys.join() }));
    const writes = puts(2_000, (i) => `key-${i}`);
    for (const [i, answer] of (await writeBatch(replica, writes)).entries()) {
      expect(answer.kind === 'unknown' && answer.request.split(',')).to.include(`key-${i}`);
    }
  });

  it('does writes of one key one after the other', async () => {
    const { replica, seen } = replicaThat((_, n) => done(n));
    const writes = [
      put('k'),
      put('k', { value: { bytes: Buffer.from('2'), type: '' } }),
      put('{k}1'),
      put('k'),
    ];
    const answers = await writeBatch(
      replica,
      writes.map((command) => ({ command })),
    );
    expect(seen.calls.map(keysOf)).to.deep.equal([['k', '{k}1'], ['k'], ['k']]);
    expect((seen.calls[1] as WriteCall).command).to.equal(writes[1]);
    expect(answers).to.deep.equal([done(1), done(2), done(1), done(3)]);
  });

  const alone: readonly (readonly [string, Command, string?])[] = [
    ['a time to live', put('{a}1', { ttlMs: 1 })],
    ['a condition', put('{a}1', { condition: { kind: 'absent' } })],
    ['a token', put('{a}1'), 'token'],
    ['another command', { kind: 'delete', key: '{a}1' }],
  ];
  for (const [name, command, token] of alone) {
    it(`sends a write with ${name} by itself`, async () => {
      const { replica, seen } = replicaThat((_, n) => done(n));
      await writeBatch(replica, [{ command: put('{a}0') }, { command, token }, { command: put('{a}2') }]);
      expect(seen.calls.map(keysOf)).to.deep.equal([['{a}0', '{a}2'], ['{a}1']]);
      expect(seen.calls[1]?.command).to.equal(command);
      expect(seen.calls[1]?.idempotency?.token).to.equal(token);
    });
  }

  it('keeps what goes together small: 64 keys, a quarter of a megabyte', async () => {
    const { replica, seen } = replicaThat((_, n) => done(n));
    await writeBatch(
      replica,
      puts(200, (i) => `{a}${i}`),
    );
    expect(seen.calls.map((call) => keysOf(call).length)).to.deep.equal([64, 64, 64, 8]);
    const large = { bytes: Buffer.alloc(128 * 1024), type: '' };
    seen.calls.length = 0;
    await writeBatch(
      replica,
      puts(5, (i) => `{a}${i}`).map(({ command }) => ({ command: put(command.key, { value: large }) })),
    );
    expect(seen.calls.map((call) => keysOf(call).length)).to.deep.equal([2, 2, 1]);
  });

  it('has 1,024 requests under way at most, and lets others have a turn between them', async () => {
    const { replica, seen } = replicaThat(() => done(1));
    const writes = Array.from({ length: 5_000 }, (_, i) => ({ command: put(`key-${i}`, { ttlMs: 1 }) }));
    const all = writeBatch(replica, writes);
    expect(seen.calls.length).to.be.at.most(512);
    await all;
    expect(seen.calls).to.have.length(5_000);
    expect(seen.most).to.be.at.most(1_024);
  });

  it('is answered also where every request is, at once', async () => {
    const { replica } = replicaThat((_, n) => done(n), true);
    expect(await writeBatch(replica, [])).to.deep.equal([]);
    const answers = await writeBatch(
      replica,
      puts(3_000, (i) => `key-${i}`),
    );
    expect(answers.every(({ kind }) => kind === 'result')).to.equal(true);
  });

  it('tries each by itself where one was refused for a damaged row, which may be that of another', async () => {
    const { replica, seen } = replicaThat((keys) =>
      keys.includes('{a}1') ? { kind: 'not-applied', reason: 'damaged' } : done(7),
    );
    const answers = await writeBatch(
      replica,
      puts(3, (i) => `{a}${i}`),
    );
    expect(seen.calls.map(keysOf)).to.deep.equal([['{a}0', '{a}1', '{a}2'], ['{a}0'], ['{a}1'], ['{a}2']]);
    expect(answers).to.deep.equal([done(7), { kind: 'not-applied', reason: 'damaged' }, done(7)]);
  });

  it('tries nothing again that may have taken effect', async () => {
    const { replica, seen } = replicaThat(() => ({ kind: 'unknown', request: 'r' }));
    await writeBatch(
      replica,
      puts(3, (i) => `{a}${i}`),
    );
    expect(seen.calls).to.have.length(1);
  });
});
