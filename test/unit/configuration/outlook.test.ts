/** What the manager tells of itself, and peers of weight 0, which hold nothing. */
import { expect } from 'chai';
import { FakeCluster, SETTINGS } from './fake-cluster.js';

const started = (...ids: string[]): FakeCluster => {
  const cluster = new FakeCluster();
  for (const id of ids) cluster.join(id);
  cluster.until('calm', () => cluster.isCalm());
  return cluster;
};

const status = (cluster: FakeCluster) => cluster.manager.status(cluster.nowMs);
const imbalance = (cluster: FakeCluster) => cluster.manager.imbalance(cluster.nowMs);
const copiesOf = (cluster: FakeCluster, id: string) =>
  cluster.map.parts.filter((part) => part?.members.has(id) || part?.learners.includes(id)).length;

describe('orchestrator/configuration/outlook', () => {
  it('says how many peers a new cluster waits for, those of weight 0 not counted', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    cluster.join('gateway', 0);
    cluster.join('b');
    cluster.run(3_000);
    expect(status(cluster)).to.deep.include({ phase: 'waiting', missingFounders: 1 });
    cluster.join('c');
    cluster.until(
      'calm',
      () => cluster.map.parts.every((part) => part?.active) && cluster.map.parts.length > 0,
    );
    expect(status(cluster)).to.deep.include({ phase: 'managing', missingFounders: 0 });
    expect([cluster.map.peers.get('gateway')?.weight, copiesOf(cluster, 'gateway')]).to.deep.equal([0, 0]);
  });

  it('gives no copy to a peer of weight 0, even where one is missing', () => {
    const cluster = started('a', 'b', 'c');
    cluster.join('gateway', 0);
    cluster.peer('c').up = false;
    cluster.run(SETTINGS.timing.repairAfterMs + 5_000);
    expect(copiesOf(cluster, 'gateway')).to.equal(0);
    expect(copiesOf(cluster, 'c')).to.equal(0);
    expect(imbalance(cluster).missing, 'nobody could take it').to.equal(0);
  });

  it('shows a move with both ends, and what is left to do', () => {
    const cluster = started('a', 'b', 'c', 'd');
    expect([status(cluster).moving, imbalance(cluster)]).to.deep.equal([
      [],
      { missing: 0, copies: 0, primaries: 0 },
    ]);
    cluster.teaching = false;
    const part = cluster.part(0);
    const from = [...part.members.keys()].find((id) => id !== part.primary) as string;
    const to = ['a', 'b', 'c', 'd'].find((id) => !part.members.has(id)) as string;
    cluster.change({ type: 'move-replica', partition: 0, from, to });
    cluster.run(500);
    expect(status(cluster).moving).to.deep.include({ partition: 0, from, to });
    cluster.change({ type: 'drain', peer: cluster.part(1).primary });
    cluster.run(100);
    expect(imbalance(cluster).copies).to.be.above(0);
  });

  it('counts copies that are missing until somebody is given them', () => {
    const cluster = started('a', 'b', 'c', 'd');
    cluster.teaching = false;
    cluster.peer('d').up = false;
    cluster.until('d is out', () => copiesOf(cluster, 'd') === 0);
    expect(imbalance(cluster).missing).to.be.above(0);
    cluster.teaching = true;
    cluster.until('calm', () => cluster.isCalm());
    expect(imbalance(cluster).missing).to.equal(0);
  });
});
