import { expect } from 'chai';
import fc from 'fast-check';
import { idealShares, shareBounds } from '../../../orchestrator/configuration/shares.js';
import { nextShifts } from '../../../orchestrator/configuration/shifts.js';

describe('orchestrator/configuration/shares', () => {
  it('deals out in proportion to weight', () => {
    expect(idealShares(12, [1, 1, 2], 100)).to.deep.equal([3, 3, 6]);
    expect(shareBounds(10, [1, 1, 1], 100)[0]).to.deep.equal({ low: 3, high: 4 });
    expect(shareBounds(9, [1, 1, 1], 100)[0]).to.deep.equal({ low: 3, high: 3 });
  });

  it('gives what the cap cuts off to the others, and nothing to weight 0', () => {
    expect(idealShares(12, [10, 1, 1], 6)).to.deep.equal([6, 3, 3]);
    expect(idealShares(12, [1, 0, 1], 100)).to.deep.equal([6, 0, 6]);
    expect(idealShares(12, [1, 1], 4)).to.deep.equal([4, 4]);
  });

  it('adds up to the total, or to what the caps allow', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 1000 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 300 }),
        (total, weights, cap) => {
          const shares = idealShares(total, weights, cap);
          const sum = shares.reduce((a, b) => a + b, 0);
          expect(sum).to.be.closeTo(Math.min(total, cap * weights.length), 1e-6);
          for (const share of shares) expect(share).to.be.at.most(cap + 1e-9);
        },
      ),
    );
  });
});

describe('orchestrator/configuration/shifts', () => {
  /** Partitions with distinct holders, out of `peers`; repeated shifts of copies. */
  it('balances any placement of copies in a bounded number of shifts, then says nothing', () => {
    const placement = fc
      .record({
        weights: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 8 }),
        partitions: fc.integer({ min: 1, max: 24 }),
        seed: fc.nat(),
      })
      .filter(({ weights }) => weights.filter((weight) => weight > 0).length >= 3);
    fc.assert(
      fc.property(placement, ({ weights, partitions, seed }) => {
        const ids = weights.map((_, index) => `p${index}`);
        const holders = Array.from({ length: partitions }, (_, k) => {
          const start = (seed + k * 7) % ids.length;
          return new Set(
            [0, 1, 2].map((step) => ids[(start + step * (1 + (seed % 2))) % ids.length] as string),
          );
        });
        const total = holders.reduce((sum, set) => sum + set.size, 0);
        fc.pre(holders.every((set) => set.size === 3));
        const bounds = new Map(
          shareBounds(total, weights, partitions).map((bound, index) => [ids[index] as string, bound]),
        );
        let chains = 0;
        for (;;) {
          const counts = new Map(ids.map((id) => [id, holders.filter((set) => set.has(id)).length]));
          const chain = nextShifts({ counts, bounds, edges: edgesOf(ids, weights, holders) });
          if (chain.length === 0) {
            for (const [id, { low, high }] of bounds) expect(counts.get(id)).to.be.within(low, high);
            return;
          }
          expect(new Set(chain.map(({ partition }) => partition)).size).to.equal(chain.length);
          for (const { partition, from, to } of chain) {
            holders[partition]?.delete(from);
            holders[partition]?.add(to);
          }
          chains++;
          expect(chains, 'bounded').to.be.at.most(2 * total);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function edgesOf(ids: readonly string[], weights: readonly number[], holders: readonly Set<string>[]) {
  const edges = new Map<string, Map<string, number>>();
  for (const [partition, set] of holders.entries()) {
    for (const from of set) {
      const known = edges.get(from) ?? new Map<string, number>();
      edges.set(from, known);
      for (const [index, to] of ids.entries()) {
        if ((weights[index] as number) > 0 && !set.has(to)) known.set(to, partition);
      }
    }
  }
  return edges;
}
