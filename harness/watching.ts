/**
 * What the cluster says of itself: who is ready, and whether every partition has all its copies. Waits for that, and says what
 * is missing where it does not come.
 */
import { systemClock } from '../common/clock.js';
import type { Cluster, Member } from './cluster.js';

const ASK_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 2_000;

/** A partition as the orchestrator's map has it. */
export interface PartitionRow {
  readonly partition: number;
  readonly primary: string;
  /** In-sync copies beside the primary. */
  readonly replicas: readonly string[];
  /** Copies that catch up. */
  readonly joining: readonly string[];
  /** Its primary has taken up its duty. */
  readonly active: boolean;
}

/** Partitions of every cluster. */
const PARTITIONS = 256;

/** One JSON answer. @throws where there is none, or not a good one. */
export async function ask(url: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...init }).catch(
    (error: Error) => {
      throw new Error(`${url}: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    },
  );
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Copies (in-sync ones) that each peer holds, as the orchestrator's map has it. */
export async function copiesByPeer(cluster: Cluster): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const row of await partitions(cluster)) {
    for (const id of copiesOf(row)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** All partitions there are, in order. */
export async function partitions(cluster: Cluster): Promise<PartitionRow[]> {
  const table = await ask(`${cluster.orchestrator.url}/partitions`);
  return (table as { partitions: PartitionRow[] }).partitions;
}

/** Who has an in-sync copy. */
export function copiesOf({ primary, replicas }: PartitionRow): readonly string[] {
  return [primary, ...replicas];
}

/** What is missing until all peers that run are ready and all partitions have all their copies; null: nothing. */
export async function missing(cluster: Cluster): Promise<string | null> {
  const wanted = Math.min(cluster.settings.copies, cluster.running.length);
  try {
    await Promise.all(cluster.running.map((peer) => ready(peer)));
    await ready(cluster.orchestrator);
    const table = await partitions(cluster);
    const runs = new Set(cluster.running.map(({ name }) => name));
    if (table.length !== PARTITIONS) return `there are ${table.length} partitions`;
    const lacking = table.filter((row) => copiesOf(row).filter((id) => runs.has(id)).length < wanted);
    if (lacking.length > 0) return `${lacking.length} partitions lack a copy`;
    const moving = table.filter(({ joining }) => joining.length > 0);
    if (moving.length > 0) return `${moving.length} partitions are on their way`;
    const idle = table.filter(({ active }) => !active);
    return idle.length > 0 ? `${idle.length} partitions are not active` : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Waits until nothing is missing; returns what still is, after the time is up. */
export async function whole(cluster: Cluster, timeoutMs: number): Promise<string | null> {
  return until(() => missing(cluster), timeoutMs);
}

/** Waits until the process says that it may serve; returns why it does not, after the time is up. */
export async function serving(member: Member, timeoutMs: number): Promise<string | null> {
  return until(async () => {
    try {
      await ready(member);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }, timeoutMs);
}

/** Asks again and again until the answer is null; after the time is up, returns the last one. */
export async function until(
  question: () => Promise<string | null>,
  timeoutMs: number,
): Promise<string | null> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await question();
    if (answer === null || systemClock.monotonicMs() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

async function ready(member: Member): Promise<void> {
  await ask(`${member.url}/readyz`);
}
