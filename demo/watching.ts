/** Asks the processes how they are: until all are ready, and then for every change. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Layout, Part } from './layout.js';
import { isAlive, type Running } from './processes.js';

const ASK_MS = 1_000;
const LOOK_MS = 100;
const WATCH_MS = 500;

const nodesSchema = z.object({
  epoch: z.number(),
  nodes: z.array(
    z.object({
      id: z.string(),
      status: z.string(),
      address: z.string(),
      partitions: z.object({ primary: z.number(), replica: z.number() }),
    }),
  ),
});

type NodeRow = z.infer<typeof nodesSchema>['nodes'][number];

/**
 * Waits until the orchestrator and every peer say that they are ready, and every peer knows of all the others.
 * @returns null, or one line that says which part is not ready and why
 */
export async function allReady(
  layout: Layout,
  running: readonly Running[],
  timeoutMs: number,
): Promise<string | null> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const dead = running.find((each) => !isAlive(each));
    if (dead !== undefined)
      return `${dead.name} ended by itself; its log is ${layout.folder}/${dead.name}.log`;
    const parts = [layout.orchestrator, ...layout.peers];
    const ready = await Promise.all(parts.map((part) => isReady(part, layout.peers.length)));
    const late = parts.find((_, i) => !ready[i]);
    if (late === undefined) return null;
    if (waited >= timeoutMs)
      return `${late.name} is not ready after ${timeoutMs / 1000} s; its log is ${layout.folder}/${late.name}.log`;
    await pause(LOOK_MS);
  }
}

/** Whether a process says that it is ready. */
export async function answersReady(part: Part): Promise<boolean> {
  return (await ask(`${part.url}/readyz`))?.ok === true;
}

/** One line for every change of the members as the orchestrator sees them, until `stopped`. */
export async function reportChanges(
  layout: Layout,
  print: (line: string) => void,
  stopped: () => boolean,
): Promise<void> {
  let last = new Map<string, string>();
  let answers = true;
  for (; !stopped(); await pause(WATCH_MS)) {
    const known = await nodes(layout.orchestrator);
    if ((known !== null) !== answers) {
      answers = known !== null;
      print(
        answers
          ? 'orchestrator: answers again'
          : 'orchestrator: does not answer; the peers go on by their last view',
      );
    }
    if (known === null) continue;
    const now = new Map(known.nodes.map((node) => [node.id, stateOf(node)]));
    if (last.size > 0) printChanges(last, now, print);
    last = now;
  }
}

function printChanges(
  last: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
  print: (line: string) => void,
): void {
  for (const [name, state] of now) if (last.get(name) !== state) print(`${name}: ${state}`);
  for (const name of last.keys()) if (!now.has(name)) print(`${name}: left`);
}

function stateOf({ status, address, partitions }: NodeRow): string {
  return `${status} at ${address}, owns ${partitions.primary} partitions`;
}

async function isReady(part: Part, peerCount: number): Promise<boolean> {
  if (!(await answersReady(part))) return false;
  const known = await nodes(part);
  return known !== null && known.nodes.filter((node) => node.status === 'up').length >= peerCount;
}

async function nodes(part: Part): Promise<z.infer<typeof nodesSchema> | null> {
  const answer = await ask(`${part.url}/all-nodes`);
  if (answer === null || !answer.ok) return null;
  const parsed = nodesSchema.safeParse(await answer.json());
  return parsed.success ? parsed.data : null;
}

async function ask(url: string): Promise<Response | null> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
  } catch {
    return null;
  }
}
