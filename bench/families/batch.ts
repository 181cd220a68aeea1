/** Batches of 1,000 keys through five peers with three copies, in memory: `/set` and `/get`. */
import { jsonRequest, keyNames, type Load, letters, type Request, wire } from '../load/requests.js';
import { wrkRounds } from '../load/wrk.js';
import type { Measured } from '../measuring/contest.js';
import type { Row } from '../measuring/rows.js';
import { WRK } from '../servers/parts.js';
import { compare, type Family, roundSeconds, SMALL_BYTES } from './family.js';

const PEERS = 5;
const BATCH_KEYS = 1_000;
const BATCHES = 20;
const BATCH_CONNECTIONS = 10;
const LEAST_READ = 200_000;
const LEAST_WRITTEN = 60_000;

export const batch: Family = {
  name: 'batch',
  about: 'batches of 1,000 keys over 5 peers with 3 copies in memory: /set and /get',
  needs: [WRK],
  async measure(workshop) {
    const cores = workshop.allCores;
    const { http, pids } = await workshop.cluster({ peers: PEERS, copies: 3, storage: 'memory' }, cores);
    const value = letters(SMALL_BYTES);
    const batches = Array.from({ length: BATCHES }, (_, i) => keyNames(BATCH_KEYS, `batch-${i}`));
    const sets = batches.map((keys) =>
      jsonRequest(
        '/set',
        keys.map((key) => ({ key, value })),
      ),
    );
    const gets = batches.map((keys) =>
      jsonRequest(
        '/get',
        keys.map((key) => ({ key })),
      ),
    );
    // A batch of which a part failed is answered with 207, which wrk counts as good: so all are tried before, and after.
    const tryAll = async () => {
      for (const request of [...sets, ...gets]) await expectWhole(`http://${http[0]}`, request);
    };
    await tryAll();
    const side = (name: string, requests: readonly Request[]) => ({
      name,
      pids,
      round: wrkRounds(workshop, {
        addresses: http,
        load: inTurn(requests),
        connections: BATCH_CONNECTIONS,
        seconds: roundSeconds(workshop),
        cores,
      }),
    });
    const [read, written] = await compare(workshop, [
      side('Covey /get', gets),
      side('Covey /set', sets),
    ] as const);
    await tryAll();
    return [keysRow('/get', read, LEAST_READ), keysRow('/set', written, LEAST_WRITTEN)];
  },
};

function keysRow(path: string, side: Measured, least: number): Row {
  const value = side.median.perSecond * BATCH_KEYS;
  const text = `${thousands(value)} keys/s (best ${thousands(side.best.perSecond * BATCH_KEYS)})`;
  return {
    title: `batch of ${thousands(BATCH_KEYS)} keys over ${PEERS} peers, ${path}`,
    verdict: { goal: { kind: 'at least', bound: least, text: `≥ ${thousands(least)} keys/s` }, value, text },
    sides: [side],
    unit: `${thousands(BATCH_KEYS)} keys`,
    notes: [],
  };
}

function inTurn(requests: readonly Request[]): Load {
  return { requests: requests.map(wire), operations: requests.map((_, i) => [i]) };
}

async function expectWhole(url: string, { method, path, body }: Request): Promise<void> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'Content-Type': body?.type ?? '' },
    body: body?.text ?? '',
  });
  const text = await answer.text();
  if (answer.status !== 200 || text.includes('"notExistedKey"')) {
    throw new Error(`${path}: not all of a batch was done: ${answer.status} ${text.slice(0, 300)}`);
  }
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}
