import { expect } from 'chai';
import fc from 'fast-check';
import { DEFAULT_RETRY, Retry, type RetryStep, type Seen } from '../../../client/retry.js';

const write = { kind: 'write', keyed: false } as const;
const keyed = { kind: 'write', keyed: true } as const;
const read = { kind: 'read', keyed: false } as const;

describe('client/retry', () => {
  it('tries every peer once without waiting, then waits longer and longer', () => {
    const retry = new Retry(write, DEFAULT_RETRY, 3, 1, 0);
    const steps: RetryStep[] = [retry.first()];
    for (let i = 0; i < 6; i++) steps.push(retry.next(0, { kind: 'not-applied' }));
    expect(steps.map((step) => (step.kind === 'ask' ? step.peer : -1))).to.deep.equal([1, 2, 0, 1, 2, 0, 1]);
    expect(steps.map((step) => (step.kind === 'ask' ? step.afterMs : -1))).to.deep.equal([
      0, 0, 0, 20, 20, 20, 40,
    ]);
  });

  it('waits as long as the peer asked', () => {
    const retry = new Retry(write, DEFAULT_RETRY, 3, 0, 0);
    retry.first();
    expect(retry.next(0, { kind: 'not-applied', retryAfterMs: 700 })).to.include({ afterMs: 700 });
  });

  it('never repeats a write without a key after an unknown outcome', () => {
    const retry = new Retry(write, DEFAULT_RETRY, 3, 0, 0);
    retry.first();
    expect(retry.next(0, { kind: 'unknown' })).to.deep.equal({ kind: 'unknown' });
  });

  it('repeats reads, and writes with a key', () => {
    for (const request of [read, keyed]) {
      const retry = new Retry(request, DEFAULT_RETRY, 3, 0, 0);
      retry.first();
      expect(retry.next(0, { kind: 'unknown' }).kind).to.equal('ask');
      expect(retry.next(0, { kind: 'answered' }).kind).to.equal('done');
    }
  });

  it('keeps a doubt: a later refusal does not make an unknown outcome known', () => {
    const seen = fc.constantFrom<Seen['kind']>('not-applied', 'unknown');
    fc.assert(
      fc.property(fc.array(seen, { minLength: 30, maxLength: 30 }), fc.boolean(), (kinds, hasKey) => {
        const retry = new Retry(hasKey ? keyed : write, DEFAULT_RETRY, 3, 0, 0);
        let step = retry.first();
        let doubt = false;
        let nowMs = 0;
        let attempts = 0;
        for (const kind of kinds) {
          if (step.kind !== 'ask') break;
          attempts++;
          nowMs += step.afterMs + 10;
          if (kind === 'unknown') doubt = true;
          step = retry.next(nowMs, { kind });
        }
        expect(step.kind).to.equal(doubt ? 'unknown' : 'not-applied');
        expect(attempts).to.be.at.most(DEFAULT_RETRY.maxAttempts);
      }),
    );
  });
});
