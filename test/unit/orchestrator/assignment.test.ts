import { expect } from 'chai';
import fc from 'fast-check';
import { assign, type Bin, type Task } from '../../../orchestrator/assignment.js';

/** What a solution costs: how far bins are over their marks counts first, then the costs of the places. */
function price(
  bins: readonly Bin[],
  costs: readonly (readonly number[])[],
  chosen: readonly (readonly number[])[],
): number[] {
  const held = bins.map((_, bin) => chosen.filter((taken) => taken.includes(bin)).length);
  const over = (mark: 'lower' | 'upper') =>
    bins.reduce((sum, bin, i) => sum + Math.max(0, (held[i] as number) - bin[mark]), 0);
  const cost = chosen.reduce(
    (sum, taken, item) => sum + taken.reduce((all, bin) => all + (costs[item]?.[bin] as number), 0),
    0,
  );
  return [over('upper'), over('lower'), cost];
}

function* subsets(bins: readonly number[], size: number): Iterable<number[]> {
  if (size === 0) yield [];
  for (const [i, bin] of bins.entries()) {
    if (size > 0) for (const rest of subsets(bins.slice(i + 1), size - 1)) yield [bin, ...rest];
  }
}

/** The best price there is, by trying everything. */
function bestPrice(
  bins: readonly Bin[],
  costs: readonly (readonly number[])[],
  need: number,
): number[] | null {
  let best: number[] | null = null;
  const tryFrom = (item: number, chosen: number[][]): void => {
    if (item === costs.length) {
      const found = price(bins, costs, chosen);
      if (best === null || isLess(found, best)) best = found;
      return;
    }
    const open = bins.map((_, bin) => bin).filter((bin) => costs[item]?.[bin] !== Infinity);
    for (const taken of subsets(open, need)) tryFrom(item + 1, [...chosen, taken]);
  };
  tryFrom(0, []);
  return best;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const i = a.findIndex((value, at) => value !== b[at]);
  return i >= 0 && (a[i] as number) < (b[i] as number);
}

describe('orchestrator/assignment', () => {
  it('is as cheap as anything that trying everything finds', () => {
    const bin = fc
      .record({ lower: fc.nat(3), more: fc.nat(1) })
      .map(({ lower, more }) => ({ lower, upper: lower + more }));
    const instance = fc
      .record({
        bins: fc.array(bin, { minLength: 2, maxLength: 4 }),
        items: fc.integer({ min: 1, max: 5 }),
        need: fc.integer({ min: 1, max: 2 }),
      })
      .chain(({ bins, items, need }) => {
        const cost = fc.constantFrom(0, 0, 1, 2, 5, Number.POSITIVE_INFINITY);
        const row = fc.array(cost, { minLength: bins.length, maxLength: bins.length });
        return fc.record({
          bins: fc.constant(bins),
          need: fc.constant(need),
          costs: fc.array(row, { minLength: items, maxLength: items }),
        });
      });
    fc.assert(
      fc.property(instance, ({ bins, need, costs }) => {
        const task: Task = {
          ...{ items: costs.length, need, bins },
          cost: (item, at) => costs[item]?.[at] as number,
          first: (item) => item,
        };
        const best = bestPrice(bins, costs, need);
        if (best === null) {
          expect(() => assign(task)).to.throw('more bins than are open');
          return;
        }
        const chosen = assign(task);
        for (const taken of chosen) expect(new Set(taken).size).to.equal(need);
        expect(price(bins, costs, chosen)).to.deep.equal(best);
      }),
      { numRuns: 300 },
    );
  });
});
