import { expect } from 'chai';
import fc from 'fast-check';
import { explainable } from './brute-force.js';
import { type Call, checkKey, type Operation, type Outcome } from './linearizability.js';

const put = (value: string): Call => ({ op: 'put', value });
const get: Call = { op: 'get' };
const del: Call = { op: 'delete' };
const cas = (expected: number | null, value: string): Call => ({
  op: 'put',
  value,
  condition: expected === null ? { kind: 'absent' } : { kind: 'version', version: expected },
});
const expire = (expiresFrom: number): Call => ({ op: 'expire', expiresFrom });
const increment: Call = { op: 'increment', by: 1 };
const append = (suffix: string): Call => ({ op: 'append', suffix });
const at = (start: number, end: number, call: Call, outcome?: Outcome): Operation => ({
  start,
  end,
  call,
  ...(outcome === undefined ? {} : { outcome }),
});

interface Case {
  readonly name: string;
  readonly good: readonly Operation[];
  readonly bad: readonly Operation[];
}

const CASES: readonly Case[] = [
  {
    name: 'get and put: a read sees the newest finished write',
    good: [at(0, 1, put('a'), { version: 1 }), at(2, 3, get, { value: 'a', version: 1 })],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, put('b'), { version: 2 }),
      at(4, 5, get, { value: 'a', version: 1 }),
    ],
  },
  {
    name: 'get: two reads after one another never go back',
    good: [
      at(0, 9, put('a'), { version: 1 }),
      at(1, 2, get, { value: null }),
      at(3, 4, get, { value: 'a', version: 1 }),
    ],
    bad: [
      at(0, 9, put('a'), { version: 1 }),
      at(1, 2, get, { value: 'a', version: 1 }),
      at(3, 4, get, { value: null }),
    ],
  },
  {
    name: 'delete: tells whether there was something, and the key stays away',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, del, { found: true }),
      at(4, 5, del, { found: false }),
      at(6, 7, get, { value: null }),
    ],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, del, { found: true }),
      at(4, 5, get, { value: 'a', version: 1 }),
    ],
  },
  {
    name: 'delete: of two concurrent ones only one finds the value',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 5, del, { found: false }),
      at(2, 5, del, { found: true }),
    ],
    bad: [at(0, 1, put('a'), { version: 1 }), at(2, 5, del, { found: true }), at(2, 5, del, { found: true })],
  },
  {
    name: 'compare-and-set on a version',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 5, cas(1, 'b'), { version: 2 }),
      at(2, 5, cas(1, 'c'), { failed: 'condition', version: 2 }),
    ],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 5, cas(1, 'b'), { version: 2 }),
      at(2, 5, cas(1, 'c'), { version: 3 }),
    ],
  },
  {
    name: 'compare-and-set on a version: a mismatch needs a cause',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 9, put('b'), { version: 2 }),
      at(3, 4, cas(1, 'c'), { failed: 'condition' }),
    ],
    bad: [at(0, 1, put('a'), { version: 1 }), at(3, 4, cas(1, 'c'), { failed: 'condition' })],
  },
  {
    name: 'compare-and-set on absence',
    good: [
      at(0, 5, cas(null, 'a'), { failed: 'condition', version: 1 }),
      at(0, 5, cas(null, 'b'), { version: 1 }),
    ],
    bad: [at(0, 5, cas(null, 'a'), { version: 1 }), at(0, 5, cas(null, 'b'), { version: 2 })],
  },
  {
    name: 'increment: every one counts once',
    good: [
      at(0, 5, increment, { value: '2', version: 2 }),
      at(0, 5, increment, { value: '1', version: 1 }),
      at(6, 7, get, { value: '2', version: 2 }),
    ],
    bad: [at(0, 5, increment, { value: '1', version: 1 }), at(0, 5, increment, { value: '1', version: 2 })],
  },
  {
    name: 'increment: refuses a text, and only a text',
    good: [at(0, 1, put('x'), { version: 1 }), at(2, 3, increment, { failed: 'not-an-integer', version: 1 })],
    bad: [at(0, 1, put('7'), { version: 1 }), at(2, 3, increment, { failed: 'not-an-integer', version: 1 })],
  },
  {
    name: 'append: nothing lost, nothing twice',
    good: [
      at(0, 1, append('a'), { version: 1 }),
      at(2, 3, append('b'), { version: 2 }),
      at(4, 5, get, { value: 'ab', version: 2 }),
    ],
    bad: [
      at(0, 1, append('a'), { version: 1 }),
      at(2, 3, append('b'), { version: 2 }),
      at(4, 5, get, { value: 'abb', version: 2 }),
    ],
  },
  {
    name: 'append: the length tells what stood before',
    good: [at(0, 5, append('aa'), { length: 3 }), at(0, 5, append('b'), { length: 1 })],
    bad: [at(0, 5, append('aa'), { length: 2 }), at(0, 5, append('b'), { length: 1 })],
  },
  {
    name: 'a condition on a value, and on being there',
    good: [
      at(0, 1, { ...put('b'), condition: { kind: 'present' } } as Call, {
        failed: 'condition',
        version: null,
      }),
      at(2, 3, put('a'), { version: 1 }),
      at(4, 5, { ...put('b'), condition: { kind: 'value', value: 'a' } } as Call, { version: 2 }),
    ],
    bad: [
      at(2, 3, put('a'), { version: 1 }),
      at(4, 5, { ...put('b'), condition: { kind: 'value', value: 'b' } } as Call, { version: 2 }),
    ],
  },
  {
    name: 'a conditional delete',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 5, { op: 'delete', condition: { kind: 'version', version: 1 } }, { failed: 'condition' }),
      at(2, 5, put('b'), { version: 2 }),
    ],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 5, { op: 'delete', condition: { kind: 'version', version: 1 } }, { failed: 'condition' }),
    ],
  },
  {
    name: 'a time to live set later',
    good: [
      at(0, 1, expire(9), { failed: 'not-found' }),
      at(2, 3, put('a'), { version: 1 }),
      at(4, 5, expire(9), { version: 2 }),
      at(10, 11, get, { value: null }),
    ],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(4, 5, expire(9), { version: 2 }),
      at(6, 7, get, { value: null }),
    ],
  },
  {
    name: 'unknown put: may take effect late, but not come and go',
    good: [
      at(0, 1, put('a')),
      at(2, 3, get, { value: null }),
      at(4, 5, put('b'), { version: 5 }),
      at(6, 7, get, { value: 'b', version: 5 }),
      at(8, 9, get, { value: 'a', version: 6 }),
    ],
    bad: [
      at(0, 1, put('a')),
      at(2, 3, get, { value: 'a', version: 1 }),
      at(4, 5, get, { value: null }),
      at(6, 7, get, { value: 'a', version: 1 }),
    ],
  },
  {
    name: 'unknown put: its version settles on first sight',
    good: [
      at(0, 1, put('a')),
      at(2, 3, get, { value: 'a', version: 3 }),
      at(4, 5, cas(3, 'b'), { version: 4 }),
    ],
    bad: [
      at(0, 1, put('a')),
      at(2, 3, get, { value: 'a', version: 3 }),
      at(4, 5, get, { value: 'a', version: 4 }),
    ],
  },
  {
    name: 'unknown delete',
    good: [at(0, 1, put('a'), { version: 1 }), at(2, 3, del), at(4, 5, get, { value: null })],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, del),
      at(4, 5, get, { value: null }),
      at(6, 7, get, { value: 'a', version: 1 }),
    ],
  },
  {
    name: 'unknown compare-and-set: only if its condition could hold',
    good: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, cas(1, 'b')),
      at(4, 5, get, { value: 'b', version: 2 }),
    ],
    bad: [
      at(0, 1, put('a'), { version: 1 }),
      at(2, 3, put('z'), { version: 2 }),
      at(4, 5, cas(1, 'b')),
      at(6, 7, get, { value: 'b', version: 3 }),
    ],
  },
  {
    name: 'unknown increment: at most once',
    good: [at(0, 1, increment), at(2, 3, increment, { value: '2', version: 2 })],
    bad: [at(0, 1, increment), at(2, 3, increment, { value: '3', version: 3 })],
  },
  {
    name: 'unknown append: at most once',
    good: [at(0, 1, append('a')), at(2, 3, append('b'), { version: 2 }), at(4, 5, get, { value: 'ba' })],
    bad: [at(0, 1, append('a')), at(2, 3, append('b'), { version: 2 }), at(4, 5, get, { value: 'aba' })],
  },
  {
    name: 'expiry: not early, not undone',
    good: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(8, 9, get, { value: 'a', version: 1 }),
      at(11, 12, get, { value: null }),
    ],
    bad: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(11, 12, get, { value: null }),
      at(13, 14, get, { value: 'a', version: 1 }),
    ],
  },
  {
    name: 'expiry: not before its time',
    good: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(9, 10, get, { value: null }),
    ],
    bad: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(8, 9, get, { value: null }),
    ],
  },
  {
    name: 'expiry: not for ever',
    good: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(20, 21, get, { value: 'a' }),
    ],
    bad: [
      at(0, 1, { op: 'put', value: 'a', expiresFrom: 10, expiresBy: 20 }, { version: 1 }),
      at(21, 22, get, { value: 'a' }),
    ],
  },
  {
    name: 'versions grow',
    good: [at(0, 1, put('a'), { version: 1 }), at(2, 3, put('b'), { version: 2 })],
    bad: [at(0, 1, put('a'), { version: 2 }), at(2, 3, put('b'), { version: 1 })],
  },
];

