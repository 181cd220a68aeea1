/** Slots and partitions of keys, against Redis Cluster's own. */
import { expect } from 'chai';
import fc from 'fast-check';
import { PARTITION_COUNT, partitionOf, SLOT_COUNT, slotOf } from '../../common/slots.js';

describe('common/slots', () => {
  // The reference values are Redis Cluster's own: its specification names 123456789 -> 0x31C3,
  // and `CLUSTER KEYSLOT` answers the others.
  it('agrees with Redis Cluster', () => {
    expect(slotOf('123456789')).to.equal(0x31c3);
    expect(slotOf('foo')).to.equal(12182);
    expect(slotOf('bar')).to.equal(5061);
    expect(slotOf('')).to.equal(0);
  });

  it('hashes only the tag between the first { and the next }', () => {
    expect(slotOf('user:{42}:name')).to.equal(slotOf('42'));
    expect(slotOf('user:{42}:mail')).to.equal(slotOf('user:{42}:name'));
    expect(slotOf('{}x')).not.to.equal(slotOf(''));
    expect(slotOf('a{b')).not.to.equal(slotOf('b'));
    expect(slotOf('{a}{b}')).to.equal(slotOf('a'));
    expect(slotOf('{{a}')).to.equal(slotOf('{a'));
    expect(slotOf('x}{a}')).to.equal(slotOf('a'));
  });

  it('hashes the UTF-8 bytes of a key that is not ASCII', () => {
    expect(slotOf('ключ')).to.equal(slotOf(Buffer.from('ключ')));
    expect(slotOf('{ключ}!')).to.equal(slotOf('ключ'));
    expect(slotOf('𝄞')).to.equal(slotOf(Buffer.from('𝄞')));
  });

  it('gives a text the slot of its bytes, whatever it holds', () => {
    const part = fc.oneof(fc.constantFrom('{', '}', 'a', 'ü', '字', '𝄞'), fc.string({ unit: 'grapheme' }));
    const texts = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(fc.property(texts, (text) => slotOf(text) === slotOf(Buffer.from(text))));
  });

  it('maps every slot to a partition, in order, each with the same number of slots', () => {
    const counts = new Array<number>(PARTITION_COUNT).fill(0);
    let last = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const partition = partitionOf(slot);
      expect(partition).to.be.at.least(last);
      last = partition;
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(new Set(counts)).to.deep.equal(new Set([SLOT_COUNT / PARTITION_COUNT]));
  });
});
