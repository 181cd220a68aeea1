import { expect } from 'chai';
import { atEndOfTurn } from '../../../peer/end-of-turn.js';

describe('peer/end-of-turn', () => {
  it('runs what was asked for in its order, after what comes in at the next look at the sockets', async () => {
    const order: string[] = [];
    const ended = new Promise<void>((resolve) => {
      atEndOfTurn(() => order.push('first'));
      // An immediate runs after one look at the sockets: what came in by then is still of this turn.
      setImmediate(() => order.push('came in'));
      atEndOfTurn(() => {
        order.push('second');
        resolve();
      });
    });
    await ended;
    expect(order).to.deep.equal(['came in', 'first', 'second']);
  });

  it('what is asked for at the end of a turn belongs to the next', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      atEndOfTurn(() => {
        atEndOfTurn(() => {
          order.push('next');
          resolve();
        });
        order.push('this');
      });
    });
    expect(order).to.deep.equal(['this', 'next']);
  });
});
