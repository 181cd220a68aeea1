import { expect } from 'chai';
import { namesTag } from '../../../peer/gateway/conditions.js';

describe('peer/gateway/conditions', () => {
  for (const header of ['"1-2"', 'W/"1-2"', '*', ' * ', '"a","1-2"', 'W/"a" , W/"1-2"', '"a,b", "1-2"']) {
    it(`${header} names 1-2`, () => expect(namesTag(header, '1-2')).to.equal(true));
  }
  for (const header of ['', '1-2', '"1-20"', '"11-2"', '"', '"1-2', '"*"', '"a" * "b"']) {
    it(`${header} does not name 1-2`, () => expect(namesTag(header, '1-2')).to.equal(false));
  }

  it('reads 16 KiB of quotes at once', () => {
    const started = performance.now();
    namesTag('"'.repeat(16 * 1024), '1-2');
    namesTag(`W/"${'a'.repeat(16 * 1024)}`, '1-2');
    expect(performance.now() - started).to.be.below(50);
  });
});
