/** Sums in extended precision, and the refusals around them. The digits are those of redis-server, 7.0.15. */
import { expect } from 'chai';
import fc from 'fast-check';
import { LongDouble } from '../../../peer/resp/long-double.js';

function sum(a: string, b: string): string | undefined {
  return LongDouble.parse(Buffer.from(a))
    ?.plus(LongDouble.parse(Buffer.from(b)) as LongDouble)
    ?.toString();
}

describe('numbers in extended precision', () => {
  for (const [a, b, total] of [
    ['0.1', '0.2', '0.3'],
    ['1e20', '1.5', '100000000000000000000'],
    ['18446744073709551615', '1', '18446744073709551616'],
    ['18446744073709551615', '0.5', '18446744073709551616'],
    ['-1', '1', '0'],
    ['-1e-20', '0', '0'],
    ['3.14159265358979323846264338327950288', '0', '3.14159265358979324'],
    ['10.50', '0', '10.5'],
  ] as const) {
    it(`${a} + ${b} is ${total}`, () => expect(sum(a, b)).to.equal(total));
  }

  it('are exact for integers of 64 bits', () => {
    const integer = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(sum(`${a}`, `${b}`)).to.equal(`${a + b}`);
      }),
    );
  });

  it('agree with doubles where those are exact', () => {
    const quarter = fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((value) => value / 1024);
    fc.assert(
      fc.property(quarter, quarter, (a, b) => {
        expect(Number(sum(a.toFixed(10), b.toFixed(10)))).to.equal(a + b);
      }),
    );
  });

  it('are refused where they are none, or too large', () => {
    for (const text of [
      '',
      ' 1',
      '1 ',
      'x',
      '1e',
      '.',
      '--1',
      '1e5000',
      '-1e5000',
      '1e999999999',
      'nan',
      '9'.repeat(5_120),
    ]) {
      expect(LongDouble.parse(Buffer.from(text)), text).to.equal(undefined);
    }
    expect(sum('inf', '1')).to.equal(undefined);
    expect(sum('1.1e4932', '1.1e4932')).to.equal(undefined);
  });
});
