import { expect } from 'chai';
import type { ClusterMap, PeerRecord } from '../../../common/configuration.js';
import { mayStop } from '../../../common/leaving.js';
import type { ManagerSettings } from '../../../orchestrator/configuration/settings.js';
import { FakeCluster, SETTINGS, TICK_MS } from './fake-cluster.js';

const IDS = ['a', 'b', 'c', 'd', 'e'];
/** As large as a real cluster. */
const LARGE: ManagerSettings = { ...SETTINGS, partitionCount: 256, minInSync: 2 };

function started(ids = IDS, settings = LARGE): FakeCluster {
  const cluster = new FakeCluster({ ...settings, bootstrapPeers: ids.length });
  for (const id of ids) cluster.join(id);
  cluster.until('the first configuration is active', () => cluster.isCalm());
  cluster.run(3_000);
  return cluster;
}

const announce = (cluster: FakeCluster, id: string) =>
  cluster.report(cluster.peer(id), { type: 'leave', only: 'duties' });
const stopOf = (cluster: FakeCluster, id: string) => mayStop(cluster.peer(id).map as ClusterMap, id);
const heldBy = (map: ClusterMap, id: string) => map.parts.filter((part) => part?.members.has(id)).length;
const ledBy = (map: ClusterMap, id: string) => map.parts.filter((part) => part?.primary === id).length;
const fewest = (map: ClusterMap) => Math.min(...map.parts.map((part) => part?.members.size ?? 0));

/** Runs until the condition holds; says how long that took, and how many changes of the map. */
function measure(cluster: FakeCluster, what: string, condition: () => boolean) {
  const { nowMs } = cluster;
  const changes = cluster.committed.length;
  cluster.until(what, condition, 20_000);
  return { ms: cluster.nowMs - nowMs, changes: cluster.committed.length - changes };
}

function restart(cluster: FakeCluster, id: string): void {
  cluster.peer(id).up = false;
  cluster.run(200);
  cluster.peer(id).start();
}

