/** The second part of the tour: a peer is killed with -9, nothing is missing, and it comes back. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { systemClock } from '../common/clock.js';
import type { Layout, Part } from './layout.js';
import { isAlive, type Running } from './processes.js';
import { SHOWN_KEYS } from './tour.js';
import { answersReady } from './watching.js';

const KEY = 'best_movie';
/** One attempt of a request may take this long, in ms; the store answers sooner. */
const TRY_MS = 10_000;
const BACK_MS = 30_000;
const LOOK_MS = 50;

const holdersSchema = z.object({ nodes: z.array(z.object({ id: z.string(), role: z.string() })) });

/** Kills the peer that leads a key, and has it started again by `restart`, which keeps count of what runs. */
export async function survival(
  layout: Layout,
  running: readonly Running[],
  restart: (part: Part, killed: Running) => void,
  print: (line: string) => void,
): Promise<void> {
  const victim = await leaderOf(layout, running);
  const [witness] = layout.peers.filter((peer) => peer.name !== victim.name);
  if (witness === undefined) return;
  print(`\n# Now ${victim.name}, which leads the key ${KEY}, dies without a word …\n$ kill -9 ${victim.pid}`);
  process.kill(victim.pid, 'SIGKILL');
  const diedMs = systemClock.monotonicMs();
  while (isAlive(victim)) await pause(1);
  const missing = await missingKeys(layout, victim);
  print(
    missing.length === 0
      ? `all ${SHOWN_KEYS.length} keys are read through each of the others, ${since(diedMs)} later`
      : `MISSING: ${missing.join(', ')}`,
  );
  print(
    `\n# … writing goes on as soon as no lease of its stands (a second; three after the start of the others) …\n$ curl -X PUT ${witness.url}/kv/${KEY} -d Alien`,
  );
  await answerOf(`${witness.url}/kv/${KEY}`, { method: 'PUT', body: 'Alien' });
  print(`acknowledged ${since(diedMs)} after the kill`);
  const part = layout.peers.find((peer) => peer.name === victim.name) as Part;
  const startedMs = systemClock.monotonicMs();
  restart(part, victim);
  await comesBack(part, startedMs, print);
}

async function comesBack(part: Part, startedMs: number, print: (line: string) => void): Promise<void> {
  while (!(await answersReady(part))) {
    if (systemClock.monotonicMs() - startedMs > BACK_MS) throw new Error(`${part.name} does not come back`);
    await pause(LOOK_MS);
  }
  print(`\n# … and ${part.name} comes back, and has caught up ${since(startedMs)} after its start.`);
  print(`$ curl ${part.url}/kv/${KEY}\n${await answerOf(`${part.url}/kv/${KEY}`)}`);
}

async function leaderOf(layout: Layout, running: readonly Running[]): Promise<Running> {
  const text = await answerOf(`${layout.peers[0]?.url}/all-nodes/${KEY}`);
  const [leader] = holdersSchema.parse(JSON.parse(text)).nodes;
  const found = running.find((each) => each.name === leader?.id);
  if (found === undefined) throw new Error(`nobody leads the key ${KEY}: ${text}`);
  return found;
}

/** Every shown key, through every peer that lives; those that somebody does not have. */
async function missingKeys(layout: Layout, victim: Running): Promise<string[]> {
  const peers = layout.peers.filter((peer) => peer.name !== victim.name);
  const asked = peers.flatMap((peer) => SHOWN_KEYS.map((key) => ({ key, url: `${peer.url}/kv/${key}` })));
  const found = await Promise.all(
    asked.map(async ({ key, url }) => ({ key, there: (await fetch(url, limits())).ok })),
  );
  return [...new Set(found.filter(({ there }) => !there).map(({ key }) => key))];
}

async function answerOf(url: string, request: RequestInit = {}): Promise<string> {
  const answer = await fetch(url, { ...request, ...limits() });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return text;
}

function limits(): RequestInit {
  return { signal: AbortSignal.timeout(TRY_MS) };
}

function since(ms: number): string {
  return `${Math.round(systemClock.monotonicMs() - ms)} ms`;
}
