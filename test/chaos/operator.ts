/** What an operator tells the orchestrator: to empty a peer, and to give it a share again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../../harness/cluster.js';
import { until } from '../../harness/watching.js';

/** The orchestrator may be away for a while, since other faults happen beside. */
const HEARD_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 5_000;

/** @throws where the orchestrator does not take it */
export async function drain(cluster: Cluster, id: string): Promise<void> {
  await tell(cluster, `/nodes/${id}/drain`);
}

/** Who is not known any more need not be taken back. @throws where the orchestrator does not take it */
export async function undrain(cluster: Cluster, id: string): Promise<void> {
  await tell(cluster, `/nodes/${id}/undrain`, 404);
}

async function tell(cluster: Cluster, path: string, fine = 200): Promise<void> {
  const secret = readFileSync(join(cluster.folder, 'secret'), 'utf8').trim();
  const headers = { Authorization: `Bearer ${secret}` };
  const why = await until(async () => {
    try {
      const answer = await fetch(`${cluster.orchestrator.url}${path}`, {
        method: 'POST',
        headers,
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await answer.text();
      return answer.ok || answer.status === fine ? null : `${path}: ${answer.status} ${text.slice(0, 300)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }, HEARD_WITHIN_MS);
  if (why !== null) throw new Error(why);
}
