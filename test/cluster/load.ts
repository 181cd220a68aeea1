/** Clients that read and write all the time, through all peers, and remember everything that went wrong. */
import type { TestProcess } from './cluster.js';

export interface LoadReport {
  readonly requests: number;
  readonly failures: readonly string[];
}

/**
 * Starts `clients` loops, each with keys of its own, so that each knows what a read must answer.
 * Call the returned function to end them.
 */
export function startLoad(among: readonly TestProcess[], clients: number): () => Promise<LoadReport> {
  const peers = [...among];
  const state = { stopped: false, requests: 0, failures: [] as string[] };
  const loops = Array.from({ length: clients }, (_, client) => loop(client, peers, state));
  return async () => {
    state.stopped = true;
    await Promise.all(loops);
    return state;
  };
}

async function loop(
  client: number,
  peers: readonly TestProcess[],
  state: { stopped: boolean; requests: number; failures: string[] },
): Promise<void> {
  for (let turn = 0; !state.stopped; turn++) {
    const key = `load-${client}-${turn % 50}`;
    const value = `${client}/${turn}`;
    const writer = peers[turn % peers.length] as TestProcess;
    const reader = peers[(turn + 1 + (turn % 3)) % peers.length] as TestProcess;
    const put = await request(`${writer.url}/kv/${key}`, { method: 'PUT', body: value });
    state.requests += 2;
    if (put.status !== 200 && put.status !== 201) {
      state.failures.push(`PUT ${key} through ${writer.name}: ${put.status} ${put.text}`);
      continue;
    }
    const got = await request(`${reader.url}/kv/${key}`);
    if (got.status !== 200 || got.text !== value) {
      state.failures.push(`GET ${key} through ${reader.name}: ${got.status} ${got.text} instead of ${value}`);
    }
  }
}

async function request(url: string, init?: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(url, init);
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { status: 0, text: String((error as Error).cause ?? error) };
  }
}
