import { expect } from 'chai';
import type { Measured } from '../../../bench/measuring/contest.js';
import type { Row } from '../../../bench/measuring/rows.js';
import { parseOptions, usage } from '../../../bench/options.js';
import { withReport } from '../../../bench/report/document.js';
import { plot } from '../../../bench/report/plot.js';
import { reportText, table } from '../../../bench/report/table.js';

const ROUND = { perSecond: 12_345.6, cpuMicros: 20.04, p50Ms: 1.234, p99Ms: 9 };
const SIDE: Measured = { name: 'Covey', best: ROUND, median: ROUND, rounds: [ROUND] };

function row(title: string, bound: number, value: number): Row {
  const goal = { kind: 'at least', bound, text: `≥ ${bound} × a <b> & c` } as const;
  return { title, verdict: { goal, value, text: `${value} ×` }, sides: [SIDE], notes: ['a note'] };
}

const RESULT = {
  command: 'npm run bench',
  date: '2026-11-21',
  commit: 'abc1234',
  machine: '2 cores',
  versions: ['Node.js v20', 'etcd 3.4'],
  families: [{ family: 'f', rows: [row('good', 2, 4), row('bad', 2, 1)] }],
  missing: [{ family: 'wire', why: 'wrk not found', failed: false }],
};

describe('the report of the bench', () => {
  it('a table has its columns under each other, and keeps bars in cells apart', () => {
    expect(
      table([
        ['a', 'bb'],
        ['x|y', '1'],
      ]),
    ).to.equal(['| a    | bb  |', '| ---- | --- |', '| x\\|y | 1   |'].join('\n'));
  });

  it('tells goals, gaps, what is missing, and how it was measured', () => {
    const text = reportText(RESULT);
    expect(text).to.contain(
      '`npm run bench` on 2026-11-21, commit abc1234, on 2 cores; Node.js v20, etcd 3.4',
    );
    expect(text).to.match(/\| good +\| ≥ 2 × a <b> & c +\| 4 × +\| met/);
    expect(text).to.match(/\| bad +\| ≥ 2 × a <b> & c +\| 1 × +\| \*\*gap\*\*/);
    expect(text).to.contain('- bad: 1 ×, wanted ≥ 2 × a <b> & c');
    expect(text).not.to.contain('- good: 4 ×, wanted');
    expect(text).to.contain('- wire: wrk not found');
    expect(text).to.match(/\| bad +\| Covey \| 12,346 +\| 12,346 \| 20\.0 +\| 20\.0 \| 1\.23 +\| 9\.00 +\|/);
    expect(text).to.contain('- good: a note');
  });

  it('has no empty parts', () => {
    expect(reportText({ ...RESULT, families: [], missing: [] })).not.to.contain('\n');
  });

  it('goes between the marks, and leaves the rest as it was', () => {
    const [, begin = '', end = ''] = errorOf(() => withReport('no marks', 'x')).split('\n');
    const before = `# Title\n\n${begin}\nold\n${end}\n\nhand-written\n`;
    const after = withReport(before, 'NEW $& $1');
    expect(after).to.equal(`# Title\n\n${begin}\n\nNEW $& $1\n\n${end}\n\nhand-written\n`);
    expect(withReport(after, 'NEW $& $1')).to.equal(after);
    expect(errorOf(() => withReport(`${end}\n${begin}`, 'x'))).to.contain('lost its marks');
  });
});

describe('the plot of the bench', () => {
  const rows = [row('good', 2, 4), row('bad', 2, 1), { title: 'no goal', sides: [SIDE], notes: [] }];
  const svg = plot(rows, 'caption <1>');

  it('is well-formed: what is opened is closed, and text is escaped', () => {
    const open: string[] = [];
    for (const [, close, name = '', rest] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
      if (close !== '') expect(open.pop()).to.equal(name);
      else if (rest === '') open.push(name);
    }
    expect(open).to.deep.equal([]);
    expect(svg).to.contain('caption &lt;1&gt;').and.to.contain('a &lt;b&gt; &amp; c');
  });

  it('has a bar for each goal, right of the line where it is met', () => {
    const bars = [...svg.matchAll(/<rect class="(met|gap)" x="([\d.]+)" y="\d+" width="([\d.]+)"/g)];
    expect(bars.map(([, kind]) => kind)).to.deep.equal(['met', 'gap']);
    const [, line] = /<line class="goal" x1="([\d.]+)"/.exec(svg) ?? [];
    const [good, bad] = bars.map(([, , x, width]) => [Number(x), Number(x) + Number(width)] as const);
    expect(good?.[0]).to.equal(Number(line));
    expect(bad?.[1]).to.be.closeTo(Number(line), 0.2);
    expect(svg).not.to.contain('no goal');
  });

  it('follows the theme, and stays within its paper', () => {
    expect(svg).to.contain('prefers-color-scheme: dark');
    const extreme = plot([row('far', 1, 1e6), row('none', 1e6, 1)], '');
    const ends = [...extreme.matchAll(/<rect class="\w+" x="([\d.]+)" y="\d+" width="([\d.]+)"/g)];
    for (const [, x, width] of ends) {
      expect(Number(x)).to.be.at.least(420);
      expect(Number(x) + Number(width)).to.be.at.most(960);
    }
  });
});

describe('the command line of the bench', () => {
  const families = ['rest-get', 'etcd'];
  const parse = (...args: string[]) => parseOptions(args, families);

  it('writes the documents after a full run, and else only where that is asked for', () => {
    expect(parse().write).to.equal(true);
    expect(parse('--quick').write).to.equal(false);
    expect(parse('--quick', '--write').write).to.equal(true);
    expect(parse('--only', 'etcd')).to.deep.include({ only: 'etcd', write: false });
    expect(parse('--json', 'x.json').json).to.equal('x.json');
  });

  it('says what is wrong', () => {
    expect(errorOf(() => parse('--only', 'nope'))).to.contain('rest-get, etcd');
    expect(errorOf(() => parse('--only', 'etcd', '--write'))).to.contain('leave out --only');
    expect(errorOf(() => parse('--quik'))).to.contain('--quik');
  });

  it('shows every family', () => {
    expect(usage([{ name: 'rest-get', about: 'something' }])).to.match(/rest-get +something/);
  });
});

function errorOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}
