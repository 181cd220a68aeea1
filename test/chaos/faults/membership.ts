/** Machines that come and go as an operator wants it: a sixth peer joins and leaves, one is drained, all are restarted. */
import type { Cluster, Member } from '../../../harness/cluster.js';
import { copiesByPeer, until } from '../../../harness/watching.js';
import { drain, undrain } from '../operator.js';
import type { Stage } from '../stage.js';
import { ALWAYS, type Fault } from './fault.js';

const SETTLED_WITHIN_MS = 120_000;

/** Waits until the peer holds copies, or none; what does not come about is a failure. */
async function holds(stage: Stage, peer: Member, some: boolean): Promise<void> {
  const { cluster } = stage;
  const why = await until(async () => {
    try {
      const copies = (await copiesByPeer(cluster)).get(peer.name) ?? 0;
      return copies > 0 === some ? null : `it holds ${copies}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }, SETTLED_WITHIN_MS);
  if (why === null) return;
  stage.fail(
    `${peer.name} ${some ? 'gets no copies' : 'is not emptied'} in ${SETTLED_WITHIN_MS / 1000} s: ${why}`,
  );
}

/** Peers that are drained may not leave too few others; one more than the copies have to stay. */
function hasRoom({ peers, settings }: Cluster): string | null {
  return peers.length > settings.copies ? null : `it takes more than ${settings.copies} peers`;
}

export const join: Fault = {
  kind: 'join',
  when: 'beside',
  impossible: ALWAYS,
  async inflict(stage) {
    const { cluster } = stage;
    const peer = await cluster.add(`peer-${cluster.settings.peers + 1}`);
    if (peer.process.running) return false;
    stage.reserve(peer.name);
    cluster.wipe(peer);
    stage.log(`start ${peer.name}, with nothing`);
    await stage.revive(peer);
    await undrain(cluster, peer.name);
    await holds(stage, peer, true);
    await stage.last(2_000, 10_000);
    stage.log(`drain ${peer.name}`);
    await drain(cluster, peer.name);
    await holds(stage, peer, false);
    stage.log(`${peer.name} is empty: SIGTERM`);
    await peer.process.end('SIGTERM');
    return true;
  },
};

export const drained: Fault = {
  kind: 'drain',
  when: 'beside',
  impossible: hasRoom,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    stage.log(`drain ${peer.name}`);
    await drain(stage.cluster, peer.name);
    await holds(stage, peer, false);
    await stage.last(0, 3_000);
    stage.log(`${peer.name} is taken back`);
    await undrain(stage.cluster, peer.name);
    return true;
  },
};

/** One after the other, each when the one before serves again. */
export const rolling: Fault = {
  kind: 'rolling',
  when: 'alone',
  lasting: true,
  impossible: ALWAYS,
  async inflict(stage) {
    for (const peer of stage.cluster.running) {
      stage.log(`SIGTERM ${peer.name}, and start`);
      const ended = await peer.process.end('SIGTERM');
      if (ended?.code !== 0) stage.fail(`${peer.name} ended with ${ended?.code ?? ended?.signal} at SIGTERM`);
      await stage.revive(peer);
    }
    return true;
  },
};
