/** What an operator does on purpose, under load: a rolling restart of all peers, moves, a drain. No request may fail. */
import type { Cluster, Member } from '../../../harness/cluster.js';
import { copiesByPeer, serving, until } from '../../../harness/watching.js';
import { drain, undrain } from '../operator.js';
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';
import { joined, Load, type Window } from './load.js';

const TIMES = 1;
const CALM_MS = 2_000;
const EMPTY_WITHIN_MS = 120_000;
const SERVING_WITHIN_MS = 60_000;
const GOAL_P999_MS = 250;

export const rolling: Measurement = {
  name: 'rolling',
  goal: 'rolling restart of all peers, planned moves, drain, under load: 0 failed requests, write p99.9 <= 250 ms',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    const load = new Load(() => cluster.peers);
    const times = lab.scale.times ?? TIMES;
    const windows: Window[] = [];
    const phases: string[] = [];
    const phase = async (name: string, act: () => Promise<void>) => {
      load.window();
      await act();
      await pause(CALM_MS);
      const window = load.window();
      windows.push(window);
      phases.push(`${name}: ${described(window)}`);
      lab.say(`${name}: ${described(window)}`);
      for (const failure of window.failures.slice(0, 5)) lab.say(failure);
    };
    await phase('calm', () => pause(CALM_MS));
    for (let i = 0; i < times; i += 1) {
      await phase('rolling restart', () => restartAll(lab, cluster));
      await phase('drain', () => emptied(cluster, cluster.peers[i % cluster.peers.length] as Member, lab));
    }
    windows.push(await load.stop());
    const all = joined(windows.slice(1));
    const p999 = percentile(all.writeMs, 0.999);
    return {
      figures: [`${times} rounds`, ...phases, `all: ${described(all)}`],
      met: all.failures.length === 0 && p999 <= GOAL_P999_MS,
    };
  },
};

async function restartAll(lab: Lab, cluster: Cluster): Promise<void> {
  for (const peer of cluster.peers) {
    const ended = await peer.process.end('SIGTERM');
    if (ended?.code !== 0) throw new Error(`${peer.name} ended with ${ended?.code ?? ended?.signal}`);
    peer.process.start();
    const why = await serving(peer, SERVING_WITHIN_MS);
    if (why !== null) throw new Error(`${peer.name} does not serve again: ${why}`);
    await lab.whole(cluster);
  }
}

/** Empties the peer, which moves all of its copies, and gives it its share again, which moves as many. */
async function emptied(cluster: Cluster, peer: Member, lab: Lab): Promise<void> {
  await drain(cluster, peer.name);
  const why = await until(async () => {
    const copies = (await copiesByPeer(cluster)).get(peer.name) ?? 0;
    return copies === 0 ? null : `${copies} copies left`;
  }, EMPTY_WITHIN_MS);
  if (why !== null) throw new Error(`${peer.name} is not emptied: ${why}`);
  await undrain(cluster, peer.name);
  const share = await until(async () => {
    const copies = (await copiesByPeer(cluster)).get(peer.name) ?? 0;
    return copies > 0 ? null : 'no copy came back';
  }, EMPTY_WITHIN_MS);
  if (share !== null) throw new Error(`${peer.name}: ${share}`);
  await lab.whole(cluster, EMPTY_WITHIN_MS);
}

function described({ writeMs, readMs, failures }: Window): string {
  const writes = `writes ${writeMs.length}, p50 ${ms(percentile(writeMs, 0.5))}, p99.9 ${ms(percentile(writeMs, 0.999))}`;
  return `${writes}; reads ${readMs.length}, p99.9 ${ms(percentile(readMs, 0.999))}; failed ${failures.length}`;
}
