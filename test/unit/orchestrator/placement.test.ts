import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { PARTITION_COUNT, partitionOfKey } from '../../../common/slots.js';
import { type Candidate, type Placed, place, shares } from '../../../orchestrator/placement.js';

const EMPTY: readonly Placed[] = Array.from({ length: PARTITION_COUNT }, () => ({
  primary: null,
  replicas: [],
}));

function peers(...weights: number[]): Candidate[] {
  return weights.map((weight, i) => ({ id: `p${i}`, weight }));
}

function primariesOf(table: readonly Placed[], id: string): number {
  return table.filter((each) => each.primary === id).length;
}

function copiesOf(table: readonly Placed[], id: string): number {
  return table.filter((each) => each.primary === id || each.replicas.includes(id)).length;
}

/** The ideal numbers of copies: in proportion to weight, at most one a partition. */
function idealCopies(candidates: readonly Candidate[], copies: number): Map<string, number> {
  const ideal = new Map<string, number>();
  let open = candidates.filter((peer) => peer.weight > 0);
  let left = Math.min(copies, open.length) * PARTITION_COUNT;
  for (;;) {
    const weight = open.reduce((sum, peer) => sum + peer.weight, 0);
    const full = open.filter((peer) => (left * peer.weight) / weight >= PARTITION_COUNT);
    if (full.length === 0) {
      for (const peer of open) ideal.set(peer.id, (left * peer.weight) / weight);
      return ideal;
    }
    for (const peer of full) ideal.set(peer.id, PARTITION_COUNT);
    left -= full.length * PARTITION_COUNT;
    open = open.filter((peer) => !full.includes(peer));
  }
}

function expectSound(table: readonly Placed[], candidates: readonly Candidate[], copies: number): void {
  const able = candidates.filter((peer) => peer.weight > 0);
  const each = Math.min(copies, able.length);
  for (const { primary, replicas } of table) {
    const holders = [primary, ...replicas];
    expect(new Set(holders).size).to.equal(each);
    for (const id of holders) expect(able.some((peer) => peer.id === id)).to.equal(true);
  }
  const weight = able.reduce((sum, peer) => sum + peer.weight, 0);
  const copyShares = idealCopies(able, copies);
  for (const peer of able) {
    const share = (PARTITION_COUNT * peer.weight) / weight;
    expect(Math.abs(primariesOf(table, peer.id) - share)).to.be.below(1);
    expect(Math.abs(copiesOf(table, peer.id) - (copyShares.get(peer.id) as number))).to.be.below(1);
  }
}

/** No table within 1 of these shares keeps more than this many of what the peers have. */
function mostKept(have: readonly number[], ideal: readonly number[], total: number): number {
  const floors = ideal.map((share) => Math.floor(share + 1e-6));
  const spare = total - floors.reduce((a, b) => a + b, 0);
  const wantOneMore = have.filter((count, i) => count > (floors[i] as number)).length;
  const fractions = ideal.filter((share, i) => share - (floors[i] as number) > 1e-6).length;
  const kept = have.reduce((sum, count, i) => sum + Math.min(count, floors[i] as number), 0);
  return kept + Math.min(spare, wantOneMore, fractions);
}

function primariesMoved(before: readonly Placed[], after: readonly Placed[]): number {
  return after.filter((each, i) => each.primary !== (before[i] as Placed).primary).length;
}

function copiesAdded(before: readonly Placed[], after: readonly Placed[]): number {
  let added = 0;
  for (const [i, { primary, replicas }] of after.entries()) {
    const old = before[i] as Placed;
    for (const id of [primary, ...replicas])
      if (old.primary !== id && !old.replicas.includes(id as string)) added++;
  }
  return added;
}

