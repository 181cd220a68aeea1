import { expect } from 'chai';
import fc from 'fast-check';
import { chainedChecksum, FIRST_CHECKSUM } from '../../../peer/replication/checksum.js';
import { InvariantError } from '../../../peer/replication/invariant.js';
import { Log } from '../../../peer/replication/log.js';
import { chain, draft } from './entries.js';

function logOf(count: number): Log {
  return new Log(3, 0, FIRST_CHECKSUM, chain(count));
}

describe('peer/replication/log', () => {
  it('is empty at its base', () => {
    const log = new Log(3, 7, 99, []);
    expect([log.base, log.prep, log.bytes, log.checksumAt(7)]).to.deep.equal([7, 7, 0, 99]);
  });

  it('refuses a gap, a repeat, and an entry that does not follow from the one before', () => {
    const log = logOf(2);
    const [, second, third, fourth] = chain(4);
    for (const wrong of [second, fourth]) {
      expect(() => wrong && log.append(wrong)).to.throw(InvariantError, 'entry 3 of partition 3');
    }
    expect(() => third && log.append({ ...third, key: 'other' })).to.throw(InvariantError, 'checksum');
    if (third !== undefined) log.append(third);
    expect(log.prep).to.equal(3);
  });

  it('gives runs of limited length, but always one entry', () => {
    const log = logOf(10);
    const seqs = (entries: readonly { seq: number }[]): number[] => entries.map(({ seq }) => seq);
    expect(seqs(log.run(4, 3, 1e9))).to.deep.equal([4, 5, 6]);
    expect(seqs(log.run(4, 3, 1))).to.deep.equal([4]);
    expect(seqs(log.run(9, 30, 1e9))).to.deep.equal([9, 10]);
    expect(seqs(log.run(11, 3, 1e9))).to.deep.equal([]);
  });

  it('ends the process when checksums differ, and cannot compare what it does not keep', () => {
    const log = logOf(5);
    log.trim(3);
    log.compare(2, 12345, 'B');
    log.compare(9, 12345, 'B');
    log.compare(3, log.baseChecksum, 'B');
    expect(() => log.compare(4, 12345, 'B')).to.throw(InvariantError, 'replicas diverged');
  });

  it('keeps its positions through hundreds of trims', () => {
    const log = logOf(400);
    for (let base = 1; base < 400; base++) {
      log.trim(base);
      expect([log.at(base + 1).seq, log.at(400).seq, log.prep]).to.deep.equal([base + 1, 400, 400]);
      expect(() => log.at(base)).to.throw(InvariantError);
    }
    log.trim(400);
    expect([log.base, log.prep, log.bytes]).to.deep.equal([400, 400, 0]);
  });

  it('behaves as a plain array under any cuts, trims and appends', () => {
    const moves = fc.array(
      fc.record({
        kind: fc.constantFrom('append', 'truncate', 'trim'),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(moves, (steps) => {
        const log = new Log(3, 0, FIRST_CHECKSUM, []);
        let model: ReturnType<typeof draft>[] = [];
        let [base, sum] = [0, FIRST_CHECKSUM];
        let made = 0;
        for (const { kind, share } of steps) {
          const at = base + Math.round(share * model.length);
          if (kind === 'append') {
            const last = model[model.length - 1];
            made++;
            const body = draft(base + model.length + 1, `k${made}`);
            const entry = { ...body, checksum: chainedChecksum(last?.checksum ?? sum, body) };
            log.append(entry);
            model.push(entry);
          } else if (kind === 'truncate') {
            log.truncate(at);
            model = model.slice(0, at - base);
          } else {
            log.trim(at);
            sum = model[at - base - 1]?.checksum ?? sum;
            model = model.slice(at - base);
            base = at;
          }
          expect([log.base, log.prep, log.baseChecksum]).to.deep.equal([base, base + model.length, sum]);
          expect(log.slice(base + 1, log.prep)).to.deep.equal(model);
        }
        expect(log.bytes === 0).to.equal(model.length === 0);
      }),
    );
  });
});
