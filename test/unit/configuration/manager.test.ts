import { expect } from 'chai';
import { FakeCluster, type FakePeer, SETTINGS } from './fake-cluster.js';

function started(ids = ['a', 'b', 'c', 'd'], settings = SETTINGS): FakeCluster {
  const cluster = new FakeCluster({ ...settings, bootstrapPeers: ids.length });
  for (const id of ids) cluster.join(id);
  cluster.until('the first configuration is active', () => cluster.isCalm());
  return cluster;
}

const others = (cluster: FakeCluster, partition: number) =>
  [...cluster.part(partition).members.keys()].filter((id) => id !== cluster.part(partition).primary);

describe('configuration manager', () => {
  it('creates a cluster only when enough peers without a map are there', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    cluster.join('b');
    cluster.run(5_000);
    expect(cluster.committed).to.have.length(0);
    cluster.join('c');
    cluster.until('it is calm', () => cluster.isCalm());
    expect(cluster.map.parts).to.have.length(SETTINGS.partitionCount);
  });

  it('spreads copies and primaries evenly from the start', () => {
    const cluster = started();
    const { copies, primaries } = spread(cluster);
    expect([...copies.values()]).to.deep.equal([6, 6, 6, 6]);
    expect([...primaries.values()]).to.deep.equal([2, 2, 2, 2]);
  });

  it('asks for two copies of everything from the first map on, and no less when copies are lost', () => {
    const cluster = started(['a', 'b', 'c'], { ...SETTINGS, minInSync: 2 });
    expect(cluster.committed.every(({ minInSync }) => minInSync === 2)).to.equal(true);
    for (const id of ['b', 'c']) cluster.peer(id).up = false;
    cluster.until('one is left', () => cluster.part(0).members.size === 1);
    expect(cluster.map.minInSync).to.equal(2);
  });

  it('asks for more copies only when every partition has them, and never for more than are made', () => {
    const cluster = started(['a'], { ...SETTINGS, minInSync: 5 });
    cluster.run(3_000);
    expect(cluster.map.minInSync).to.equal(undefined);
    cluster.join('b');
    cluster.join('c');
    cluster.until('it asks for three', () => cluster.map.minInSync === 3);
    for (const map of cluster.committed) {
      for (const part of map.parts) expect(part?.members.size).to.be.at.least(map.minInSync ?? 1);
    }
    cluster.restartManager({ ...cluster.settings, minInSync: 1 });
    cluster.until('it asks for one', () => cluster.map.minInSync === undefined);
  });

  it('keeps the number of copies that it asks for when the registry is lost', () => {
    const cluster = started(['a', 'b', 'c'], { ...SETTINGS, minInSync: 2 });
    cluster.held = undefined;
    cluster.restartManager({ ...cluster.settings, bootstrapPeers: undefined });
    cluster.until('it is rebuilt', () => cluster.map.parts.length > 0 && cluster.isCalm());
    expect(cluster.map.minInSync).to.equal(2);
  });

  it('stays still while nothing happens', () => {
    const cluster = started();
    cluster.run(3_000);
    const { ver } = cluster.map;
    cluster.run(30_000);
    expect(cluster.map.ver).to.equal(ver);
  });

  it('E3: removes a silent member once all survivors have answered again, and fences it', () => {
    const cluster = started();
    const victim = cluster.part(0).primary;
    cluster.peer(victim).up = false;
    cluster.until('it is removed', () => !cluster.part(0).members.has(victim), 3_000);
    expect(cluster.part(0).fence).to.include(victim);
    expect(cluster.part(0).la).to.include(cluster.part(0).primary);
  });

  it('E3: does not shrink to a member that has not answered since the loss was noticed', () => {
    const cluster = started();
    cluster.run(3_000);
    const [lost, doubtful] = others(cluster, 0) as [string, string];
    cluster.peer(lost).up = false;
    cluster.run(1_300);
    cluster.peer(doubtful).cut = true;
    cluster.run(600);
    expect(cluster.notes.filter(({ type }) => type === 'peer-silent')).to.have.length(1);
    expect(cluster.part(0).members.has(lost)).to.equal(true);
    cluster.peer(doubtful).cut = false;
    cluster.until('it is removed', () => !cluster.part(0).members.has(lost), 1_000);
    expect(cluster.part(0).members.has(doubtful)).to.equal(true);
  });

  it('E4: waits where only a member of a configuration that never activated is left', () => {
    const cluster = started();
    const to = ['a', 'b', 'c', 'd'].find((id) => !cluster.part(0).members.has(id)) as string;
    const [from, ...elders] = [...cluster.part(0).members.keys()] as [string, ...string[]];
    cluster.change({ type: 'move-replica', partition: 0, from, to });
    cluster.until('it learns', () => cluster.part(0).learners.includes(to));
    cluster.peer(to).frozen = true;
    cluster.until('it is a member', () => cluster.part(0).members.has(to));
    for (const id of [from, ...elders]) cluster.peer(id).up = false;
    cluster.run(30_000);
    expect(cluster.part(0).primary).not.to.equal(to);
    expect(cluster.part(0).la).not.to.include(to);
    for (const id of [from, ...elders]) cluster.peer(id).start();
    cluster.peer(to).frozen = false;
    cluster.until('it is calm', () => cluster.isCalm());
  });

  it('E5, E8: an ADD counts only in its epoch, from its primary, for a learner as it is now', () => {
    const cluster = started();
    cluster.teaching = false;
    const to = ['a', 'b', 'c', 'd'].find((id) => !cluster.part(0).members.has(id)) as string;
    const { primary, epoch } = cluster.part(0);
    const [other] = others(cluster, 0) as [string];
    const add = (from: string, over: object = {}) => {
      const learner = {
        learner: to,
        learnerStoreId: cluster.peer(to).storeId,
        learnerInc: cluster.peer(to).inc,
      };
      cluster.report(cluster.peer(from), { type: 'add', partition: 0, epoch, ...learner, ...over });
      cluster.run(100);
      return cluster.part(0).members.has(to);
    };
    expect(add(primary), 'not a learner').to.equal(false);
    cluster.change({ type: 'move-replica', partition: 0, from: other, to });
    cluster.until('it learns', () => cluster.part(0).learners.includes(to));
    expect(add(other), 'not the primary').to.equal(false);
    expect(add(primary, { epoch: epoch - 1 }), 'an old epoch').to.equal(false);
    expect(add(primary, { learnerInc: 7 }), 'another process').to.equal(false);
    expect(add(primary, { learnerStoreId: 'x' }), 'another store').to.equal(false);
    expect(add(primary)).to.equal(true);
  });

  it('E6: does not listen to a process that a newer one has followed', () => {
    const cluster = started();
    cluster.peer('b').up = false;
    cluster.peer('b').start();
    cluster.until('it is registered', () => cluster.map.peers.get('b')?.inc === 2, 3_000);
    cluster.until('it is calm', () => cluster.isCalm());
    cluster.run(3_000);
    cluster.peer('b').inc = 1;
    cluster.run(1_000);
    expect(cluster.map.peers.get('b')?.inc).to.equal(2);
    cluster.run(1_000);
    expect(cluster.map.parts.some((part) => part?.members.has('b'))).to.equal(false);
  });

  it('E9: an accusation is looked into at once, not at the next round of health checks', () => {
    const timing = { ...SETTINGS.timing, pingEveryMs: 1_200 };
    const cluster = started(['a', 'b', 'c', 'd'], { ...SETTINGS, timing });
    cluster.run(3_100);
    const [who] = others(cluster, 0) as [string];
    cluster.peer(who).up = false;
    const { epoch, primary } = cluster.part(0);
    accuse(cluster, cluster.peer(primary), who, epoch);
    cluster.until('it is removed', () => !cluster.part(0).members.has(who), 400);
  });

  it('E3: never removes the last member', () => {
    const cluster = started(['a', 'b', 'c']);
    for (const id of ['a', 'b', 'c']) cluster.peer(id).up = false;
    cluster.run(30_000);
    for (const part of cluster.map.parts) expect(part?.members.size).to.be.greaterThan(0);
  });

  it('E3: suspects itself when more than half fall silent at once', () => {
    const cluster = started();
    cluster.run(3_000);
    const { ver } = cluster.map;
    for (const id of ['a', 'b', 'c']) cluster.peer(id).cut = true;
    cluster.run(5_000);
    expect(cluster.map.ver).to.equal(ver);
    expect(cluster.notes.map(({ type }) => type)).to.include('suspects-self');
    for (const id of ['a', 'b', 'c']) cluster.peer(id).cut = false;
    cluster.run(1_000);
    expect(cluster.map.ver).to.equal(ver);
  });

  it('E3: after standing still it takes nobody out on what it knew before (simulator, seeds 1126922, 1129892)', () => {
    const cluster = started();
    const { primary } = cluster.part(0);
    const silenced = ['a', 'b', 'c', 'd'].filter((id) => id !== primary).map((id) => cluster.peer(id));
    for (const peer of silenced) peer.cut = true;
    cluster.until('it suspects itself', () => cluster.notes.some(({ type }) => type === 'suspects-self'));
    cluster.run(500);
    const { ver } = cluster.map;
    // While it stands still everybody else is back, and the one whom it heard is gone.
    for (const peer of silenced) peer.cut = false;
    cluster.peer(primary).up = false;
    cluster.nowMs += SETTINGS.timing.suspectSelfMs + 1_000;
    cluster.report(silenced[0] as FakePeer, { type: 'register' });
    cluster.until('something changes', () => cluster.map.ver > ver);
    const back = cluster.notes.flatMap((note) => (note.type === 'peer-back' ? [note.peer] : []));
    expect(back).to.have.members(silenced.map(({ id }) => id));
    expect([...cluster.part(0).members.keys()]).to.not.include(primary);
    expect(cluster.part(0).members.size).to.equal(2);
    cluster.until('it is calm', () => cluster.isCalm());
  });

  it('E6: a restart ends every epoch in which the peer is a member', () => {
    const cluster = started();
    cluster.run(3_000);
    const before = cluster.map;
    cluster.peer('b').up = false;
    cluster.peer('b').start();
    cluster.until('it is registered', () => cluster.map.peers.get('b')?.inc === 2, 3_000);
    const after = cluster.committed.find(({ peers }) => peers.get('b')?.inc === 2);
    for (const [partition, part] of before.parts.entries()) {
      if (part?.members.has('b')) expect(after?.parts[partition]?.epoch).to.equal(after?.ver);
      else expect(after?.parts[partition]?.epoch).to.equal(part?.epoch);
    }
  });

  it('E7: a member with an empty disk is removed and comes back as a learner', () => {
    const cluster = started();
    const victim = cluster.part(0).primary;
    const lostStore = cluster.peer(victim).storeId;
    cluster.peer(victim).wipe();
    cluster.peer(victim).start();
    cluster.until('its old store is nobody', () => cluster.part(0).members.get(victim) !== lostStore, 5_000);
    cluster.until('all copies are back', () => cluster.isCalm());
  });

  it('E7: a partition whose every disk is gone is lost, not empty', () => {
    const cluster = started(['a', 'b', 'c']);
    const before = cluster.part(0).members;
    for (const id of ['a', 'b', 'c']) {
      cluster.peer(id).wipe();
      cluster.peer(id).start();
    }
    cluster.run(60_000);
    expect(cluster.manager.status(cluster.nowMs).lost).to.have.length(SETTINGS.partitionCount);
    expect([...before].some(([id, store]) => cluster.part(0).members.get(id) === store)).to.equal(true);
    expect(cluster.notes.map(({ type }) => type)).to.include('partition-lost');
  });

  it('E7: makes all copies anew from the one that is left when the others lose their disks at once', () => {
    const cluster = started(['a', 'b', 'c']);
    const writes = new Map(cluster.peer('a').writes);
    for (const id of ['b', 'c']) {
      cluster.peer(id).wipe();
      cluster.peer(id).start();
    }
    cluster.until('it begins to mend', () => !cluster.isCalm());
    cluster.until('all copies are there again', () => cluster.isCalm());
    for (const [partition, count] of writes) {
      for (const id of ['b', 'c']) expect(cluster.peer(id).writes.get(partition)).to.be.at.least(count);
    }
    expect(cluster.manager.status(cluster.nowMs).lost).to.deep.equal([]);
  });

  it('E8: a learner that falls silent is dropped by a new epoch', () => {
    const cluster = started();
    cluster.teaching = false;
    const [from] = others(cluster, 0);
    const to = ['a', 'b', 'c', 'd'].find((id) => !cluster.part(0).members.has(id)) as string;
    cluster.change({ type: 'move-replica', partition: 0, from: from as string, to });
    cluster.until('it learns', () => cluster.part(0).learners.includes(to));
    const { epoch } = cluster.part(0);
    cluster.peer(to).up = false;
    cluster.until('it is dropped', () => cluster.part(0).learners.length === 0, 3_000);
    expect(cluster.part(0).epoch).to.be.greaterThan(epoch);
  });

  it('E9: removes whom others accuse, and lets it back after the cool-down', () => {
    const cluster = started();
    cluster.run(3_000);
    const [who, other] = others(cluster, 0) as [string, string];
    const { epoch } = cluster.part(0);
    const accusers = [cluster.part(0).primary, other];
    for (const from of accusers) accuse(cluster, cluster.peer(from), who, epoch);
    cluster.until('it is removed', () => !cluster.part(0).members.has(who), 1_000);
    expect(cluster.part(0).learners).not.to.include(who);
    expect(cluster.notes.filter(({ type }) => type === 'accused-removed')).to.deep.equal([
      { type: 'accused-removed', peer: who, partitions: 1, why: 'no-ack', accusers: accusers.sort() },
    ]);
    cluster.until('it is back', () => cluster.part(0).members.has(who));
  });

  it('E9: of two that accuse each other one goes, and accusations of old epochs are void', () => {
    const cluster = started();
    cluster.run(3_000);
    const { primary, epoch } = cluster.part(0);
    const [other] = others(cluster, 0) as [string];
    accuse(cluster, cluster.peer(primary), other, epoch);
    accuse(cluster, cluster.peer(other), primary, epoch);
    cluster.until('one is removed', () => cluster.part(0).epoch > epoch, 1_000);
    expect(cluster.part(0).members.has(primary)).to.equal(true);
    expect(cluster.part(0).members.has(other)).to.equal(false);
    accuse(cluster, cluster.peer(other), primary, epoch);
    cluster.run(1_000);
    expect(cluster.part(0).members.has(primary)).to.equal(true);
  });

  it('E9: does not go below two members by accusation alone', () => {
    const cluster = started(['a', 'b'], { ...SETTINGS, replicationFactor: 2 });
    cluster.run(3_000);
    const { primary, epoch } = cluster.part(0);
    const [other] = others(cluster, 0) as [string];
    for (let i = 0; i < 20; i++) {
      accuse(cluster, cluster.peer(primary), other, epoch);
      cluster.run(200);
      expect(cluster.part(0).members.size).to.equal(2);
    }
  });

  it('gives a copy back to the peer that had it, and to somebody else after the repair time', () => {
    const cluster = started(['a', 'b', 'c', 'd', 'e']);
    const victim = others(cluster, 0)[0] as string;
    cluster.peer(victim).up = false;
    cluster.until('it is removed', () => !cluster.part(0).members.has(victim));
    cluster.run(4_000);
    expect(cluster.part(0).members.size + cluster.part(0).learners.length).to.equal(2);
    cluster.peer(victim).start();
    cluster.until('it has its copy again', () => cluster.part(0).members.has(victim), 10_000);
    cluster.peer(victim).up = false;
    cluster.until(
      'others hold three copies',
      () => cluster.part(0).members.size === 3 && !cluster.part(0).members.has(victim),
    );
  });

  it('H: a joining peer gets its share, and no more is moved than that', () => {
    const cluster = started(['a', 'b', 'c', 'd'], { ...SETTINGS, partitionCount: 32 });
    const before = cluster.map;
    cluster.join('e');
    cluster.until(
      'it is balanced',
      () => cluster.map.peers.size === 5 && cluster.isCalm() && isEven(cluster),
      120_000,
    );
    let moved = 0;
    for (const [partition, part] of cluster.map.parts.entries()) {
      for (const id of part?.members.keys() ?? []) if (!before.parts[partition]?.members.has(id)) moved++;
    }
    expect(moved).to.be.at.most(Math.ceil((32 * 3) / 5) + 1);
  });

  it('H: drains a node, primaries first, and keeps it empty', () => {
    const cluster = started(['a', 'b', 'c', 'd'], { ...SETTINGS, partitionCount: 32 });
    const id = cluster.change({ type: 'drain', peer: 'b' });
    cluster.until('it is empty', () => !(spread(cluster).copies.get('b') ?? 0), 120_000);
    expect(cluster.answers.get(id)).to.equal('accepted');
    cluster.until('it is calm', () => cluster.isCalm());
    cluster.run(5_000);
    expect(spread(cluster).copies.get('b') ?? 0).to.equal(0);
    const first = cluster.committed.find((map) => map.parts.every((part) => part?.primary !== 'b'));
    const copies = [...(first?.parts ?? [])].filter((part) => part?.members.has('b')).length;
    expect(copies).to.be.greaterThan(0);
  });

  it('H: never has more than eight planned moves under way', () => {
    const cluster = started(['a', 'b', 'c'], { ...SETTINGS, partitionCount: 64 });
    cluster.join('d');
    let most = 0;
    cluster.until(
      'it is balanced',
      () => {
        most = Math.max(most, cluster.manager.status(cluster.nowMs).moving.length);
        return cluster.map.peers.size === 4 && cluster.isCalm() && isEven(cluster);
      },
      240_000,
    );
    expect(most).to.be.within(1, 8);
  });

  it('goes on where another orchestrator stopped', () => {
    const cluster = started();
    cluster.teaching = false;
    const [from] = others(cluster, 0);
    const to = ['a', 'b', 'c', 'd'].find((id) => !cluster.part(0).members.has(id)) as string;
    cluster.change({ type: 'move-replica', partition: 0, from: from as string, to });
    cluster.until('it learns', () => cluster.part(0).learners.includes(to));
    cluster.restartManager();
    cluster.teaching = true;
    cluster.until('it is calm', () => cluster.isCalm());
  });

  it('does not take a peer out again and again that only another orchestrator hears', () => {
    const cluster = new FakeCluster({ ...SETTINGS, bootstrapPeers: 4 }, 2);
    for (const id of ['a', 'b', 'c', 'd']) cluster.join(id);
    cluster.until('it is calm', () => cluster.isCalm());
    cluster.run(3_000);
    cluster.deaf.add('1 a');
    cluster.run(10_000);
    const { ver } = cluster.map;
    cluster.run(20_000);
    expect(cluster.map.ver).to.equal(ver);
    expect(cluster.isCalm()).to.equal(true);
  });

  it('refuses what cannot be done', () => {
    const cluster = started();
    const bad = cluster.change({ type: 'move-primary', partition: 0, to: 'nobody' });
    const here = cluster.change({ type: 'forget', peer: 'a' });
    cluster.run(100);
    expect(cluster.answers.get(bad)).to.match(/may not lead/);
    expect(cluster.answers.get(here)).to.match(/answers/);
  });
});