describe('a peer that is about to restart', () => {
  it('is relieved of everything by a few changes of the map, in well below a second', () => {
    const cluster = started();
    expect(ledBy(cluster.map, 'c')).to.be.within(51, 52);
    expect(heldBy(cluster.map, 'c')).to.be.within(153, 154);
    const before = cluster.committed.length;
    announce(cluster, 'c');
    const { ms } = measure(cluster, 'it may stop', () => stopOf(cluster, 'c') === 'free');
    expect(ms).to.be.at.most(200);
    // While it is awaited nothing more is done: the wish, the removal, and who has activated.
    cluster.run(5_000);
    expect(cluster.committed.length - before).to.equal(3);
    expect(fewest(cluster.map)).to.equal(2);
  });

  it('leaves its primaries to those who hold copies of them in equal shares', () => {
    const cluster = started();
    const before = ledBy(cluster.map, 'a');
    announce(cluster, 'c');
    cluster.until('it leads nothing', () => ledBy(cluster.map, 'c') === 0);
    for (const id of ['a', 'b', 'd', 'e'])
      expect(ledBy(cluster.map, id)).to.be.within(before - 1, before + 27);
  });

  it('gets all its copies and primaries back within a second of its return', () => {
    const cluster = started();
    announce(cluster, 'c');
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free');
    const held = heldBy(cluster.committed[0] as ClusterMap, 'c');
    restart(cluster, 'c');
    const copies = measure(cluster, 'its copies are back', () => heldBy(cluster.map, 'c') === held);
    expect(copies.ms).to.be.at.most(1_000);
    const leads = measure(cluster, 'its primaries are back', () => ledBy(cluster.map, 'c') >= 51);
    expect(leads.ms).to.be.at.most(500);
    cluster.until('it is calm', () => cluster.isCalm());
    expect(cluster.map.peers.get('c')?.drain).to.equal(undefined);
  });

  it('has its copies made anew elsewhere only if it stays away', () => {
    const cluster = started();
    announce(cluster, 'c');
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free');
    cluster.run(3_000);
    cluster.peer('c').up = false;
    cluster.run(SETTINGS.timing.repairAfterMs - 4_000);
    expect(fewest(cluster.map)).to.equal(2);
    expect(cluster.map.parts.some((part) => part?.learners.length)).to.equal(false);
    cluster.until('the copies are made anew', () => fewest(cluster.map) === 3);
  });

  it('is not taken out while one of those who stay has not answered since (E3)', () => {
    const cluster = started(['a', 'b', 'c'], SETTINGS);
    cluster.peer('b').cut = true;
    announce(cluster, 'c');
    cluster.run(1_000);
    expect(heldBy(cluster.map, 'c')).to.equal(SETTINGS.partitionCount);
    cluster.peer('b').cut = false;
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free', 1_000);
  });

  it('hands over what it leads, and stays a member, where too few copies would be left', () => {
    const cluster = started(['a', 'b', 'c'], LARGE);
    cluster.peer('a').up = false;
    cluster.until('the dead one is removed', () => heldBy(cluster.map, 'a') === 0);
    announce(cluster, 'c');
    cluster.until('it leads nothing', () => ledBy(cluster.map, 'c') === 0, 1_000);
    cluster.run(3_000);
    expect(fewest(cluster.map)).to.equal(2);
    expect(stopOf(cluster, 'c')).to.equal('wait');
    cluster.peer('a').start();
    cluster.until('it may stop when the other is back', () => stopOf(cluster, 'c') === 'free', 5_000);
    expect(fewest(cluster.map)).to.equal(2);
  });

  it('of two at once each goes as far as enough copies are left, the second when the first is back', () => {
    const cluster = started();
    announce(cluster, 'c');
    announce(cluster, 'd');
    cluster.until('one may stop', () => stopOf(cluster, 'c') === 'free', 1_000);
    expect(fewest(cluster.map)).to.equal(2);
    cluster.until('the other leads nothing', () => ledBy(cluster.map, 'd') === 0, 1_000);
    expect(stopOf(cluster, 'd')).to.equal('wait');
    const partition = cluster.map.parts.findIndex((part) => part?.members.has('d'));
    const wish = cluster.change({ type: 'move-primary', partition, to: 'd' });
    cluster.run(200);
    expect(cluster.answers.get(wish)).to.equal('d is about to stop');
    restart(cluster, 'c');
    cluster.until('the other may stop', () => stopOf(cluster, 'd') === 'free', 3_000);
    expect(Math.min(...cluster.committed.map(fewest))).to.equal(2);
    restart(cluster, 'd');
    cluster.until('it is calm', () => cluster.isCalm());
  });

  it('changes nothing where everybody else stops, too', () => {
    const cluster = started();
    const { parts } = cluster.map;
    cluster.register = 'slow';
    for (const id of IDS) announce(cluster, id);
    cluster.run(5_000);
    expect(cluster.map.parts).to.deep.equal(parts);
    for (const id of IDS) expect(stopOf(cluster, id)).to.equal('alone');
  });

  it('is relieved by the next orchestrator where the first one ended', () => {
    const cluster = started();
    cluster.register = 'slow';
    announce(cluster, 'c');
    cluster.until('the wish is in the map', () => cluster.map.peers.get('c')?.drain?.scope === 'duties');
    cluster.restartManager();
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free', 5_000);
  });

  it('does not return while it still runs, nor is given anything else', () => {
    const cluster = started();
    announce(cluster, 'c');
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free');
    cluster.run(500);
    const { ver } = cluster.map;
    const wish = cluster.change({
      type: 'move-replica',
      partition: 0,
      from: cluster.part(0).primary,
      to: 'c',
    });
    cluster.run(200);
    expect(cluster.answers.get(wish)).to.not.equal('accepted');
    cluster.run(5_000);
    expect(cluster.map.ver).to.equal(ver);
  });

  it('says nothing of the process that follows it, however late it is heard', () => {
    const cluster = started();
    cluster.peer('a').cut = true;
    cluster.restartManager();
    // The new orchestrator waits for `a` before it does anything.
    announce(cluster, 'c');
    restart(cluster, 'c');
    cluster.run(TICK_MS * 10);
    expect(cluster.map.peers.get('c')?.inc).to.equal(1);
    cluster.peer('a').cut = false;
    cluster.until('it is registered', () => cluster.map.peers.get('c')?.inc === 2);
    expect(cluster.committed.some(({ peers }) => peers.get('c')?.drain)).to.equal(false);
    cluster.until('it is calm', () => cluster.isCalm());
  });

  it('is emptied further when it is back, if an operator was draining it', () => {
    const cluster = started(['a', 'b', 'c', 'd'], SETTINGS);
    cluster.teaching = false;
    cluster.change({ type: 'drain', peer: 'c' });
    announce(cluster, 'c');
    cluster.until('it may stop', () => stopOf(cluster, 'c') === 'free', 2_000);
    cluster.teaching = true;
    restart(cluster, 'c');
    cluster.until('it is drained as before', () => {
      const drain = cluster.map.peers.get('c')?.drain;
      return drain?.scope === 'everything' && drain.until === 'operator';
    });
    cluster.until('it holds nothing', () => heldBy(cluster.map, 'c') === 0 && fewest(cluster.map) === 3);
  });
});

