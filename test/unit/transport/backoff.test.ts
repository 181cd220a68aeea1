import { expect } from 'chai';
import fc from 'fast-check';
import { backoffMs } from '../../../peer/transport/backoff.js';

describe('backoff', () => {
  it('begins at 25 to 50 ms, doubles, and ends at 250 to 500 ms', () => {
    const ranges = [1, 2, 3, 4, 5, 1000].map((failures) => [backoffMs(failures, 0), backoffMs(failures, 1)]);
    expect(ranges).to.deep.equal([
      [25, 50],
      [50, 100],
      [100, 200],
      [200, 400],
      [250, 500],
      [250, 500],
    ]);
  });

  it('stays within its bounds', () => {
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fraction, (failures, random) => {
        expect(backoffMs(failures, random)).to.be.within(25, 500);
      }),
    );
  });
});
