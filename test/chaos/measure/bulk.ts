/** Stores many keys quickly, in batches, and finds out whether they are all there. */
import type { Member } from '../../../harness/cluster.js';
import { describeTold, HttpClient, type Told } from '../http-client.js';

const BATCH = 1_000;
const WRITERS = 4;
const SAY_EVERY = 100_000;
const BATCH_WITHIN_MS = 60_000;
const TRIES = 5;

/** The value that belongs to a number. */
export function bulkValue(number: number, bytes: number): string {
  return `value ${number} `.padEnd(bytes, '.');
}

/** Writes `bulk-0` to `bulk-(count-1)`. @throws where a batch is not taken */
export async function storeMany(
  peers: readonly Member[],
  count: number,
  bytes: number,
  say: (line: string) => void,
): Promise<void> {
  const http = new HttpClient(BATCH_WITHIN_MS);
  // A batch may be 16 MiB: large values come in small batches.
  const batch = Math.max(1, Math.min(BATCH, Math.floor((4 * 1024 * 1024) / bytes)));
  let next = 0;
  let done = 0;
  const work = async (n: number) => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + batch);
      const items = [];
      for (let i = from; i < next; i += 1) items.push({ key: `bulk-${i}`, value: bulkValue(i, bytes) });
      await storeBatch(http, peers[n % peers.length] as Member, JSON.stringify(items));
      if (Math.floor((done + items.length) / SAY_EVERY) > Math.floor(done / SAY_EVERY))
        say(`${done + items.length} keys`);
      done += items.length;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, n) => work(n)));
  http.close();
}

async function storeBatch(http: HttpClient, peer: Member, body: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  for (let i = 1; ; i += 1) {
    const told = await http.ask(peer.url, { method: 'POST', path: '/set', headers, body });
    if (told.type === 'answer' && told.status === 200) return;
    if (i === TRIES) throw new Error(`a batch was not stored: ${refusalsOf(told)}`);
    await new Promise((resolve) => setTimeout(resolve, 500 * i));
  }
}

/** Of an answer that is long, the part that says what was refused. */
function refusalsOf(told: Told): string {
  const said = describeTold(told);
  if (told.type !== 'answer' || told.status !== 207) return said;
  const { failed } = JSON.parse(told.body) as { failed: { code: string }[] };
  return `${failed.length} items failed, the first with ${JSON.stringify(failed[0])}`;
}

/** Numbers of those keys that do not read as they were stored, of every `step`th. */
export async function findWrong(
  peers: readonly Member[],
  count: number,
  bytes: number,
  step: number,
): Promise<string[]> {
  const http = new HttpClient();
  const wrong: string[] = [];
  let next = 0;
  const work = async (n: number) => {
    while (next < count) {
      const number = next;
      next += step;
      const peer = peers[(n + number) % peers.length] as Member;
      const told = await http.ask(peer.url, { method: 'GET', path: `/kv/bulk-${number}` });
      const good = told.type === 'answer' && told.status === 200 && told.body === bulkValue(number, bytes);
      if (!good) wrong.push(`bulk-${number} through ${peer.name}: ${describeTold(told)}`);
    }
  };
  await Promise.all(Array.from({ length: 2 * WRITERS }, (_, n) => work(n)));
  http.close();
  return wrong;
}
