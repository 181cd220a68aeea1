/**
 * Many stand-in peers in one process, registered with an orchestrator; then what it costs that to keep up with them, and how
 * long it takes until a change is known to all. Arguments: its address, its process id, the cluster's secret, how many peers,
 * rounds, seconds each. Reports one line of JSON (`StandInsReport`).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../common/clock.js';
import { bearer } from '../../common/secret.js';
import { startStandIns } from '../../harness/stand-ins.js';
import { cpuMicros } from '../measuring/proc.js';
import type { StandInsReport } from './report.js';

const LOOK_EVERY_MS = 5;
/** Peers may be moved about for some seconds after a change: the next one is made when that is over. */
const CALM_MS = 1_500;
const WITHIN_MS = 120_000;
/** The peer that is drained, and taken back, by turns. */
const CHANGED = 'peer-7';

const [url = '', pid = '', secret = '', count = '', rounds = '', seconds = ''] = process.argv.slice(2);

const peers = await startStandIns({ count: Number(count), orchestrator: url, secret });
await calm();
const cpuMsPerSecond: number[] = [];
for (let i = 0; i < Number(rounds); i += 1) cpuMsPerSecond.push(await costOfASecond());
const knownMs: number[] = [];
for (let i = 0; i < Number(rounds); i += 1) {
  knownMs.push(await change(i % 2 === 0 ? 'drain' : 'undrain'));
  await calm();
}
const report: StandInsReport = { cpuMsPerSecond, knownMs };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);

/** Processor time of the orchestrator in a second in which nothing happens, in ms. */
async function costOfASecond(): Promise<number> {
  const before = cpuMicros([Number(pid)]);
  const startedMs = systemClock.monotonicMs();
  await pause(Number(seconds) * 1_000);
  return (cpuMicros([Number(pid)]) - before) / (systemClock.monotonicMs() - startedMs);
}

/** An operator asks for a change. @returns how long it takes until all peers follow a newer map, in ms */
async function change(wish: 'drain' | 'undrain'): Promise<number> {
  const version = peers.newest();
  const startedMs = systemClock.monotonicMs();
  const answer = await fetch(`${url}/nodes/${CHANGED}/${wish}`, {
    method: 'POST',
    headers: { authorization: bearer(secret) },
  });
  if (answer.status !== 202) throw new Error(`${wish}: ${answer.status} ${await answer.text()}`);
  await eventually(() => peers.know(version + 1) === Number(count), 'all follow a newer map');
  return systemClock.monotonicMs() - startedMs;
}

/** Waits until all follow the same map, for a while without a change. */
async function calm(): Promise<void> {
  let version = 0;
  let sinceMs = systemClock.monotonicMs();
  await eventually(() => {
    const newest = peers.newest();
    if (newest === 0 || newest !== version || peers.know(newest) !== Number(count)) {
      sinceMs = systemClock.monotonicMs();
    }
    version = newest;
    return systemClock.monotonicMs() - sinceMs > CALM_MS;
  }, 'all follow one map, without a change');
}

async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + WITHIN_MS;
  while (!holds()) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`not within ${WITHIN_MS / 1_000} s: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}
