/** A GET over HTTP: of a key that the peer holds, beside node:http alone; and of one that another peer holds. */
import { get } from 'node:http';
import { fill } from '../load/filling.js';
import { COVEY, keyNames, letters, makeLoad, READS } from '../load/requests.js';
import { wrkRounds } from '../load/wrk.js';
import { type Row, rateRow, times } from '../measuring/rows.js';
import { startBare } from '../servers/others.js';
import { WRK } from '../servers/parts.js';
import type { Workshop } from '../workshop.js';
import { ALONE, CONNECTIONS, compare, type Family, KEYS, roundSeconds, SMALL_BYTES } from './family.js';

const LEAST_OF_BARE = 0.85;
const MOST_OF_LOCAL = 1.8;
/** These node:http adds by itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive']);

export const restGet: Family = {
  name: 'rest-get',
  about: 'HTTP GET of a key that the peer holds, beside node:http alone',
  needs: [WRK],
  measure: async (workshop) => [
    await besideBare(workshop, SMALL_BYTES, CONNECTIONS, roundSeconds(workshop), LEAST_OF_BARE),
  ],
};

export const restForwarded: Family = {
  name: 'rest-forwarded',
  about: 'HTTP GET of a key that another peer holds, beside one that this peer holds',
  needs: [WRK],
  async measure(workshop) {
    const cores = workshop.serverCore;
    const { http, pids } = await workshop.cluster({ peers: 2, copies: 1, minInSync: 1 }, cores);
    const address = http[0] as string;
    const keys = keyNames(2 * KEYS);
    await fill(address, COVEY, keys, letters(SMALL_BYTES));
    const servers = await Promise.all(keys.map(async (key) => (await answerTo(address, key)).servedBy));
    const side = (name: string, server: string) => ({
      name,
      pids,
      round: wrkRounds(workshop, {
        addresses: [address],
        load: makeLoad(
          COVEY,
          keys.filter((_, i) => servers[i] === server),
          SMALL_BYTES,
          READS,
        ),
        connections: CONNECTIONS,
        seconds: roundSeconds(workshop),
        cores: workshop.loadCore,
      }),
    });
    const sides = [side('local', 'peer-1'), side('forwarded', 'peer-2')] as const;
    const [local, forwarded] = await compare(workshop, sides);
    const value = forwarded.median.cpuMicros / local.median.cpuMicros;
    const best = forwarded.best.cpuMicros / local.best.cpuMicros;
    return [
      {
        title: 'HTTP GET, forwarded: CPU of both peers together',
        verdict: {
          goal: { kind: 'at most', bound: MOST_OF_LOCAL, text: `≤ ${MOST_OF_LOCAL} × a local one` },
          value,
          text: `${times(value)} (best ${times(best)})`,
        },
        sides: [local, forwarded],
        notes: [],
      },
    ];
  },
};

/** GETs of one peer with one copy, and of node:http that answers with the same bytes and headers. */
export async function besideBare(
  workshop: Workshop,
  valueBytes: number,
  connections: number,
  seconds: number,
  least?: number,
): Promise<Row> {
  const cores = workshop.serverCore;
  const { http, pids } = await workshop.cluster(ALONE, cores);
  const address = http[0] as string;
  const keys = keyNames(KEYS);
  const value = letters(valueBytes);
  await fill(address, COVEY, keys, value);
  const { headers } = await answerTo(address, keys[0] as string);
  const bare = await startBare(workshop, value, headers, cores);
  const load = makeLoad(COVEY, keys, valueBytes, READS);
  const rounds = (addresses: readonly string[]) =>
    wrkRounds(workshop, { addresses, load, connections, seconds, cores: workshop.loadCore });
  const sides = [
    { name: 'node:http alone', pids: bare.pids, round: rounds(bare.addresses) },
    { name: 'Covey', pids, round: rounds([address]) },
  ] as const;
  const measured = await compare(workshop, sides);
  const goal = least === undefined ? undefined : { times: least, what: 'bare node:http, same bytes' };
  return rateRow('HTTP GET, a key this peer holds, through Koa', measured, goal);
}

interface Found {
  readonly servedBy: string;
  /** Names and values by turns, without those that node:http adds. */
  readonly headers: readonly string[];
}

function answerTo(address: string, key: string): Promise<Found> {
  return new Promise((resolve, reject) => {
    get(`http://${address}/kv/${key}`, (answer) => {
      answer.resume();
      const { rawHeaders } = answer;
      const headers = rawHeaders.filter(
        (_, i) => !OWN_HEADERS.has((rawHeaders[i - (i % 2)] as string).toLowerCase()),
      );
      answer.once('end', () => resolve({ servedBy: String(answer.headers['kv-served-by']), headers }));
    }).once('error', reject);
  });
}
