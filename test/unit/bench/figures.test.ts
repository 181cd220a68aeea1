import { expect } from 'chai';
import { compete, type Outcome, type Side, summary } from '../../../bench/measuring/contest.js';
import { cpuMicros, numbersIn, residentBytes, residentOf, ticksOf } from '../../../bench/measuring/proc.js';
import { isMet, rateRow, reached, type Verdict } from '../../../bench/measuring/rows.js';
import { median } from '../../../bench/measuring/statistics.js';

const quiet = () => {};

function sameRounds(name: string, perSecond: number) {
  const round = { perSecond, cpuMicros: 1, p50Ms: 1, p99Ms: 1 };
  return { name, best: { ...round, perSecond: 2 * perSecond }, median: round, rounds: [round] };
}

function verdict(kind: 'at least' | 'at most', bound: number, value: number): Verdict {
  return { goal: { kind, bound, text: '' }, value, text: '' };
}

describe('figures of the bench', () => {
  it('a median is the middle, or the mean of the middle two', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(median([7])).to.equal(7);
    expect(median([])).to.be.NaN;
  });

  it('best and median of each figure stand by themselves', () => {
    const rounds = [
      { perSecond: 10, cpuMicros: 5, p50Ms: 1, p99Ms: 9 },
      { perSecond: 30, cpuMicros: 7, p50Ms: 3, p99Ms: 8 },
      { perSecond: 20, cpuMicros: 6, p50Ms: 2, p99Ms: 7 },
    ];
    const { best, median: middle } = summary('a', rounds);
    expect(best).to.deep.equal({ perSecond: 30, cpuMicros: 5, p50Ms: 1, p99Ms: 7 });
    expect(middle).to.deep.equal({ perSecond: 20, cpuMicros: 6, p50Ms: 2, p99Ms: 8 });
  });

  it('a ratio is that of the medians; the goal is met from its bound on', () => {
    const row = rateRow('r', [sameRounds('etcd', 100), sameRounds('Covey', 500)], { times: 5, what: 'etcd' });
    expect(row.verdict?.value).to.equal(5);
    expect(row.verdict?.text).to.equal('5.00 × (best 5.00 ×)');
    expect(isMet(row.verdict as Verdict)).to.equal(true);
    expect(reached(verdict('at least', 5, 2.5))).to.equal(0.5);
    expect(reached(verdict('at most', 100, 200))).to.equal(0.5);
    expect(isMet(verdict('at most', 1.8, 1.81))).to.equal(false);
    const bare = rateRow('r', [sameRounds('etcd', 100), sameRounds('Covey', 50)]);
    expect(bare.verdict).to.equal(undefined);
    expect(bare.notes[0]).to.equal('0.50 × (best 0.50 ×) etcd');
  });
});

describe('a contest', () => {
  /** A side whose rounds end with the numbers of operations, in a second each; every operation costs 10 µs, or as told. */
  function side(
    name: string,
    turns: string[],
    operations: readonly number[],
    costs: readonly number[] = [],
  ): Side & { spent: number } {
    const left = [...operations];
    const made = {
      name,
      pids: [name.charCodeAt(0)],
      spent: 0,
      async round(): Promise<Outcome> {
        turns.push(name);
        const cost = costs[operations.length - left.length] ?? 10;
        const count = left.shift() ?? 0;
        made.spent += count * cost;
        return { operations: count, seconds: 2, p50Ms: 1, p99Ms: 2 };
      },
    };
    return made;
  }

  function cpuOf(...sides: (Side & { spent: number })[]) {
    return (pids: readonly number[]) => sides.find((each) => each.pids[0] === pids[0])?.spent ?? 0;
  }

  it('takes turns, and leaves out the first round of each', async () => {
    const turns: string[] = [];
    const a = side('a', turns, [1_000, 20, 40]);
    const b = side('b', turns, [1_000, 60, 80]);
    const [first, second] = await compete([a, b] as const, { rounds: 2, mostWarmUps: 4 }, quiet, cpuOf(a, b));
    expect(turns.join('')).to.equal('ababab');
    expect(first.rounds.map(({ perSecond }) => perSecond)).to.deep.equal([10, 20]);
    expect(second.median.perSecond).to.equal(35);
    expect(second.median.cpuMicros).to.equal(10);
  });

  it('warms all sides up until an operation costs none of them much less than in the round before', async () => {
    const turns: string[] = [];
    const a = side('a', turns, [1, 2, 3, 4, 5], [100, 80, 60, 58, 57]);
    const b = side('b', turns, [1, 2, 3, 4, 5]);
    const [first, second] = await compete([a, b] as const, { rounds: 2, mostWarmUps: 4 }, quiet, cpuOf(a, b));
    expect(turns.join('')).to.equal('ababababab');
    expect(first.rounds.map(({ cpuMicros: cost }) => cost)).to.deep.equal([58, 57]);
    expect(second.rounds).to.have.length(2);
  });

  it('counts, warm or not, after four rounds of warming up', async () => {
    const costs = Array.from({ length: 9 }, (_, i) => 1_000 * 0.5 ** i);
    const a = side('a', [], Array(9).fill(10), costs);
    const [only] = await compete([a] as const, { rounds: 1, mostWarmUps: 4 }, quiet, cpuOf(a));
    expect(only.rounds.map(({ cpuMicros: cost }) => cost)).to.deep.equal([1_000 * 0.5 ** 4]);
  });

  it('a round without an operation is no measurement', async () => {
    const a = side('a', [], [5, 0]);
    const failed = await compete([a], { rounds: 1, mostWarmUps: 4 }, quiet, cpuOf(a)).catch(
      (error: Error) => error.message,
    );
    expect(failed).to.contain('a: no operation ended');
  });
});

describe('what /proc tells', () => {
  it('processor time, also where the name has spaces and brackets', () => {
    const rest = 'S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 11 0 100 1000 200';
    expect(ticksOf(`42 (a b) c) ${rest}`)).to.equal(300);
    expect(ticksOf(`42 (node) ${rest}\n`)).to.equal(300);
    expect(() => ticksOf('42 (node) S')).to.throw('/proc/PID/stat');
  });

  it('resident memory', () => {
    expect(residentOf('Name:\tnode\nVmHWM:\t  99 kB\nVmRSS:\t   2048 kB\nThreads:\t11\n')).to.equal(2 << 20);
    expect(() => residentOf('Name:\tnode\nState:\tZ (zombie)\n')).to.throw('has ended');
  });

  it('of this process, too', function () {
    if (process.platform !== 'linux') this.skip();
    const before = cpuMicros([process.pid]);
    const used = process.cpuUsage();
    expect(Math.abs(before - (used.user + used.system))).to.be.below(1e6);
    expect(residentBytes(process.pid)).to.be.above(10 << 20);
    expect(() => cpuMicros([2 ** 30])).to.throw('ENOENT');
  });

  it('lists of numbers', () => {
    expect(numbersIn('0-2,5,7-8\n')).to.deep.equal([0, 1, 2, 5, 7, 8]);
    expect(numbersIn('3')).to.deep.equal([3]);
  });
});
