/** Commands over a store under which keys change: atomic, retried within bounds, and honest about what came of them. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Action } from '../../../peer/resp/action.js';
import { Arguments } from '../../../peer/resp/arguments.js';
import { COMMANDS } from '../../../peer/resp/commands/table.js';
import { isAction } from '../../../peer/resp/commands/transaction-commands.js';
import { Executor } from '../../../peer/resp/executor.js';
import { RESP_LIMITS } from '../../../peer/resp/limits.js';
import { Outbox } from '../../../peer/resp/outbox.js';
import type { Reply } from '../../../peer/resp/replies.js';
import { RespMemoryStore } from '../../api/resp-memory-store.js';

const NOW_MS = 1_000_000;
const LIMITS = { ...RESP_LIMITS, attempts: 5, running: 4, answerBytes: 1_000 };
const CONTEXT = { protocol: 2, maxValueBytes: 10_000, nowMs: () => NOW_MS } as const;

function actionOf(line: string): Action {
  const args = line.split(' ').map((word) => Buffer.from(word));
  const run = COMMANDS.get(line.split(' ', 1)[0]?.toLowerCase() as string)?.run;
  const action = run?.kind === 'keys' ? run.parse(Arguments.of(args), CONTEXT) : '';
  if (!isAction(action)) throw new Error(`no action: ${line}`);
  return action;
}

function ran(executor: Executor, line: string): Promise<string> {
  return new Promise((resolve) => executor.run(actionOf(line), (reply) => resolve(sent(reply))));
}

/** As it leaves. */
function sent(reply: Reply): string {
  let text = '';
  const outbox = new Outbox(
    {
      write: (bytes) => {
        text += Buffer.from(bytes).toString('latin1');
        return true;
      },
      cork: () => undefined,
      uncork: () => undefined,
      writableLength: 0,
    },
    () => undefined,
  );
  outbox.give(reply, false);
  outbox.flush();
  return text;
}

function setUp(later?: (answer: () => void) => void) {
  const store = new RespMemoryStore(() => NOW_MS, later);
  return { store, executor: new Executor(store, LIMITS, () => NOW_MS) };
}

