/** The way between processes: one direction cut, both cut, one peer alone, packets late, packets lost. */
import type { Cluster } from '../../../harness/cluster.js';
import type { Undo } from '../../../harness/network.js';
import type { Stage } from '../stage.js';
import type { Fault } from './fault.js';

const LOW_MS = 1_000;
const HIGH_MS = 12_000;

function needsNetwork({ network }: Cluster): string | null {
  return network.kind === 'plain' ? 'the network cannot be hurt' : null;
}

/** Lets it last, and undoes it. */
async function hold(stage: Stage, undo: readonly Undo[]): Promise<true> {
  await stage.last(LOW_MS, HIGH_MS);
  for (const each of undo) await each();
  stage.log('mended');
  return true;
}

/** Two that are joined: peers mostly, sometimes a peer and the orchestrator. */
function takeTwo(stage: Stage): readonly [string, string] | undefined {
  const a = stage.take();
  if (a === undefined) return undefined;
  if (stage.random.chance(0.25) && stage.takeOrchestrator()) return [a.name, 'orchestrator'];
  const b = stage.take();
  return b === undefined ? undefined : [a.name, b.name];
}

export const cutOneWay: Fault = {
  kind: 'cut-one-way',
  when: 'beside',
  impossible: needsNetwork,
  async inflict(stage) {
    const two = takeTwo(stage);
    if (two === undefined) return false;
    const [from, to] = stage.random.chance(0.5) ? two : ([two[1], two[0]] as const);
    stage.log(`nothing that ${from} sends reaches ${to}`);
    return hold(stage, [await stage.cluster.network.cut(from, to)]);
  },
};

export const cutFull: Fault = {
  kind: 'cut-full',
  when: 'beside',
  impossible: needsNetwork,
  async inflict(stage) {
    const two = takeTwo(stage);
    if (two === undefined) return false;
    const [a, b] = two;
    stage.log(`${a} and ${b} no longer reach each other`);
    const { network } = stage.cluster;
    return hold(stage, [await network.cut(a, b), await network.cut(b, a)]);
  },
};

/** One peer reaches nobody but its clients. */
export const isolate: Fault = {
  kind: 'isolate',
  when: 'beside',
  impossible: needsNetwork,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    const { network, peers } = stage.cluster;
    const others = ['orchestrator', ...peers.map(({ name }) => name).filter((name) => name !== peer.name)];
    stage.log(`${peer.name} reaches nobody but its clients`);
    const cuts = await Promise.all(
      others.flatMap((other) => [network.cut(peer.name, other), network.cut(other, peer.name)]),
    );
    return hold(stage, cuts);
  },
};

export const delay: Fault = {
  kind: 'delay',
  when: 'beside',
  impossible: needsNetwork,
  async inflict(stage) {
    const a = stage.take();
    const b = stage.take();
    if (a === undefined || b === undefined) return false;
    const ms = stage.random.integer(20, 1_500);
    stage.log(`what ${a.name} and ${b.name} send each other comes ${ms} ms late`);
    return hold(stage, [await stage.cluster.network.delay(a.name, b.name, ms)]);
  },
};

export const loss: Fault = {
  kind: 'loss',
  when: 'beside',
  impossible: needsNetwork,
  async inflict(stage) {
    const peer = stage.take();
    if (peer === undefined) return false;
    const share = stage.random.integer(2, 40) / 100;
    stage.log(`${share * 100} % of what others send to ${peer.name} is lost`);
    return hold(stage, [await stage.cluster.network.lose(peer.name, share)]);
  },
};
