/** What a peer shows of its own rows, and the pages of keys that are made of it. */
import { expect } from 'chai';
import { compareBytes } from '../../../common/byte-order.js';
import type { ClusterMap } from '../../../common/configuration.js';
import { partitionOfKey } from '../../../common/slots.js';
import { Holdings } from '../../../peer/holdings.js';
import { Lister, type ListerParts } from '../../../peer/lister.js';
import type { Row } from '../../../peer/replication/entry.js';
import type { CallFailure } from '../../../peer/transport/transport.js';

const NOW_MS = 1_000;
const KEYS = ['a', 'ab', 'b', 'ba', 'bb', 'c', 'ä', '\u{1f600}'];

function row(change: Partial<Row> = {}): Row {
  const value = { bytes: Buffer.from('x'), type: '' };
  return { value, epoch: 7, seq: 1, ts: 0, expiresAtMs: undefined, ...change };
}

/** Holdings over plain rows; `led` says which partitions this peer leads. */
function holdingsOf(
  rows: ReadonlyMap<string, Row>,
  led: (partition: number) => boolean,
  sees: (keys: number) => void = () => undefined,
): Holdings {
  const of = (partition: number) =>
    [...rows.keys()].filter((key) => partitionOfKey(key) === partition).sort(compareBytes);
  const above = (partition: number, after: string | undefined) =>
    of(partition).filter((key) => after === undefined || compareBytes(key, after) > 0);
  return new Holdings(
    {
      readNow: () => undefined,
      rows: (partition) => ({
        newest: (key) => (partitionOfKey(key) === partition ? rows.get(key) : undefined),
        range: (after, limit) => {
          const keys = above(partition, after);
          const part = keys.slice(0, limit.rows).map((key) => ({ key, row: rows.get(key) as Row }));
          return { rows: part, more: part.length < keys.length };
        },
        keys: (after, limit) => {
          const keys = above(partition, after);
          const looked = keys.slice(0, limit);
          sees(looked.length);
          const live = looked.flatMap((key) => {
            const { value, expiresAtMs } = rows.get(key) as Row;
            return value === null ? [] : [{ key, expiresAtMs }];
          });
          return { keys: live, next: looked.length < keys.length ? looked.at(-1) : undefined };
        },
      }),
      status: (partition) => ({
        role: led(partition) ? 'active' : 'member',
        epoch: 7,
        base: 0,
        com: 0,
        prep: 0,
        readable: true,
        damaged: 0,
        keyCount: of(partition).filter((key) => rows.get(key)?.value !== null).length,
      }),
    },
    () => NOW_MS,
  );
}

const everything = Array.from({ length: 256 }, (_, partition) => partition);

describe('holdings', () => {
  const rows = new Map(KEYS.map((key) => [key, row()]));
  rows.set('dead', row({ value: null }));
  rows.set('over', row({ expiresAtMs: NOW_MS }));
  rows.set('live', row({ expiresAtMs: NOW_MS + 1 }));
  const holdings = holdingsOf(rows, () => true);

  it('list live keys in the order of their bytes', () => {
    const { keys, refused } = holdings.list(everything, '', '', 100);
    expect(keys).to.deep.equal([...KEYS, 'live'].sort(compareBytes));
    expect(refused).to.deep.equal([]);
  });

  it('list from a prefix, and after a key', () => {
    expect(holdings.list(everything, 'b', '', 100).keys).to.deep.equal(['b', 'ba', 'bb']);
    expect(holdings.list(everything, 'b', 'b', 100).keys).to.deep.equal(['ba', 'bb']);
    expect(holdings.list(everything, 'b', 'ba', 1).keys).to.deep.equal(['bb']);
    expect(holdings.list(everything, '', 'c', 2).keys).to.deep.equal(['live', 'ä']);
    expect(holdings.list(everything, 'b', 'c', 100).keys).to.deep.equal([]);
  });

  it('list the first keys of all, however they are spread, and look at few more than those', () => {
    const many = Array.from({ length: 4_000 }, (_, i) => `${i % 8 === 0 ? '{one}' : ''}key-${i}`);
    let seen = 0;
    const counted = holdingsOf(
      new Map(many.map((key) => [key, row()])),
      () => true,
      (keys) => {
        seen += keys;
      },
    );
    const sorted = [...many].sort(compareBytes);
    for (const limit of [1, 100, 1_001, 5_000]) {
      expect(counted.list(everything, '', '', limit).keys).to.deep.equal(sorted.slice(0, limit));
    }
    const after = sorted[1_500] as string;
    expect(counted.list(everything, '', after, 100).keys).to.deep.equal(sorted.slice(1_501, 1_601));
    seen = 0;
    counted.list(everything, 'key', '', 100);
    expect(seen).to.be.below(256 * 9 + 100);
  });

  it('name the keys of what they show', () => {
    const [...shown] = holdings.all('b', 'b');
    expect([...holdings.allKeys('b', 'b')]).to.deep.equal(shown.map(([key]) => key));
    expect(shown).to.have.length(2);
  });

  it('refuse partitions that another peer leads', () => {
    const here = partitionOfKey('a');
    const { keys, refused } = holdingsOf(rows, (partition) => partition === here).list(
      everything,
      '',
      '',
      100,
    );
    expect(keys).to.deep.equal([...KEYS, 'live'].filter((key) => partitionOfKey(key) === here));
    expect(refused).to.have.length(255);
  });

  it('show all rows from any key on, each once', () => {
    const all = [...holdings.all('', '')].map(([key]) => key);
    expect([...all].sort()).to.deep.equal([...KEYS, 'live'].sort());
    for (const [at, key] of all.entries()) {
      expect([...holdings.all('', key)].map(([each]) => each)).to.deep.equal(all.slice(at + 1));
    }
  });

  it('count keys, and refuse partitions that another peer leads', () => {
    const keys = KEYS.length + 2;
    const all = { type: 'count', partitions: everything } as const;
    expect(holdings.answer(all)).to.deep.equal({ type: 'counted', keys, refused: [] });
    expect(holdings.count([partitionOfKey('a')]).keys).to.equal(1);
    const here = partitionOfKey('a');
    const { keys: some, refused } = holdingsOf(rows, (partition) => partition === here).count(everything);
    expect(some).to.equal([...rows.keys()].filter((key) => partitionOfKey(key) === here).length);
    expect(refused).to.have.length(255);
  });

  it('say which version they have', () => {
    expect(holdings.answer({ type: 'inspect', key: 'a' })).to.deep.equal({
      type: 'inspected',
      holds: true,
      version: { epoch: 7, seq: 1 },
    });
    for (const key of ['dead', 'over', 'none']) {
      const answer = holdings.answer({ type: 'inspect', key });
      expect(answer).to.deep.equal({ type: 'inspected', holds: true, version: null });
    }
  });
});

