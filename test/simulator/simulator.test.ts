import { expect } from 'chai';
import { AIMS } from './aims.js';
import { runInto } from './batch.js';
import { FAULT_KINDS } from './faults.js';
import { growTree, runTree } from './mutant-tree.js';
import { MUTANTS } from './mutants.js';
import type { SeedOptions } from './options.js';
import { REGRESSIONS } from './regressions.js';
import { noTotals, type Totals } from './report.js';

const OPTIONS: SeedOptions = {
  peers: undefined,
  partitions: undefined,
  trace: false,
  compareEvery: Number.MAX_SAFE_INTEGER,
};
/** A seed takes about 0.1 s on a quiet machine; this is for a busy one that has just started. */
const MS_PER_SEED = 6000;

function run(seeds: readonly number[], options: SeedOptions): Totals {
  const totals = noTotals();
  for (const seed of seeds) runInto(totals, seed, options);
  return totals;
}

describe('simulator: the production code under attack', () => {
  const chunks = [1, 6, 11, 16].map((first) => Array.from({ length: 5 }, (_, i) => first + i));

  for (const seeds of chunks) {
    it(`keeps all its promises in seeds ${seeds[0]} to ${seeds.at(-1)}`, function () {
      this.timeout(seeds.length * MS_PER_SEED);
      const totals = run(seeds, OPTIONS);
      expect(totals.failures).to.deep.equal([]);
      expect(totals.operations).to.be.above(seeds.length * 300);
    });
  }

  it('runs a seed twice in exactly the same way', function () {
    this.timeout(4 * MS_PER_SEED);
    const totals = run([21, 22], { ...OPTIONS, compareEvery: 1 });
    expect(totals.compared).to.equal(2);
    expect(totals.failures).to.deep.equal([]);
  });

  for (const { seed, fault, why } of REGRESSIONS) {
    it(`stays right in seed ${seed}${fault === undefined ? '' : ` of ${fault}`}: ${why}`, function () {
      this.timeout(MS_PER_SEED);
      const options = fault === undefined ? OPTIONS : { ...OPTIONS, fault };
      expect(run([seed], options).failures).to.deep.equal([]);
    });
  }

  it('has at least the thirty kinds of faults that the issue names, and every aim of the model', () => {
    expect(FAULT_KINDS.length).to.be.at.least(30);
    expect(new Set(FAULT_KINDS).size).to.equal(FAULT_KINDS.length);
    const aims = ['gateless', 'amnesia', 'flipflop', 'slowadd', 'slowrseq', 'addrace', 'lostregistry'];
    expect(AIMS.map(({ name }) => name)).to.include.members(aims);
  });

  it('notices when a rule is switched off', async function () {
    this.timeout(10 * MS_PER_SEED);
    const mutant = MUTANTS.find(({ name }) => name === 'dirty-read-old');
    const tree = growTree(mutant?.patches ?? []);
    try {
      const { code, output } = await runTree(tree.directory, ['--seeds', '1-5', '--until-failure']);
      expect(code, output).to.equal(1);
      expect(output).to.match(/^seed \d+: LINEARIZABILITY/m);
      expect(output).to.match(/replay: npm run sim -- --seeds \d+ --trace/);
      expect(output.trimEnd().split('\n').at(-1)).to.match(
        /^seeds \d+, operations \d+, faults \d+ of \d+ kinds, violations [1-9]\d*, undecided 0, [\d.]+ seeds\/s$/,
      );
    } finally {
      tree.remove();
    }
  });
});