describe('orchestrator/placement', function () {
  this.timeout(30_000);

  it('gives everything to the only peer', () => {
    const table = place(EMPTY, peers(1), 3);
    expectSound(table, peers(1), 3);
    expect(table.every((each) => each.primary === 'p0' && each.replicas.length === 0)).to.equal(true);
  });

  it('gives nothing to a peer of weight 0, and leaves everything unowned where there is no other', () => {
    expectSound(place(EMPTY, peers(1, 0, 1), 3), peers(1, 0, 1), 3);
    expect(place(EMPTY, peers(0), 3)).to.deep.equal(EMPTY);
  });

  it('spreads the copies of one peer over all others', () => {
    const table = place(EMPTY, peers(1, 1, 1, 1, 1), 3);
    const beside = table.filter((each) => each.primary === 'p0').flatMap((each) => each.replicas);
    expect(new Set(beside)).to.deep.equal(new Set(['p1', 'p2', 'p3', 'p4']));
  });

  it('is balanced for any weights, and moves no primary more than it must, over random joins and leaves', () => {
    const weight = fc.constantFrom(0, 0.5, 1, 1, 1, 1, 2, 3.7);
    const change = fc.record({ peer: fc.nat(9), weight, gone: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (changes, copies) => {
          const present = new Map<string, Candidate>([['first', { id: 'first', weight: 1 }]]);
          let table: readonly Placed[] = place(EMPTY, [...present.values()], copies);
          for (const { peer, weight, gone } of changes) {
            const id = `p${peer}`;
            if (gone) present.delete(id);
            else present.set(id, { id, weight });
            const candidates = [...present.values()];
            const next = place(table, candidates, copies);
            expectSound(next, candidates, copies);
            const able = candidates.filter((each) => each.weight > 0);
            const total = able.reduce((sum, each) => sum + each.weight, 0);
            const ideal = able.map((each) => (PARTITION_COUNT * each.weight) / total);
            const have = able.map((each) => primariesOf(table, each.id));
            expect(primariesMoved(table, next)).to.equal(
              PARTITION_COUNT - mostKept(have, ideal, PARTITION_COUNT),
            );
            table = next;
            expect(
              place(table, candidates.reverse(), copies),
              'nothing moves if nothing changed',
            ).to.deep.equal(table);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('adds no more copies than it must when equal peers join and leave', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(8), { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 1, max: 4 }),
        (toggles, copies) => {
          const present = new Set(['a', 'b', 'c', 'd', 'e']);
          const list = (): Candidate[] => [...present].map((id) => ({ id, weight: 1 }));
          let table: readonly Placed[] = place(EMPTY, list(), copies);
          for (const toggle of toggles) {
            const id = `p${toggle}`;
            if (!present.delete(id)) present.add(id);
            const next = place(table, list(), copies);
            const ids = [...present];
            const total = Math.min(copies, ids.length) * PARTITION_COUNT;
            const have = ids.map((each) => copiesOf(table, each));
            const ideal = ids.map(() => total / ids.length);
            expect(copiesAdded(table, next)).to.equal(total - mostKept(have, ideal, total));
            table = next;
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('replaces a primary that is gone by one of its replicas', () => {
    const before = place(EMPTY, peers(1, 1, 1, 1, 1), 3);
    const after = place(before, peers(1, 1, 1, 1), 3);
    for (const [i, { primary }] of after.entries()) {
      const old = before[i] as Placed;
      if (old.primary === 'p4') expect(old.replicas).to.include(primary);
      else expect(primary).to.equal(old.primary);
    }
  });

  it('leaves frozen partitions as they are, and evens out with the others', () => {
    const before = place(EMPTY, peers(1, 1), 1);
    const orphaned = before.map((each, i) => (i % 4 === 0 ? { primary: 'gone', replicas: [] } : each));
    const after = place(orphaned, peers(1, 1, 1), 1, (partition) => partition % 4 !== 0);
    for (const [i, each] of after.entries()) {
      if (i % 4 !== 0) expect(each).to.deep.equal(orphaned[i]);
    }
    expect(primariesOf(after, 'p2')).to.equal(64);
  });

  it('shares out what is left so that what each has in the end follows the weights', () => {
    expect(shares(peers(1, 1, 2), [10, 0, 0], 30, 30)).to.deep.equal([0, 10, 20]);
    expect(shares(peers(1, 1), [0, 0], 10, 5)).to.deep.equal([5, 5]);
    expect(shares(peers(1, 1000), [0, 0], 20, 10)).to.deep.equal([10, 10]);
  });

  it('spreads 100,000 random keys over 5 peers within 3 % of the mean, plus the partition rounding', () => {
    const table = place(EMPTY, peers(1, 1, 1, 1, 1), 3);
    const keys = 100_000;
    const counts = new Map<string, number>();
    for (let i = 0; i < keys; i++) {
      const { primary } = table[partitionOfKey(randomBytes(12).toString('base64url'))] as Placed;
      counts.set(primary as string, (counts.get(primary as string) ?? 0) + 1);
    }
    const mean = keys / 5;
    // 256 partitions over 5 peers: a peer has 51 or 52 where 51.2 would be even.
    const rounding = (0.8 * keys) / PARTITION_COUNT;
    expect(counts.size).to.equal(5);
    for (const count of counts.values()) expect(Math.abs(count - mean)).to.be.below(0.03 * mean + rounding);
  });
});