describe('the executor', () => {
  it('reads anew where a key changed between its read and its write', async () => {
    const { store, executor } = setUp();
    await ran(executor, 'SET k 1');
    let changes = 2;
    store.afterRead = () => {
      if (changes-- > 0) store.write({ kind: 'increment', key: 'k', by: 10n }, () => undefined);
    };
    expect(await ran(executor, 'INCRBYFLOAT k 0.5')).to.equal('$4\r\n21.5\r\n');
  });

  it('gives up after some attempts, with nothing written', async () => {
    const { store, executor } = setUp();
    let reads = 0;
    store.afterRead = () => {
      reads++;
      store.write({ kind: 'increment', key: 'k', by: 1n }, () => undefined);
    };
    expect(await ran(executor, 'SETRANGE k 0 x')).to.match(/^-TRYAGAIN .*nothing was written/);
    expect(reads).to.equal(LIMITS.attempts);
    store.afterRead = () => undefined;
    expect(await ran(executor, 'GET k')).to.equal(`$1\r\n${LIMITS.attempts}\r\n`);
  });

  it('notices a key that appeared, was deleted, or was replaced by the same value', async () => {
    for (const [before, between] of [
      ['DEL k', 'SET k other'],
      ['SET k 1', 'DEL k'],
      ['SET k 1', 'SET k 1'],
    ] as const) {
      const { store, executor } = setUp();
      await ran(executor, before);
      let reads = 0;
      store.afterRead = () => {
        if (reads++ === 0) void ran(executor, between);
      };
      await ran(executor, 'GETSET k new');
      expect(reads, `${before}, then ${between}`).to.equal(2);
    }
  });

  it('does not start those again that go through this peer: they wait for each other', async () => {
    const { store, executor } = setUp((answer) => setImmediate(answer));
    let reads = 0;
    store.afterRead = () => {
      reads++;
    };
    const all = Array.from({ length: 40 }, () => ran(executor, 'INCRBYFLOAT k 0.25'));
    expect(new Set(await Promise.all(all)).size).to.equal(40);
    expect(reads).to.equal(40);
    expect(await ran(executor, 'GET k')).to.equal('$2\r\n10\r\n');
  });

  it('tells a write that may have happened from one that did not', async () => {
    const { store, executor } = setUp();
    for (const line of ['SET k 1', 'GETSET k 1', 'INCR k', 'DEL k', 'MSET k 1 x 2']) {
      store.writeFault = () => ({ kind: 'unknown', request: 'p/s/1/1' });
      expect(await ran(executor, line), line).to.match(/^-UNKNOWN /);
      store.writeFault = () => ({ kind: 'not-applied', reason: 'overloaded' });
      expect(await ran(executor, line), line).to.match(/^-TRYAGAIN .*nothing was written/);
      store.writeFault = () => ({ kind: 'not-applied', reason: 'no-primary' });
      expect(await ran(executor, line), line).to.match(/^-CLUSTERDOWN .*nothing was written/);
    }
  });

  it('does not say that nothing was written where some keys were', async () => {
    const { store, executor } = setUp();
    store.writeFault = ({ key }) => (key === 'b' ? { kind: 'not-applied', reason: 'starting' } : undefined);
    expect(await ran(executor, 'MSET a 1 b 2 c 3')).to.match(/^-TRYAGAIN .*2 of 3 keys were not written/);
    expect(await ran(executor, 'GET c'), 'the rest is not begun').to.equal('$-1\r\n');
    store.writeFault = ({ key }) =>
      key === 'b' ? { kind: 'not-applied', reason: 'starting' } : { kind: 'unknown', request: 'r' };
    expect(await ran(executor, 'DEL a b c')).to.match(/^-UNKNOWN /);
  });

  it('changes keys of one partition as one, and refuses what it cannot', async () => {
    const { store, executor } = setUp();
    let singles = 0;
    store.writeFault = () => {
      singles++;
      return undefined;
    };
    expect(await ran(executor, 'MSET {t}a 1 {t}b 2')).to.equal('+OK\r\n');
    expect(await ran(executor, 'MSETNX {t}b 1 {t}c 2')).to.equal(':0\r\n');
    expect(await ran(executor, 'MSETNX {t}c 1 {t}d 2')).to.equal(':1\r\n');
    expect(await ran(executor, 'DEL {t}a {t}b {t}z')).to.equal(':2\r\n');
    expect(singles).to.equal(0);
    expect(await ran(executor, 'MSETNX a 1 b 2')).to.match(/^-CROSSSLOT /);
    expect(singles).to.equal(0);
    const many = Array.from({ length: 5_000 }, (_, i) => `{t}${i} x`).join(' ');
    expect(await ran(executor, `MSET ${many}`)).to.match(/^-ERR too much .* at most 4096 keys/);
    expect(await ran(executor, `MSETNX ${many}`)).to.match(/^-ERR too much /);
    expect(store.row('{t}0')).to.equal(null);
  });

  it('changes keys of one partition without reading them, where it need not know them', async () => {
    const { store, executor } = setUp();
    store.afterRead = () => {
      throw new Error('read');
    };
    expect(await ran(executor, 'MSET {t}a 1 {t}b 2')).to.equal('+OK\r\n');
    expect(await ran(executor, 'MSET a 1 b 2')).to.equal('+OK\r\n');
    expect(await ran(executor, 'DEL {t}b {t}c {t}a')).to.equal(':2\r\n');
    expect(store.rows.size).to.equal(2);
  });

  it('tells a transaction that may have happened from one that did not', async () => {
    const { store, executor } = setUp();
    for (const line of ['MSET {t}a 1 {t}b 2', 'MSETNX {t}a 1 {t}b 2']) {
      store.transactFault = () => ({ kind: 'unknown', request: 'p/s/1/1' });
      expect(await ran(executor, line), line).to.match(/^-UNKNOWN /);
      store.transactFault = () => ({ kind: 'not-applied', reason: 'overloaded' });
      expect(await ran(executor, line), line).to.match(/^-TRYAGAIN .*nothing was written/);
      store.transactFault = () => ({ kind: 'conflict' });
      expect(await ran(executor, line), line).to.match(/^-TRYAGAIN .*nothing was written/);
    }
  });

  it('refuses an answer that would be too large', async () => {
    const { executor } = setUp();
    await ran(executor, `SET a ${'x'.repeat(600)}`);
    expect(await ran(executor, 'MGET a b c d e f')).to.match(/^\*6/);
    expect(await ran(executor, 'MGET a a')).to.match(/^-ERR .*too large/);
  });

  it('judges alone as it does directly, and as in a transaction', () => {
    const command = fc.constantFrom(
      'SET k 5',
      'SET k 6 NX',
      'SET k 7 XX',
      'SET k 8 EX 10',
      'SET k 9 PXAT 5',
      'SETNX k 1',
      'SETEX k 10 v',
      'DEL k',
      'INCR k',
      'DECRBY k 3',
      'APPEND k 1',
      'EXPIRE k 10',
      'EXPIRE k -1',
      'PEXPIREAT k 2000000',
      'PERSIST k',
      'GETDEL k',
      'GETEX k EX 5',
      'SETRANGE k 1 0',
      'INCRBYFLOAT k 1',
      'MSET k 3',
      'MSETNX k 4',
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (lines) => {
        const direct = setUp();
        const judged = setUp();
        for (const line of lines) {
          const replies: Reply[] = [];
          direct.executor.run(actionOf(line), (reply) => replies.push(reply));
          // The same action, without what spares judging.
          const plain = Object.create(actionOf(line), {
            direct: { value: undefined },
            blind: { value: undefined },
          }) as Action;
          judged.executor.run(plain, (reply) => replies.push(reply));
          expect(replies[1], line).to.deep.equal(replies[0]);
          expect(shown(judged.store), line).to.deep.equal(shown(direct.store));
        }
      }),
    );
  });
});

function shown(store: RespMemoryStore) {
  const row = store.row('k');
  return row?.value && [Buffer.from(row.value.bytes).toString(), row.value.type, row.expiresAtMs];
}
