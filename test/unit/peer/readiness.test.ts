/** When a peer says that it is ready: its share, and what it waits for. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap, type PeerRecord } from '../../../common/configuration.js';
import type { Roster } from '../../../common/roster.js';
import { Readiness } from '../../../peer/readiness.js';

const RECORD: PeerRecord = { storeId: 'store', inc: 1, addr: '127.0.0.1:1/2' };

/** One partition with these members, in a cluster of these peers. */
function mapOf(peers: Readonly<Record<string, PeerRecord>>, members: readonly string[], learners = ['']) {
  const [primary = ''] = members;
  const part = {
    epoch: 1,
    primary,
    members: new Map(members.map((id) => [id, 'store'])),
    learners: learners.filter((id) => id !== ''),
    fence: [],
    active: true,
    la: members,
  };
  const map: ClusterMap = {
    ...emptyMap('test'),
    ver: 1,
    peers: new Map(Object.entries(peers)),
    parts: [part],
  };
  return map;
}

function rosterOf(map: ClusterMap, status: 'up' | 'leaving' = 'up'): Roster {
  return { copies: 3, peers: [...map.peers.keys()].map((id) => ({ id, status, sinceMs: 0 })) };
}

function readinessOf(map: ClusterMap, roster: Roster | null): Readiness {
  const status = () =>
    ({
      role: 'member',
      epoch: 1,
      base: 0,
      com: 0,
      prep: 0,
      readable: true,
      damaged: 0,
      keyCount: 0,
    }) as const;
  return new Readiness({ replica: { map, status }, id: 'a', storeId: 'store', inc: 1, roster: () => roster });
}

function isReady(map: ClusterMap, roster: Roster | null): boolean {
  return readinessOf(map, roster)
    .checks()
    .every(({ ok }) => ok);
}

describe('peer/readiness', () => {
  const three = { a: RECORD, b: RECORD, c: RECORD };

  it('waits for the copies that are missing while everybody is there', () => {
    const short = mapOf(three, ['a', 'b']);
    expect(isReady(short, rosterOf(short))).to.equal(false);
    expect(isReady(short, rosterOf(short, 'leaving'))).to.equal(true);
    const whole = mapOf(three, ['a', 'b', 'c']);
    expect(isReady(whole, rosterOf(whole))).to.equal(true);
  });

  it('waits for its own copies, and for a word of the orchestrator', () => {
    const joining = mapOf(three, ['b', 'c'], ['a']);
    expect(isReady(joining, rosterOf(joining, 'leaving'))).to.equal(false);
    expect(isReady(mapOf(three, ['a', 'b', 'c']), null)).to.equal(false);
  });

  it('waits for no copy that nobody is there to hold: peers of weight 0 hold none', () => {
    const map = mapOf({ ...three, c: { ...RECORD, weight: 0 } }, ['a', 'b']);
    expect(isReady(map, rosterOf(map))).to.equal(true);
  });

  it('is never ready again once it stops', () => {
    const map = mapOf(three, ['a', 'b', 'c']);
    const readiness = readinessOf(map, rosterOf(map));
    readiness.stopping();
    expect(readiness.checks().filter(({ ok }) => !ok)).to.have.length(1);
  });
});
