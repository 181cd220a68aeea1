/**
 * SIGSTOP for a while, then SIGCONT: how soon writes go on without the stopped peer, and whether it answers with old values when
 * it wakes. Reads stand at its door from before SIGCONT, so that the first it does is to answer them.
 */
import type { Cluster, Member } from '../cluster.js';
import { HttpClient } from '../http-client.js';
import { until } from '../watching.js';
import { type Lab, type Measurement, ms, pause, percentile, type Result } from './lab.js';
import { keysOf, startPulse } from './probes.js';
import type { Pulse, PulseKey } from './pulse.js';

const CALM_MS = 1_000;
const TIMES = 100;
const STOP_SECONDS = 10;
const AGAIN_WITHIN_MS = 15_000;
const GOAL_AGAIN_MS = 2_000;
/** Reads that are at the stopped peer's door at once, and how long the loop goes on after SIGCONT. */
const READERS = 32;
const BEFORE_MS = 300;
const AFTER_MS = 1_500;
const READ_WITHIN_MS = 20_000;

interface Tally {
  reads: number;
  unanswered: number;
  readonly stale: string[];
}

interface Victim {
  readonly peer: Member;
  /** The keys whose writes wait for it. */
  readonly hurt: readonly PulseKey[];
}

export const sigstop: Measurement = {
  name: 'sigstop',
  goal: 'SIGSTOP for 10 s, then SIGCONT, 100 times: writes again <= 2 s, no stale read in a tight loop from before SIGCONT',
  async run(lab: Lab): Promise<Result> {
    const cluster = await lab.cluster();
    let victim: Member | undefined;
    const pulse = await startPulse(cluster, () => cluster.peers.filter((peer) => peer !== victim));
    const times = lab.scale.times ?? TIMES;
    const stopMs = (lab.scale.seconds ?? STOP_SECONDS) * 1_000;
    const stalls: number[] = [];
    const tally: Tally = { reads: 0, unanswered: 0, stale: [] };
    let never = 0;
    for (let i = 0; i < times; i += 1) {
      const { peer, hurt } = await nextVictim(cluster, pulse, i);
      victim = peer;
      await pause(CALM_MS); // what clients had asked of it is answered
      pulse.blow();
      peer.process.freeze();
      const thawAt = performance.now() + stopMs;
      const waiting = () => hurt.filter(({ againMs }) => againMs === undefined).length;
      await until(async () => (waiting() === 0 ? null : 'stalled'), Math.min(AGAIN_WITHIN_MS, stopMs));
      never += waiting();
      stalls.push(...pulse.stalls(hurt));
      await pause(Math.max(0, thawAt - BEFORE_MS - performance.now()));
      const readers = readTightly(peer, hurt, tally, thawAt + AFTER_MS);
      await pause(Math.max(0, thawAt - performance.now()));
      peer.process.thaw();
      await readers;
      await lab.whole(cluster);
      victim = undefined;
      lab.say(
        `${i + 1} of ${times}: ${peer.name}, writes again by ${ms(Math.max(...pulse.stalls(hurt)))}, ${tally.reads} reads at it so far, stale ${tally.stale.length}`,
      );
    }
    await pulse.stop();
    for (const each of tally.stale.slice(0, 5)) lab.say(`stale: ${each}`);
    return {
      figures: [
        `${times} stops of ${stopMs / 1000} s`,
        `writes again p50 ${ms(percentile(stalls, 0.5))}, p99 ${ms(percentile(stalls, 0.99))}, max ${ms(Math.max(...stalls))}`,
        `not again while stopped: ${never}`,
        `reads at the stopped peer from before SIGCONT on ${tally.reads}, stale ${tally.stale.length}, without answer ${tally.unanswered}`,
      ],
      met: Math.max(...stalls) <= GOAL_AGAIN_MS && never === 0 && tally.stale.length === 0 && tally.reads > 0,
    };
  },
};

/** The next peer in turn that holds copies: one that was taken out lately may not have got any back yet. */
async function nextVictim(cluster: Cluster, pulse: Pulse, turn: number): Promise<Victim> {
  for (let i = turn; ; i += 1) {
    const peer = cluster.peers[i % cluster.peers.length] as Member;
    const hurt = await keysOf(cluster, pulse, peer);
    if (hurt.length > 0) return { peer, hurt };
  }
}

/** Reads at the peer as fast as it answers; what it answers must not be older than what was acknowledged before the read began. */
async function readTightly(
  peer: Member,
  keys: readonly PulseKey[],
  tally: Tally,
  untilMs: number,
): Promise<void> {
  const http = new HttpClient(READ_WITHIN_MS);
  const loop = async (reader: number) => {
    for (let turn = reader; performance.now() < untilMs && keys.length > 0; turn += 1) {
      const key = keys[turn % keys.length] as PulseKey;
      const atLeast = key.acked;
      const told = await http.ask(peer.url, { method: 'GET', path: `/kv/${key.key}` });
      if (told.type !== 'answer' || told.status !== 200) {
        tally.unanswered += 1;
        continue;
      }
      tally.reads += 1;
      if (Number(told.body) < atLeast)
        tally.stale.push(`${key.key} at ${peer.name}: ${told.body}, not ${atLeast}`);
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, i) => loop(i)));
  http.close();
}
