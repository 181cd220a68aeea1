import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../peer/replication/entry.js';
import {
  MAX_TOKEN_ANSWERS,
  parseSession,
  Sessions,
  sessionId,
  TOKEN_ANSWER_MS,
  TOKEN_MARK_MS,
} from '../../../peer/replication/sessions.js';
import { draft } from './entries.js';

function asked(seq: number, session: string, n: number, fi: number, rest: Partial<Entry> = {}): Entry {
  return draft(seq, 'k', { request: { session, n, fi }, ...rest });
}

function tagged(seq: number, token: string, ts: number): Entry {
  return draft(seq, 'k', { ts, idempotency: { token, fingerprint: 7 } });
}

describe('peer/replication/sessions', () => {
  it('names sessions reversibly, whatever the peer is called', () => {
    for (const peer of ['a', 'a/b', '10.0.0.1:80', 'é/']) {
      expect(parseSession(sessionId(peer, 'store', 12))).to.deep.equal({ peer, storeId: 'store', inc: 12 });
    }
    for (const text of ['', 'a', 'a/b', '/b/1', 'a/b/x'])
      expect(parseSession(text), text).to.equal(undefined);
  });

  it('D3: remembers results from the first open request on', () => {
    const sessions = new Sessions();
    for (const [seq, n, fi] of [
      [1, 1, 1],
      [2, 3, 1],
      [3, 2, 1],
    ] as const)
      sessions.apply(asked(seq, 's', n, fi));
    expect([1, 2, 3].map((n) => sessions.result('s', n)?.seq)).to.deep.equal([1, 3, 2]);
    expect([sessions.newest('s'), sessions.newest('t')]).to.deep.equal([3, 0]);
    sessions.apply(asked(4, 's', 4, 3));
    expect([1, 2, 3, 4].map((n) => sessions.result('s', n)?.seq)).to.deep.equal([undefined, undefined, 2, 4]);
    expect([sessions.firstOpen('s'), sessions.firstOpen('t')]).to.deep.equal([3, 0]);
    sessions.apply(asked(5, 's', 5, 1));
    expect(sessions.firstOpen('s')).to.equal(3);
    sessions.apply(asked(6, 's', 3, 9));
    expect([sessions.newest('s'), sessions.result('s', 5)]).to.deep.equal([8, undefined]);
  });

  it('D4: ends the sessions of earlier processes on a store, and of no other', () => {
    const sessions = new Sessions();
    const names = ['A/s1/1', 'A/s1/2', 'A/s1/3', 'A/s0/9', 'AA/s1/1'];
    for (const [i, name] of names.entries()) sessions.apply(asked(i + 1, name, 1, 1));
    sessions.apply(draft(9, '', { effect: { kind: 'retire', peer: 'A', storeId: 's1', inc: 2 } }));
    expect([...sessions.names()]).to.deep.equal(['A/s1/2', 'A/s1/3', 'A/s0/9', 'AA/s1/1']);
    const retired = (peer: string, storeId: string, inc: number) =>
      sessions.isRetired({ peer, storeId, inc });
    expect([1, 2, 3].map((inc) => retired('A', 's1', inc))).to.deep.equal([true, false, false]);
    expect([retired('A', 's0', 1), retired('AA', 's1', 1)]).to.deep.equal([false, false]);
  });

  it('D4: what was forgotten stays retired, whatever is retired later (simulator, seed 607955)', () => {
    const sessions = new Sessions();
    const retire = (seq: number, storeId: string, inc: number) =>
      sessions.apply(draft(seq, '', { effect: { kind: 'retire', peer: 'A', storeId, inc } }));
    retire(1, 's1', 4);
    retire(2, 's2', 2);
    retire(3, 's1', 2);
    const known = new Sessions(sessions.image());
    for (const each of [sessions, known]) {
      expect(each.isRetired({ peer: 'A', storeId: 's1', inc: 3 })).to.equal(true);
      expect(each.isRetired({ peer: 'A', storeId: 's1', inc: 4 })).to.equal(false);
      expect(each.isRetired({ peer: 'A', storeId: 's2', inc: 1 })).to.equal(true);
    }
  });

  it('D6: forgets the answer to a token, then the token, by log time', () => {
    const sessions = new Sessions();
    sessions.apply(tagged(1, 'x', 1_000));
    sessions.apply(draft(2, 'k', { ts: 1_000 + TOKEN_ANSWER_MS }));
    expect(sessions.token('x')?.result).to.include({ kind: 'done' });
    sessions.apply(draft(3, 'k', { ts: 1_001 + TOKEN_ANSWER_MS }));
    expect(sessions.token('x')).to.deep.equal({ fingerprint: 7, seq: 1, ts: 1_000, result: null });
    sessions.apply(draft(4, 'k', { ts: 1_001 + TOKEN_MARK_MS }));
    expect(sessions.token('x')).to.equal(undefined);
  });

  it('D6: forgets answers early when there are too many, oldest first', () => {
    const sessions = new Sessions();
    for (let i = 0; i <= MAX_TOKEN_ANSWERS; i++) sessions.apply(tagged(i + 1, `t${i}`, 5));
    expect(sessions.token('t0')?.result).to.equal(null);
    expect(sessions.token('t1')?.result).to.include({ kind: 'done' });
  });

  it('is the same after a copy by image, at any point of any log', () => {
    const entry = fc.record({
      peer: fc.constantFrom('A', 'B'),
      inc: fc.integer({ min: 1, max: 3 }),
      n: fc.integer({ min: 1, max: 6 }),
      fi: fc.integer({ min: 1, max: 6 }),
      step: fc.constantFrom(1, TOKEN_ANSWER_MS / 2, TOKEN_ANSWER_MS, TOKEN_MARK_MS),
      token: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
      retire: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), fc.nat(40), (drafts, cut) => {
        let ts = 0;
        const log = drafts.map(({ peer, inc, n, fi, step, token, retire }, i) => {
          ts += step;
          const effect = retire ? ({ kind: 'retire', peer, storeId: 's', inc } as const) : draft(1).effect;
          const idempotency = token === undefined ? undefined : { token, fingerprint: 1 };
          return asked(i + 1, sessionId(peer, 's', inc), n, fi, { ts, effect, idempotency });
        });
        const whole = new Sessions();
        for (const one of log) whole.apply(one);
        const first = new Sessions();
        for (const one of log.slice(0, cut)) first.apply(one);
        const second = new Sessions(first.image());
        for (const one of log.slice(cut)) second.apply(one);
        expect(second.image()).to.deep.equal(whole.image());
        for (const token of ['x', 'y', 'z']) expect(second.token(token)).to.deep.equal(whole.token(token));
        for (const name of whole.names()) {
          expect(second.firstOpen(name)).to.equal(whole.firstOpen(name));
          for (let n = 1; n <= 6; n++) expect(second.result(name, n)).to.deep.equal(whole.result(name, n));
        }
        for (const peer of ['A', 'B']) {
          for (let inc = 1; inc <= 3; inc++) {
            const name = { peer, storeId: 's', inc };
            expect(second.isRetired(name)).to.equal(whole.isRetired(name));
          }
        }
      }),
    );
  });
});