describe('pages of keys', () => {
  const part = (primary: string) => ({ primary }) as NonNullable<ClusterMap['parts'][number]>;
  const map = (primaryOf: (partition: number) => string): ClusterMap => ({
    clusterId: 'c',
    ver: 1,
    peers: new Map(),
    parts: everything.map((partition) => part(primaryOf(partition))),
  });
  const rows = new Map(KEYS.map((key) => [key, row()]));
  const even = holdingsOf(rows, (partition) => partition % 2 === 0);
  const odd = holdingsOf(rows, (partition) => partition % 2 === 1);
  const lost: CallFailure = { type: 'call-failed', code: 'connection-lost', sent: true };

  function lister(change: Partial<ListerParts>): Lister {
    let ms = 0;
    return new Lister({
      id: 'even',
      holdings: even,
      transport: { call: async (_to, request) => odd.answer(request) },
      map: () => map((partition) => (partition % 2 === 0 ? 'even' : 'odd')),
      monotonicMs: () => ms++,
      requestMs: 100,
      ...change,
    });
  }

  it('count what all primaries have, each partition once, or nothing', async () => {
    expect(await lister({}).count()).to.equal(KEYS.length);
    let asked = 0;
    const call: ListerParts['transport']['call'] = async (_to, request) =>
      asked++ < 2 ? lost : odd.answer(request);
    expect(await lister({ transport: { call } }).count()).to.equal(KEYS.length);
    expect(asked).to.equal(3);
    expect(await lister({ transport: { call: async () => lost } }).count()).to.equal(null);
  });

  it('merge what all primaries have', async () => {
    const sorted = [...KEYS].sort(compareBytes);
    expect(await lister({}).page('', '', 3)).to.deep.equal({ keys: sorted.slice(0, 3), more: true });
    expect(await lister({}).page('', sorted[2] as string, 100)).to.deep.equal({
      keys: sorted.slice(3),
      more: false,
    });
  });

  it('ask again those who could not answer, and the next primary when the map changes', async () => {
    let asked = 0;
    const transport = {
      call: async (_to: string, request: Parameters<Holdings['answer']>[0]) =>
        ++asked < 3 ? lost : odd.answer(request),
    };
    const page = await lister({ transport }).page('', '', 100);
    expect(page?.keys).to.have.length(KEYS.length);
    expect(asked).to.equal(3);
  });

  it('are never given with a hole', async () => {
    const transport = { call: async () => lost };
    expect(await lister({ transport, requestMs: 10 }).page('', '', 100)).to.equal(null);
    const nobody = { clusterId: 'c', ver: 0, peers: new Map(), parts: [] };
    expect(await lister({ map: () => nobody, requestMs: 10 }).page('', '', 100)).to.equal(null);
  });
});
