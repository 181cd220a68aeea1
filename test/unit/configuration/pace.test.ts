import { expect } from 'chai';
import { Pace } from '../../../orchestrator/configuration/pace.js';

const SETTINGS = { restFactor: 3, maxRestMs: 10_000 };

/** When the next wave may begin, after one that lasted from 1,000 ms for `tookMs`; looked at every 100 ms. */
function nextWaveMs(tookMs: number): number {
  const pace = new Pace();
  for (let nowMs = 0; ; nowMs += 100) {
    const moving = nowMs >= 1_000 && nowMs < 1_000 + tookMs;
    if (pace.allows(nowMs, moving, SETTINGS) && nowMs >= 1_000 + tookMs) return nowMs;
  }
}

describe('orchestrator/configuration/pace', () => {
  it('lets the first wave begin at once, and no other while it is under way', () => {
    const pace = new Pace();
    expect(pace.allows(0, false, SETTINGS)).to.equal(true);
    expect(pace.allows(100, true, SETTINGS)).to.equal(false);
    expect(pace.allows(200, true, SETTINGS)).to.equal(false);
  });

  it('rests in proportion to how long the wave took', () => {
    expect(nextWaveMs(400)).to.equal(1_000 + 400 + 3 * 400);
    expect(nextWaveMs(2_000)).to.equal(1_000 + 2_000 + 3 * 2_000);
  });

  it('rests no longer than the limit', () => {
    expect(nextWaveMs(600_000)).to.equal(1_000 + 600_000 + 10_000);
  });
});
