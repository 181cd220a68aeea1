import { expect } from 'chai';
import { type Origin, several, Waiters } from '../../../peer/replication/waiters.js';

const waiter = (id: number): Origin => ({ kind: 'local', id });

describe('peer/replication/waiters', () => {
  it('gives those who wait for each position, in the order of the positions', () => {
    const waiters = new Waiters(10);
    for (const [seq, id] of [
      [13, 1],
      [11, 2],
      [13, 3],
      [13, 4],
    ] as const)
      waiters.add(seq, waiter(id));
    expect(waiters.size).to.equal(3);
    expect(waiters.all()).to.deep.equal([2, 1, 3, 4].map(waiter));
    const taken = [waiters.take(), waiters.take(), waiters.take(), waiters.take()];
    expect(taken.map((slot) => (slot === undefined ? [] : several(slot)))).to.deep.equal([
      [waiter(2)],
      [],
      [1, 3, 4].map(waiter),
      [],
    ]);
    waiters.add(15, waiter(5));
    expect([waiters.take(), waiters.size]).to.deep.equal([waiter(5), 0]);
  });

  it('takes nobody in for a position that was taken', () => {
    const waiters = new Waiters(10);
    waiters.take();
    expect(() => waiters.add(11, waiter(1))).to.throw('above 11');
  });
});
