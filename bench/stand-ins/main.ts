/**
 * Many stand-in peers in one process, registered with an orchestrator; then what it costs that to keep up with them, and how
 * long it takes until a change is known to all. Arguments: its address, its process id, how many peers, rounds, seconds each.
 * Reports one line of JSON (`StandInsReport`).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../common/clock.js';
import type { Delivery } from '../../common/control.js';
import { readDelivery, StandIn } from '../../harness/stand-in.js';
import { cpuMicros } from '../measuring/proc.js';
import type { StandInsReport } from './report.js';

/** Texts that are remembered: of one change few are told at the same time. */
const MAX_REMEMBERED = 8;
const REGISTER_AT_ONCE = 16;
const LOOK_EVERY_MS = 5;
const CALM_MS = 3_000;
const WITHIN_MS = 60_000;

const [url = '', pid = '', count = '', rounds = '', seconds = ''] = process.argv.slice(2);

const read = remembering(readDelivery);
const peers: StandIn[] = [];
for (let i = 0; i < Number(count); i += 1) peers.push(await StandIn.start(`peer-${i}`, url, read));
await registerAll();
await calm();
const cpuMsPerSecond: number[] = [];
for (let i = 0; i < Number(rounds); i += 1) cpuMsPerSecond.push(await costOfASecond());
const knownMs: number[] = [];
for (let i = 0; i < Number(rounds); i += 1) {
  knownMs.push(await join(`joiner-${i}`));
  await calm();
}
const report: StandInsReport = { cpuMsPerSecond, knownMs };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);

async function registerAll(): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < peers.length) await register(peers[next++] as StandIn);
  };
  await Promise.all(Array.from({ length: REGISTER_AT_ONCE }, work));
}

async function register(peer: StandIn): Promise<void> {
  const { status, body } = await peer.register();
  if (status !== 204) throw new Error(`${peer.id} was not registered: ${status} ${JSON.stringify(body)}`);
}

/** Processor time of the orchestrator in a second in which nothing happens. */
async function costOfASecond(): Promise<number> {
  const before = cpuMicros([Number(pid)]);
  const startedMs = systemClock.monotonicMs();
  await pause(Number(seconds) * 1_000);
  const tookMs = systemClock.monotonicMs() - startedMs;
  return (cpuMicros([Number(pid)]) - before) / tookMs;
}

/** A new peer registers. @returns how long it takes until all, it itself too, follow a map that names it, in ms */
async function join(id: string): Promise<number> {
  const joiner = await StandIn.start(id, url, read);
  peers.push(joiner);
  const startedMs = systemClock.monotonicMs();
  await register(joiner);
  await eventually(() => peers.every(({ map }) => map?.peers.has(id) === true), `all know ${id}`);
  return systemClock.monotonicMs() - startedMs;
}

/** Waits until all follow the same map, for a while without a change. */
async function calm(): Promise<void> {
  let version = 0;
  let sinceMs = systemClock.monotonicMs();
  await eventually(() => {
    const newest = peers[0]?.map?.ver ?? 0;
    const same = newest > 0 && peers.every(({ map }) => map?.ver === newest);
    if (!same || newest !== version) sinceMs = systemClock.monotonicMs();
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

/** Most of what the orchestrator tells its peers is the same text for all: it is read once. */
function remembering(reading: (text: string) => Delivery): (text: string) => Delivery {
  const known = new Map<string, Delivery>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const delivery = reading(text);
    if (known.size === MAX_REMEMBERED) known.delete(known.keys().next().value as string);
    known.set(text, delivery);
    return delivery;
  };
}
