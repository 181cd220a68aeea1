import { expect } from 'chai';
import fc from 'fast-check';
import { compareBytes } from '../../common/byte-order.js';

describe('common/byte-order', () => {
  it('orders as the UTF-8 bytes do', () => {
    const any = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed());
    // Few units, so that keys share their beginnings.
    const unit = fc.constantFrom('', 'a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}');
    const key = fc.oneof(any, fc.string({ unit }));
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).to.equal(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 500 },
    );
  });

  it('puts a surrogate pair behind the last of the single units', () => {
    expect(compareBytes('\u{10000}', '\uffff')).to.be.above(0);
    expect(compareBytes('\uffff', '\u{10000}')).to.be.below(0);
  });
});