describe('rebuild of a lost registry (section 9)', () => {
  it('takes the newest configuration of each partition when all of its members have answered', () => {
    const cluster = started();
    const before = cluster.map;
    cluster.held = undefined;
    cluster.restartManager();
    cluster.until(
      'it manages again',
      () => cluster.manager.status(cluster.nowMs).phase === 'managing' && cluster.isCalm(),
    );
    expect(cluster.map.ver).to.be.greaterThan(before.ver + 2 ** 31);
    for (const [partition, part] of cluster.map.parts.entries()) {
      expect([...(part?.members ?? [])]).to.deep.equal([...(before.parts[partition]?.members ?? [])]);
    }
  });

  it('waits while a member is missing, and says for whom', () => {
    const cluster = started();
    cluster.peer('b').cut = true;
    cluster.held = undefined;
    cluster.restartManager();
    cluster.run(20_000);
    const status = cluster.manager.status(cluster.nowMs);
    expect(status.phase).to.equal('rebuilding');
    expect(new Set(status.undecided.flatMap(({ missing }) => missing))).to.deep.equal(new Set(['b']));
    cluster.peer('b').cut = false;
    cluster.until('it manages again', () => cluster.isCalm());
  });

  it('goes on without the missing when the operator forces it', () => {
    const cluster = started();
    cluster.peer('b').up = false;
    cluster.held = undefined;
    cluster.restartManager();
    cluster.run(3_000);
    for (const { partition } of cluster.manager.status(cluster.nowMs).undecided) {
      cluster.change({ type: 'force-rebuild', partition });
    }
    cluster.until('it manages again', () => cluster.manager.status(cluster.nowMs).phase === 'managing');
    for (const part of cluster.map.parts) expect(part?.members.has('b')).to.equal(false);
  });

  it('notices that the register is old by a peer that knows more', () => {
    const cluster = started();
    const old = cluster.held;
    cluster.peer('a').up = false;
    cluster.until('it is removed', () => !cluster.map.parts.some((part) => part?.members.has('a')));
    cluster.peer('a').start();
    cluster.held = old;
    cluster.restartManager();
    cluster.until('it is rebuilt and calm', () => cluster.map.ver > 2 ** 33 && cluster.isCalm());
  });

  it('is not misled by a peer that answers first and knows nothing (simulator, seed 31006)', () => {
    const cluster = started();
    const known = ['a', 'b', 'c', 'd'].map((id) => cluster.peer(id));
    for (const peer of known) peer.cut = true;
    cluster.held = undefined;
    cluster.restartManager({ ...SETTINGS, bootstrapPeers: undefined });
    cluster.join('blank');
    cluster.run(1_000);
    cluster.peer('a').cut = false;
    cluster.run(1_000);
    cluster.peer('a').cut = true;
    cluster.run(5_000);
    expect(cluster.held).to.equal(undefined);
    for (const peer of known) peer.cut = false;
    cluster.until('it is calm', () => cluster.isCalm());
    expect(cluster.map.parts).to.have.length(SETTINGS.partitionCount);
  });

  it('does with one copy when the registry and all other disks are lost', () => {
    const cluster = started(['a', 'b', 'c']);
    cluster.run(5_000);
    const writes = new Map(cluster.peer('b').writes);
    cluster.held = undefined;
    for (const id of ['a', 'c']) {
      cluster.peer(id).wipe();
      cluster.peer(id).start();
    }
    cluster.restartManager({ ...cluster.settings, bootstrapPeers: undefined });
    cluster.until('all copies are there again', () => cluster.map.parts.length > 0 && cluster.isCalm());
    for (const [partition, count] of writes) {
      for (const id of ['a', 'c']) expect(cluster.peer(id).writes.get(partition)).to.be.at.least(count);
    }
  });

  it('does not take wiped disks for the whole cluster while the one that is left is silent, and says so', () => {
    const cluster = started(['a', 'b', 'c', 'd']);
    cluster.held = undefined;
    const settings = { ...cluster.settings, bootstrapPeers: undefined };
    for (const id of ['a', 'c']) {
      cluster.peer(id).wipe();
      cluster.peer(id).start();
    }
    cluster.peer('b').cut = true;
    cluster.restartManager(settings);
    cluster.run(30_000);
    const { phase, undecided } = cluster.manager.status(cluster.nowMs);
    expect(phase).to.equal('rebuilding');
    expect(undecided).to.have.length(SETTINGS.partitionCount);
    for (const { missing } of undecided) expect(missing).to.deep.equal(['b']);
    cluster.peer('b').cut = false;
    cluster.until('all copies are there again', () => cluster.map.parts.length > 0 && cluster.isCalm());
  });

  it('says that everything is lost when the registry and all disks of a partition are, and makes nothing of nothing', () => {
    const cluster = started(['a', 'b', 'c', 'd']);
    const lost = cluster.map.parts.flatMap((part, partition) => (part?.members.has('d') ? [] : [partition]));
    expect(lost).not.to.have.length(0);
    cluster.held = undefined;
    for (const id of ['a', 'b', 'c']) {
      cluster.peer(id).wipe();
      cluster.peer(id).start();
    }
    cluster.restartManager({ ...cluster.settings, bootstrapPeers: undefined });
    cluster.until('it is rebuilt', () => cluster.map.parts.length > 0);
    cluster.run(60_000);
    expect(cluster.manager.status(cluster.nowMs).lost).to.deep.equal(lost);
    for (const partition of lost) expect(cluster.part(partition).active).to.equal(false);
    expect(cluster.notes.filter(({ type }) => type === 'partition-lost')).to.have.length(lost.length);
  });

  it('does without a member whose disk is gone once everybody else has answered', () => {
    const cluster = started();
    cluster.held = undefined;
    cluster.peer('d').wipe();
    cluster.peer('d').start();
    cluster.restartManager();
    cluster.until('it is calm', () => cluster.isCalm());
  });
});

function accuse(cluster: FakeCluster, from: FakePeer, who: string, epoch: number): void {
  cluster.report(from, { type: 'accuse', who, why: 'no-ack', cases: [{ partition: 0, epoch }] });
}

function spread(cluster: FakeCluster) {
  const copies = new Map<string, number>();
  const primaries = new Map<string, number>();
  for (const part of cluster.map.parts) {
    if (!part) continue;
    primaries.set(part.primary, (primaries.get(part.primary) ?? 0) + 1);
    for (const id of part.members.keys()) copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  return { copies, primaries };
}

/** Within 1 of the ideal share, copies and primaries. */
function isEven(cluster: FakeCluster): boolean {
  const peers = [...cluster.map.peers.keys()];
  const { copies, primaries } = spread(cluster);
  const ideal = (cluster.map.parts.length * cluster.settings.replicationFactor) / peers.length;
  const lead = cluster.map.parts.length / peers.length;
  return peers.every(
    (id) => Math.abs((copies.get(id) ?? 0) - ideal) < 1 && Math.abs((primaries.get(id) ?? 0) - lead) < 1,
  );
}
