/** kill -9 of a peer, again and again: how soon writes go on, and whether reads elsewhere notice. */
import type { Member } from '../../../harness/cluster.js';
import { until } from '../../../harness/watching.js';
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';
import { keysOf, startPulse } from './probes.js';

const TIMES = 20;
const AGAIN_WITHIN_MS = 15_000;
const CALM_MS = 1_000;
const GOAL_P99_MS = 1_500;

export const kill9: Measurement = {
  name: 'kill9',
  goal: 'kill -9 of a replica or a primary: reads elsewhere without error, writes again p99 <= 1.5 s',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    let victim: Member | undefined;
    const pulse = await startPulse(cluster, () => cluster.peers.filter((peer) => peer !== victim));
    const stalls: number[] = [];
    let never = 0;
    const times = lab.scale.times ?? TIMES;
    for (let i = 0; i < times; i += 1) {
      await pause(CALM_MS);
      const peer = cluster.peers[i % cluster.peers.length] as Member;
      const hurt = await keysOf(cluster, pulse, peer);
      victim = peer;
      await pause(CALM_MS); // what clients had asked of it is answered
      pulse.blow();
      await peer.process.end('SIGKILL');
      const waiting = () => hurt.filter(({ againMs }) => againMs === undefined).length;
      await until(async () => (waiting() === 0 ? null : 'stalled'), AGAIN_WITHIN_MS);
      never += waiting();
      const these = pulse.stalls(hurt);
      stalls.push(...these);
      lab.say(
        `${i + 1} of ${times}: ${peer.name}, ${these.length} partitions, writes again after p50 ${ms(percentile(these, 0.5))}, all after ${ms(Math.max(...these))}`,
      );
      peer.process.start();
      await lab.whole(cluster);
      victim = undefined;
    }
    await pulse.stop();
    for (const error of pulse.readErrors.slice(0, 5)) lab.say(`read failed: ${error}`);
    const p99 = percentile(stalls, 0.99);
    return {
      figures: [
        `${times} kills`,
        `writes again p50 ${ms(percentile(stalls, 0.5))}, p99 ${ms(p99)}, max ${ms(Math.max(...stalls))}`,
        `not again in ${AGAIN_WITHIN_MS / 1000} s: ${never}`,
        `write errors ${pulse.writeErrors.length}`,
        `reads elsewhere ${pulse.readMs.length}, errors ${pulse.readErrors.length}, p99.9 ${ms(percentile(pulse.readMs, 0.999))}`,
      ],
      met: p99 <= GOAL_P99_MS && never === 0 && pulse.readErrors.length === 0,
    };
  },
};
