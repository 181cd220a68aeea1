import { expect } from 'chai';
import fc from 'fast-check';
import {
  DEFAULT_SETTINGS,
  FAST_SETTINGS,
  leaseGrantMs,
  PATIENT_SETTINGS,
} from '../../../peer/replication/settings.js';

describe('peer/replication/settings', () => {
  it('L4: 1,500 ms held, clocks within 1 percent: granted for 1,532 ms', () => {
    expect(leaseGrantMs(1_500, { ...DEFAULT_SETTINGS, clockRateError: 0.01 })).to.equal(1_532);
  });

  it('L4: whatever the rates, the holder has stopped when its grantor believes so', () => {
    const rate = fc.double({ min: 0.99, max: 1.01, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 60_000 }), rate, rate, (leaseHoldMs, holder, grantor) => {
        const granted = leaseGrantMs(leaseHoldMs, { ...DEFAULT_SETTINGS, clockRateError: 0.01 });
        expect(leaseHoldMs / holder).to.be.lessThan(granted / grantor);
      }),
    );
  });

  it('renews a lease several times before it ends, and accuses no sooner than it repeats', () => {
    for (const settings of [DEFAULT_SETTINGS, FAST_SETTINGS, PATIENT_SETTINGS]) {
      expect(settings.leaseRenewMs * 3).to.be.lessThan(settings.leaseHoldMs);
      expect(settings.resendMs * 3).to.be.at.most(settings.accuseAfterMs);
      expect(settings.stallMs).to.be.lessThan(settings.accuseAfterMs);
      expect(settings.leaseHoldMs).to.be.at.most(settings.maxLeaseHoldMs);
      expect(settings.maxLeaseHoldMs).to.equal(DEFAULT_SETTINGS.maxLeaseHoldMs);
      expect(settings.tickMs * 2).to.be.at.most(settings.leaseRenewMs);
    }
  });
});