describe('a drained peer', () => {
  it('leads nothing within half a second, however many primaries it had', () => {
    const cluster = started();
    cluster.change({ type: 'drain', peer: 'c' });
    const { ms, changes } = measure(cluster, 'it leads nothing', () => ledBy(cluster.map, 'c') === 0);
    expect(ms).to.be.at.most(500);
    expect(changes).to.be.at.most(3);
    expect(fewest(cluster.map)).to.equal(3);
  });
});

describe('may a process stop', () => {
  const part = (over: object) => ({
    ...{ epoch: 5, primary: 'a', members: new Map([['a', 'a1']]), learners: [], fence: [], active: true },
    ...{ la: ['a'], ...over },
  });
  const record = (leaves: boolean): PeerRecord => ({
    ...{ storeId: 'x', inc: 1, addr: 'x:1' },
    ...(leaves ? { drain: { scope: 'duties', until: 'restart' } as const } : {}),
  });
  const verdict = (over: object, leavers = ['b'], minInSync = 1, weightOfC = 1) => {
    const peers = new Map(['a', 'b', 'c'].map((id) => [id, record(leavers.includes(id))]));
    peers.set('c', { ...record(leavers.includes('c')), weight: weightOfC });
    return mayStop({ clusterId: 'test', ver: 5, peers, parts: [undefined, part(over)], minInSync }, 'b');
  };
  const both = new Map([...part({}).members, ['b', 'b1']]);

  it('not while it is a member or a learner of what goes on', () => {
    expect(verdict({})).to.equal('free');
    expect(verdict({ learners: ['b'] })).to.equal('wait');
    expect(verdict({ members: both })).to.equal('wait');
    expect(verdict({ members: both }, ['a', 'b'])).to.equal('alone');
  });

  it('where too few would ever be left, as soon as another leads', () => {
    expect(verdict({ members: both }, ['b', 'c'])).to.equal('wait');
    expect(verdict({ members: both }, ['b', 'c'], 2)).to.equal('alone');
    expect(verdict({ members: both, primary: 'b' }, ['b', 'c'], 2)).to.equal('wait');
    expect(verdict({ members: both, active: false }, ['b', 'c'], 2)).to.equal('wait');
    expect(verdict({ members: both }, ['b'], 2)).to.equal('wait');
    // A peer of weight 0 takes no copy.
    expect(verdict({ members: both }, ['b'], 2, 0)).to.equal('alone');
  });

  it('not before the first write without it can be acknowledged: its word ends the fence', () => {
    expect(verdict({ fence: ['b'], active: false })).to.equal('wait');
    expect(verdict({ fence: ['b'], active: true })).to.equal('free');
    expect(verdict({ fence: ['a'], active: false })).to.equal('free');
  });
});
