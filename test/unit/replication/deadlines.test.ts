import { expect } from 'chai';
import fc from 'fast-check';
import { Deadlines } from '../../../peer/replication/deadlines.js';

describe('peer/replication/deadlines', () => {
  it('gives back the earliest first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (times) => {
        const deadlines = new Deadlines();
        for (const atMs of times) deadlines.push({ atMs, key: 'k' });
        const found: number[] = [];
        for (let first = deadlines.first(); first !== undefined; first = deadlines.first()) {
          found.push(first.atMs);
          deadlines.pop();
        }
        expect(found).to.deep.equal([...times].sort((a, b) => a - b));
      }),
    );
  });

  it('lets the later half go when there are too many, and has everything before its horizon', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.integer({ min: 2, max: 9 }), (times, limit) => {
        const deadlines = new Deadlines(limit);
        for (const atMs of times) deadlines.push({ atMs, key: 'k' });
        const found: number[] = [];
        for (let first = deadlines.first(); first !== undefined; first = deadlines.first()) {
          found.push(first.atMs);
          deadlines.pop();
        }
        expect(found.length).to.be.at.most(limit);
        const { horizonMs } = deadlines;
        if (times.length <= limit) expect(horizonMs).to.equal(Number.POSITIVE_INFINITY);
        const before = times.filter((atMs) => atMs < horizonMs).sort((a, b) => a - b);
        expect(found.filter((atMs) => atMs < horizonMs)).to.deep.equal(before);
      }),
    );
  });
});
