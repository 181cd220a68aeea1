import { expect } from 'chai';
import fc from 'fast-check';
import { Deadlines } from '../../../peer/replication/deadlines.js';

describe('peer/replication/deadlines', () => {
  it('gives back the earliest first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (times) => {
        const deadlines = new Deadlines();
        for (const [seq, atMs] of times.entries()) deadlines.push({ atMs, key: 'k', seq });
        const found: number[] = [];
        for (let first = deadlines.first(); first !== undefined; first = deadlines.first()) {
          found.push(first.atMs);
          deadlines.pop();
        }
        expect(found).to.deep.equal([...times].sort((a, b) => a - b));
      }),
    );
  });
});
