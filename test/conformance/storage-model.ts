/** Random batches that a replica could write, and the comparison of an engine with the simulator's disk. */
import { expect } from 'chai';
import fc from 'fast-check';
import { emptyMap } from '../../common/configuration.js';
import type { Change, Result } from '../../peer/replication/commands.js';
import type { Entry, Row } from '../../peer/replication/entry.js';
import { DAMAGED, type RowMark, type StateReader, type StoreOp } from '../../peer/replication/machine.js';
import { Sessions } from '../../peer/replication/sessions.js';
import type { StorageEngine } from '../../peer/storage/engine.js';
import { StoredImage } from '../simulator/image.js';

/** Keys whose order, length or bytes are odd. */
export const KEYS = [
  'a',
  'b',
  'ab',
  'a\u0000',
  'a\u0000b',
  '\u0000',
  '\u0001',
  '\u007f',
  '\u0080',
  'é',
  'e\u0301',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '\ufeff',
  '\u{10000}',
  '\u{10ffff}',
  '\u{1f600}',
  ' ',
  '/',
  'k'.repeat(1_024),
  `${'k'.repeat(1_020)}\u{10000}`,
];
export const PARTITIONS = [0, 1, 65_535];
export const COPIES = [0, 1, 2];

/** Everything that can be compared, with bytes as text; what is undefined is left out. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'bigint') return `bigint ${value}`;
  if (value instanceof Map) return { map: plain([...value]) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]) => (part === undefined ? [] : [[name, plain(part)]])),
  );
}

/** The row of a key, which must not be damaged. */
export function rowOf(engine: StateReader, key: string, copy = 0, partition = 0): Row | undefined {
  const row = engine.get(partition, copy, key);
  if (row === DAMAGED) throw new Error(`${key} is damaged`);
  return row;
}

/** The value of a key as text. */
export function textOf(engine: StateReader, key: string, copy = 0): string | undefined {
  return rowOf(engine, key, copy)?.value?.bytes.toString();
}

/** The keys of the first rows after `after`. */
export function keysOf(engine: StateReader, after: string | undefined, rows: number, copy = 0): string[] {
  return engine.range(0, copy, after, { rows, bytes: 2 ** 40 }).rows.map(({ key }) => key);
}

/** The engine loads what the reference would, unless it forgets that, and reads the same. */
export function compare(engine: StorageEngine, reference: StoredImage, survives = true): void {
  const is = engine.load();
  const must = survives ? reference.load() : new StoredImage(engine.storeId, 'c').load();
  expect(is.damaged).to.deep.equal([]);
  expect(plain({ map: is.map, promised: is.promised })).to.deep.equal(
    plain({ map: must.map, promised: must.promised }),
  );
  const sorted = (partitions: typeof is.partitions) =>
    [...partitions].sort((a, b) => a.partition - b.partition);
  expect(plain(sorted(is.partitions))).to.deep.equal(plain(sorted(must.partitions)));
  for (const partition of PARTITIONS) {
    for (const copy of COPIES) {
      const marked = (of: Iterable<RowMark>) => new Map([...of].map((mark) => [mark.key, plain(mark)]));
      expect(marked(engine.marked(partition, copy))).to.deep.equal(marked(reference.marked(partition, copy)));
      for (const key of ['a', '\u{10000}']) {
        expect(plain(engine.get(partition, copy, key))).to.deep.equal(
          plain(reference.get(partition, copy, key)),
        );
      }
    }
  }
}

const value = fc.record({
  bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  type: fc.constantFrom('text/plain; charset=utf-8', 'application/json', 'x/ü', ''),
});
const when = fc.oneof(fc.integer({ min: 0, max: 2 ** 44 }), fc.constantFrom(0.5, -1, 2 ** 53));
const row: fc.Arbitrary<Row> = fc.record({
  value: fc.option(value),
  epoch: fc.maxSafeNat(),
  seq: fc.maxSafeNat(),
  ts: when,
  expiresAtMs: fc.option(when, { nil: undefined }),
});
const version = fc.record({ epoch: fc.maxSafeNat(), seq: fc.nat() });
const result: fc.Arbitrary<Result> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('done' as const),
      version,
      existed: fc.boolean(),
      number: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      length: fc.nat(),
    },
    { requiredKeys: ['kind', 'version', 'existed'] },
  ),
  fc.record({
    kind: fc.constant('failed' as const),
    reason: fc.constantFrom(
      'condition' as const,
      'not-found' as const,
      'overflow' as const,
      'too-large' as const,
    ),
    actual: fc.option(version),
  }),
);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record(
    { kind: fc.constant('put' as const), key: fc.constantFrom(...KEYS), value, expiresAtMs: when },
    { requiredKeys: ['kind', 'key', 'value'] },
  ),
  fc.record({ kind: fc.constant('delete' as const), key: fc.constantFrom(...KEYS) }),
);
const effect: fc.Arbitrary<Entry['effect']> = fc.oneof(
  fc.record({
    kind: fc.constant('several' as const),
    changes: fc.array(change, { maxLength: 4 }).map((all) => new Map(all.map((one) => [one.key, one]))),
  }),
  fc.record(
    { kind: fc.constant('put' as const), value, expiresAtMs: when },
    { requiredKeys: ['kind', 'value'] },
  ),
  fc.constantFrom({ kind: 'none' as const }, { kind: 'delete' as const }),
  fc.record({
    kind: fc.constant('retire' as const),
    peer: fc.constantFrom('p', 'q'),
    storeId: fc.constant('s'),
    inc: fc.nat(3),
  }),
);
const body = fc.record({
  epoch: fc.maxSafeNat(),
  ts: fc.integer({ min: 0, max: 2 ** 44 }),
  key: fc.constantFrom(...KEYS, ''),
  effect,
  result,
  request: fc.option(
    fc.record({ session: fc.constantFrom('p/s/1', 'q/s/2', 'a/b/s/3'), n: fc.nat(9), fi: fc.nat(9) }),
    { nil: undefined },
  ),
  idempotency: fc.option(
    fc.record({ token: fc.constantFrom('t', 'ü', 'v'), fingerprint: fc.nat(2 ** 32 - 1) }),
    { nil: undefined },
  ),
  checksum: fc.nat(2 ** 32 - 1),
});
const mark = fc.integer({ min: -1, max: 2 ** 40 });

