/** How much of a committed log is kept, and for whom. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap } from '../../../common/configuration.js';
import { commitThrough, store } from '../../../peer/replication/commit.js';
import { adopt } from '../../../peer/replication/configuration.js';
import { Core } from '../../../peer/replication/core.js';
import type { Partition } from '../../../peer/replication/partition.js';
import { trimLog } from '../../../peer/replication/retention.js';
import { DEFAULT_SETTINGS } from '../../../peer/replication/settings.js';
import { StoredImage } from '../../simulator/image.js';
import { chain } from './entries.js';

const { retainedLogBytes, retainLogMs, settledLogBytes } = DEFAULT_SETTINGS;

/** Partition 0 is led by b. */
function mapOf(ver: number, members: readonly string[]): ClusterMap {
  const part = {
    ...{ epoch: ver, primary: 'b', members: new Map(members.map((id) => [id, `store-${id}`])) },
    ...{ learners: [], fence: [], active: true, la: members },
  };
  return { ...emptyMap('test'), ver, parts: [part] };
}

/** Peer a, a member with 300 committed entries. */
function member(settings = DEFAULT_SETTINGS): { readonly core: Core; readonly partition: Partition } {
  const image = new StoredImage('store-a', 'test');
  const core = new Core('a', 'store-a', 1, emptyMap('test'), 0, settings, image, 0);
  adopt(core, mapOf(1, ['a', 'b', 'c']));
  const partition = core.partitions.get(0) as Partition;
  store(core, partition, chain(300));
  commitThrough(core, partition, 300);
  return { core, partition };
}

describe('peer/replication/retention', () => {
  it('keeps little of the log while all are there', () => {
    const { core, partition } = member();
    trimLog(core, partition);
    expect(partition.log.bytes).to.be.within(settledLogBytes / 2, settledLogBytes);
    expect(partition.log.prep).to.equal(300);
  });

  it('keeps more for a member that left, for a time, also when another took its place', () => {
    const { core, partition } = member();
    core.leaseMs = 5_000;
    adopt(core, mapOf(2, ['a', 'b']));
    adopt(core, mapOf(3, ['a', 'b', 'd']));
    core.leaseMs += retainLogMs - 1;
    trimLog(core, partition);
    expect(partition.log.bytes).to.be.within(retainedLogBytes / 2, retainedLogBytes);
    core.leaseMs++;
    trimLog(core, partition);
    expect(partition.log.bytes).to.be.at.most(settledLogBytes);
  });

  it('keeps what is not committed, and one entry more', () => {
    const { core, partition } = member({ ...DEFAULT_SETTINGS, settledLogBytes: 0 });
    store(core, partition, chain(400).slice(300));
    trimLog(core, partition);
    expect(partition.log.base).to.equal(300);
    commitThrough(core, partition, 400);
    trimLog(core, partition);
    expect(partition.log.base).to.equal(399);
  });
});