describe('linearizability of one key', () => {
  for (const { name, good, bad } of CASES) {
    it(name, () => {
      expect(checkKey(good), 'must accept').to.equal('linearizable');
      expect(checkKey(bad), 'must refuse').to.equal('violation');
      expect(explainable(good), 'brute force accepts').to.equal(true);
      expect(explainable(bad), 'brute force refuses').to.equal(false);
    });
  }

  it('says undecided when it may not look any further', () => {
    const history = [at(0, 9, put('a')), at(0, 9, put('b')), at(1, 2, get, { value: 'c' })];
    expect(checkKey(history, 1)).to.equal('undecided');
    expect(checkKey(history)).to.equal('violation');
  });

  it('checks a thousand operations of one key, many of unknown outcome, in a blink', () => {
    const history: Operation[] = [];
    for (let i = 0; i < 500; i += 1) {
      const outcome = i % 100 === 50 ? undefined : { version: i + 1 };
      history.push(at(i * 10, i * 10 + 15, put(`v${i}`), outcome));
      history.push(at(i * 10 + 16, i * 10 + 18, get, { value: `v${i}`, version: i + 1 }));
    }
    const before = performance.now();
    expect(checkKey(history)).to.equal('linearizable');
    expect(performance.now() - before).to.be.below(500);
  });

  it('agrees with brute force on small random histories', () => {
    const version = fc.integer({ min: 1, max: 4 });
    const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 3 });
    const text = fc.constantFrom('1', 'a');
    const operation: fc.Arbitrary<Operation> = fc
      .record({
        start: fc.integer({ min: 0, max: 12 }),
        lasts: fc.integer({ min: 0, max: 5 }),
        call: fc.oneof(
          fc.constant<Call>(get),
          fc.constant<Call>(get),
          fc.constant<Call>(del),
          fc.constant<Call>(increment),
          fc.constant<Call>({ ...increment, condition: { kind: 'present' } } as Call),
          text.map(put),
          text.map(append),
          text.map((t): Call => ({ op: 'put', value: '2', condition: { kind: 'value', value: t } })),
          version.map((v): Call => ({ op: 'delete', condition: { kind: 'version', version: v } })),
          fc.tuple(fc.option(version), text).map(([v, t]) => cas(v, t)),
          fc.integer({ min: 3, max: 9 }).map(expire),
          fc
            .tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 0, max: 3 }))
            .map(
              ([from, more]): Call => ({ op: 'put', value: 'e', expiresFrom: from, expiresBy: from + more }),
            ),
        ),
        value: maybe(fc.constantFrom(null, '1', '2', 'a', 'aa', 'e')),
        version: maybe(version),
        found: maybe(fc.boolean()),
        length: fc.integer({ min: 1, max: 3 }),
        failed: fc.boolean(),
        unknown: fc.integer({ min: 0, max: 3 }),
      })
      .map(({ start, lasts, call, value, version: told, found, length, failed, unknown }) => {
        if (unknown === 0) return at(start, start + lasts, call);
        const outcome: Outcome = {
          ...(call.op === 'get' && value !== undefined ? { value } : {}),
          ...(call.op === 'increment' && typeof value === 'string' ? { value } : {}),
          ...(call.op === 'append' && found !== undefined ? { length } : {}),
          ...(told === undefined ? {} : { version: told }),
          ...(call.op === 'get' && value === null ? { version: null } : {}),
          ...(call.op === 'delete' && found !== undefined ? { found } : {}),
          ...(failed && call.op === 'increment' ? { failed: 'not-an-integer' } : {}),
          ...(failed && call.op === 'expire' ? { failed: 'not-found', version: null } : {}),
          ...(failed && call.op !== 'get' && call.condition !== undefined ? { failed: 'condition' } : {}),
        };
        return at(start, start + lasts, call, outcome);
      });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 5 }), (history) => {
        const expected = explainable(history);
        accepted += Number(expected);
        expect(checkKey(history)).to.equal(expected ? 'linearizable' : 'violation');
      }),
      { numRuns: 8000, seed: 20_261_121 },
    );
    expect(accepted, 'the histories must not all be refused').to.be.above(500);
  });
});
