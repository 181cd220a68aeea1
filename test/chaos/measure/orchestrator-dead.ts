/** The orchestrator is dead for two minutes: nothing fails, and latency is what it was. */
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';
import { joined, Load, throughput, type Window } from './load.js';

const SECONDS = 120;
const WARM_MS = 10_000;
/** Latencies may differ by this much. */
const GOAL_SHARE = 0.1;

export const orchestratorDead: Measurement = {
  name: 'orchestrator-dead',
  goal: 'orchestrator dead for 2 minutes: 0 failed requests, latency within 10 %',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    const seconds = lab.scale.seconds ?? SECONDS;
    const load = new Load(() => cluster.peers);
    await pause(WARM_MS);
    load.window();
    await pause((seconds * 1_000) / 2);
    const before = load.window();
    lab.say(`before: ${described(before)}`);
    await cluster.orchestrator.process.end('SIGKILL');
    await pause(seconds * 1_000);
    const dead = load.window();
    lab.say(`dead: ${described(dead)}`);
    cluster.orchestrator.process.start();
    await lab.whole(cluster);
    load.window();
    await pause((seconds * 1_000) / 2);
    const after = await load.stop();
    lab.say(`after: ${described(after)}`);
    for (const failure of dead.failures.slice(0, 5)) lab.say(failure);
    // The machine's own mood changes over minutes: both sides of the dead time are what it is held against.
    const alive = joined([before, after]);
    const changes = [share(dead.readMs, alive.readMs), share(dead.writeMs, alive.writeMs)];
    return {
      figures: [
        `dead for ${seconds} s`,
        `alive: ${described(alive)}`,
        `dead: ${described(dead)}`,
        `median latency of reads ${percent(changes[0] as number)}, of writes ${percent(changes[1] as number)}`,
      ],
      met: dead.failures.length === 0 && changes.every((change) => change <= GOAL_SHARE),
    };
  },
};

/** By how much the median is higher, as a share. */
function share(samples: readonly number[], base: readonly number[]): number {
  return percentile(samples, 0.5) / percentile(base, 0.5) - 1;
}

function percent(value: number): string {
  return `${value >= 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
}

function described(window: Window): string {
  const { readMs, writeMs, failures } = window;
  const figures = (samples: readonly number[]) =>
    `p50 ${ms(percentile(samples, 0.5))}, p99 ${ms(percentile(samples, 0.99))}`;
  return `${throughput(window).toFixed(0)}/s, reads ${figures(readMs)}, writes ${figures(writeMs)}, failed ${failures.length}`;
}
