/** A sixth peer joins five that hold a million keys: how much moves, and what clients feel meanwhile. */
import type { Cluster, Member } from '../cluster.js';
import { copiesOf, partitions, until } from '../watching.js';
import { storeMany } from './bulk.js';
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';
import { Load, throughput } from './load.js';

const KEYS = 1_000_000;
const VALUE_BYTES = 100;
const BEFORE_MS = 20_000;
const WARM_MS = 5_000;
const MOVED_WITHIN_MS = 600_000;
const GOAL_THROUGHPUT = 0.7;

export const grow: Measurement = {
  name: 'grow',
  goal: '1,000,000 keys of 100 bytes, fifth to sixth peer: moves <= 1/6 of the copies + rounding, foreground throughput >= 70 %',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    const keys = lab.scale.keys ?? KEYS;
    const storing = performance.now();
    await storeMany(cluster.peers, keys, VALUE_BYTES, lab.say);
    lab.say(`${keys} keys stored in ${((performance.now() - storing) / 1000).toFixed(0)} s`);
    const before = await copies(cluster);
    const load = new Load(() => cluster.peers.slice(0, 5), { pauseMs: 0, clients: 16 });
    await pause(WARM_MS);
    load.window();
    await pause(BEFORE_MS);
    const calm = load.window();
    const sixth = await cluster.add('peer-6');
    sixth.process.start();
    const startedMs = performance.now();
    await moved(cluster, sixth);
    const tookMs = performance.now() - startedMs;
    const during = await load.stop();
    for (const failure of during.failures.slice(0, 5)) lab.say(failure);
    const after = await copies(cluster);
    const moves = [...after].filter((copy) => !before.has(copy)).length;
    const share = throughput(during) / throughput(calm);
    const most = Math.ceil(before.size / 6);
    return {
      figures: [
        `${keys} keys`,
        `copies moved ${moves} of ${before.size} (1/6 is ${most})`,
        `in ${(tookMs / 1000).toFixed(0)} s`,
        `foreground ${throughput(calm).toFixed(0)}/s before, ${throughput(during).toFixed(0)}/s meanwhile (${(share * 100).toFixed(0)} %)`,
        `reads ${latencies(calm.readMs)} before, ${latencies(during.readMs)} meanwhile`,
        `writes ${latencies(calm.writeMs)} before, ${latencies(during.writeMs)} meanwhile`,
        `failed ${during.failures.length}`,
      ],
      met: moves <= most && moves > 0 && share >= GOAL_THROUGHPUT && during.failures.length === 0,
    };
  },
};

function latencies(samples: readonly number[]): string {
  return `p50 ${ms(percentile(samples, 0.5))}, p99 ${ms(percentile(samples, 0.99))}`;
}

/** Every copy as `partition peer`. */
async function copies(cluster: Cluster): Promise<Set<string>> {
  const table = await partitions(cluster);
  return new Set(table.flatMap((row) => copiesOf(row).map((id) => `${row.partition} ${id}`)));
}

/** Waits until the newcomer has its share and nothing is on its way. */
async function moved(cluster: Cluster, newcomer: Member): Promise<void> {
  const why = await until(async () => {
    const table = await partitions(cluster);
    const share = Math.floor((table.length * cluster.settings.copies) / cluster.running.length);
    const own = table.filter((row) => copiesOf(row).includes(newcomer.name)).length;
    const moving = table.filter((row) => copiesOf(row).length !== cluster.settings.copies).length;
    const learning = table.filter((row) => row.joining.length > 0).length;
    return own >= share && moving + learning === 0
      ? null
      : `it holds ${own} of ${share}, ${moving + learning} on their way`;
  }, MOVED_WITHIN_MS);
  if (why !== null) throw new Error(`${newcomer.name} has not its share: ${why}`);
}
