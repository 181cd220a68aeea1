import { expect } from 'chai';
import { Contacts } from '../../../orchestrator/configuration/contacts.js';
import { DEFAULT_LIMITS, DEFAULT_PACE, managerTiming } from '../../../orchestrator/configuration/settings.js';

const TICK_MS = 50;

/** When each of so many peers is asked within the first seconds, if nobody answers. */
function asked(count: number, word: 'fast' | 'normal' | 'patient'): number[][] {
  const peers = new Map(
    Array.from({ length: count }, (_, i) => [
      `p${i}`,
      { storeId: 's', inc: 1, addr: `127.0.0.1:${i + 1}/1` },
    ]),
  );
  const map = { clusterId: 'covey', ver: 1, peers, parts: [] };
  const settings = {
    ...{ clusterId: 'covey', orchestratorId: 'o1', partitionCount: 1, replicationFactor: 3, minInSync: 2 },
    ...{ bootstrapPeers: undefined, registerMayBeOld: false, seeds: new Map() },
    timing: managerTiming(word),
    limits: DEFAULT_LIMITS,
    pace: DEFAULT_PACE,
  };
  const contacts = new Contacts(settings, map, 0);
  const times = new Map([...peers.keys()].map((id): [string, number[]] => [id, []]));
  for (let nowMs = 0; nowMs < 6_000; nowMs += TICK_MS) {
    contacts.probe(nowMs);
    for (const { to } of contacts.take()) times.get(to)?.push(nowMs);
  }
  return [...times.values()];
}

describe('orchestrator/configuration/contacts', () => {
  const longest = (times: number[]) =>
    Math.max(...[...times, 6_000].map((ms, i) => ms - (times[i - 1] ?? 0)));

  it('asks a few peers all at once, every 300 ms', () => {
    for (const times of asked(64, 'normal')) {
      expect(times.slice(0, 4)).to.deep.equal([0, 300, 600, 900]);
    }
  });

  it('asks each of a thousand twice a second, at most a few more than 64 at once', () => {
    const all = asked(1_000, 'normal');
    for (const times of all) expect(longest(times)).to.be.within(500, 550);
    const at = (ms: number) => all.filter((times) => times.includes(ms)).length;
    for (let ms = 0; ms < 6_000; ms += TICK_MS) expect(at(ms)).to.be.within(1, 192);
  });

  for (const word of ['fast', 'normal', 'patient'] as const) {
    it(`${word}: asks each of a thousand often enough to be heard before it counts as dead, and once a second`, () => {
      const { deadAfterMs } = managerTiming(word);
      for (const times of asked(1_000, word)) {
        expect(longest(times)).to.be.below(Math.min(deadAfterMs / 2, 1_000 + 2 * TICK_MS));
      }
    });
  }
});