const part = fc.record({
  partition: fc.constantFrom(...PARTITIONS),
  move: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        bodies: fc.array(body, { maxLength: 4 }),
      }),
    },
    fc.record({ kind: fc.constant('truncate' as const), by: fc.nat(5) }),
    fc.record({ kind: fc.constant('trim' as const), by: fc.nat(6), sum: fc.nat(2 ** 32 - 1) }),
    fc.record({ kind: fc.constant('restart' as const), base: fc.nat(60), sum: fc.nat(2 ** 32 - 1) }),
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('remember' as const), count: fc.nat(4) }) },
    fc.record({ kind: fc.constant('remember other' as const), body, seq: fc.nat(60) }),
    fc.record({ kind: fc.constant('sessions' as const), bodies: fc.array(body, { maxLength: 3 }) }),
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('row' as const),
        copy: fc.constantFrom(...COPIES),
        key: fc.constantFrom(...KEYS),
        row: fc.option(row, { nil: undefined }),
      }),
    },
    fc.record({ kind: fc.constant('forget' as const) }),
    fc.record({ kind: fc.constant('drop-copy' as const), copy: fc.constantFrom(...COPIES) }),
    fc.record({
      kind: fc.constant('marks' as const),
      marks: fc.record({ alignedEpoch: mark, com: mark, copy: mark, staging: mark, keyCount: fc.nat() }),
    }),
    fc.record({ kind: fc.constantFrom('map' as const, 'promised' as const), ver: fc.maxSafeNat() }),
  ),
});

type Part = typeof part extends fc.Arbitrary<infer T> ? T : never;

/** The parts of one batch. */
export const parts = fc.array(part, { maxLength: 8 });

/** Batches, and restarts between them. */
export const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('batch' as const), parts }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  ),
  { maxLength: 14 },
);

/** Turns random moves into operations that fit the log as it then is. */
export class Player {
  private number = 0;
  private readonly logs = new Map<number, { base: number; entries: Entry[]; remembered: number }>();

  nextNumber(): number {
    this.number++;
    return this.number;
  }

  ops(parts: readonly Part[]): StoreOp[] {
    return parts.flatMap((one) => this.opsOf(one));
  }

  private opsOf({ partition, move }: Part): StoreOp[] {
    let log = this.logs.get(partition);
    if (log === undefined) {
      log = { base: 0, entries: [], remembered: 0 };
      this.logs.set(partition, log);
    }
    const end = log.base + log.entries.length;
    switch (move.kind) {
      case 'append': {
        const entries = move.bodies.map((rest, i) => ({ ...rest, seq: end + 1 + i }));
        log.entries.push(...entries);
        return [{ type: 'append', partition, entries }];
      }
      case 'truncate': {
        const after = Math.max(0, end - move.by);
        log.entries.length = Math.max(0, after - log.base);
        return [{ type: 'truncate', partition, after }];
      }
      case 'trim': {
        const base = Math.min(end, log.base + move.by);
        log.entries.splice(0, base - log.base);
        log.base = base;
        return [{ type: 'trim', partition, base, baseChecksum: move.sum }];
      }
      case 'restart': {
        const { base } = log;
        log.entries = [];
        log.base = move.base;
        return [
          { type: 'truncate', partition, after: base },
          { type: 'trim', partition, base: move.base, baseChecksum: move.sum },
        ];
      }
      case 'remember': {
        const from = Math.max(0, log.remembered - log.base);
        const entries = log.entries.slice(from, from + move.count);
        log.remembered = entries.at(-1)?.seq ?? log.remembered;
        return entries.map((entry) => ({ type: 'remember', partition, entry }));
      }
      case 'remember other': {
        // An entry that is not in the log; at a position of the log it would have to be the one there.
        const seq = end + 1 + move.seq;
        log.remembered = seq;
        return [{ type: 'remember', partition, entry: { ...move.body, seq } }];
      }
      case 'sessions': {
        const sessions = new Sessions();
        for (const [i, rest] of move.bodies.entries()) sessions.apply({ ...rest, seq: i });
        return [{ type: 'sessions', partition, sessions: sessions.image() }];
      }
      case 'row':
        return [{ type: 'row', partition, copy: move.copy, key: move.key, row: move.row }];
      case 'forget':
        this.logs.delete(partition);
        return [{ type: 'forget', partition }];
      case 'drop-copy':
        return [{ type: 'drop-copy', partition, copy: move.copy }];
      case 'marks':
        return [{ type: 'marks', partition, marks: move.marks }];
      case 'map':
        return [{ type: 'map', map: { ...emptyMap('c'), ver: move.ver } }];
      case 'promised':
        return [{ type: 'promised', ver: move.ver }];
    }
  }
}
