/**
 * What an operation costs all peers together, with 3, 5 and 9 of them: asked of any peer, as by a client that knows nothing
 * of the cluster, and asked of the key's primary, as by one that knows it. Between the two lies what forwarding costs: the
 * more peers there are, the fewer keys are held by the one that is asked.
 */
import { fill } from '../load/filling.js';
import { COVEY, keyNames, letters, makeLoad, YCSB } from '../load/requests.js';
import { wrkRounds } from '../load/wrk.js';
import type { Side } from '../measuring/contest.js';
import { type Row, times } from '../measuring/rows.js';
import { WRK } from '../servers/parts.js';
import type { Workshop } from '../workshop.js';
import { compare, type Family, KEYS, roundSeconds, SMALL_BYTES } from './family.js';

const COUNTS = [3, 5, 9] as const;
/** Each of the counts divides it. */
const ALL_CONNECTIONS = 45;
const MOST_OF_FIRST = 1.1;
const NOTE = 'CPU of all peers together; half reads, half writes (YCSB A), 3 copies, in memory';

export const peers: Family = {
  name: 'peers',
  about: 'CPU of all peers for one operation, with 3, 5 and 9 peers',
  needs: [WRK],
  async measure(workshop) {
    const goal = { kind: 'at most', bound: MOST_OF_FIRST, text: 'flat within 10 %' } as const;
    const row = await measure(workshop, 'cost of an operation at 3, 5 and 9 peers, over HTTP', () => {
      const load = makeLoad(COVEY, keyNames(KEYS), SMALL_BYTES, YCSB.A);
      return () => load;
    });
    return [{ ...row.row, verdict: { goal, value: Math.max(...row.ratios), text: textOf(row.ratios) } }];
  },
};

export const peersDirect: Family = {
  name: 'peers-direct',
  about: 'CPU with 3, 5 and 9 peers again, each operation asked of the primary of its key',
  needs: [WRK],
  slow: true,
  async measure(workshop) {
    const title = 'the same at 3, 5 and 9 peers, asked of the primary of its key';
    const { row, ratios } = await measure(workshop, title, (servers) => {
      const keys = keyNames(KEYS);
      return (peer) => {
        const own = keys.filter((_, i) => servers[i] === peer);
        return makeLoad(COVEY, own, SMALL_BYTES, YCSB.A);
      };
    });
    return [{ ...row, notes: [textOf(ratios), ...row.notes] }];
  },
};

type LoadOf = (peer: string) => ReturnType<typeof makeLoad>;

/** @param loadsOf told which peer wrote each key; says what a peer is asked */
async function measure(
  workshop: Workshop,
  title: string,
  loadsOf: (servers: readonly string[]) => LoadOf,
): Promise<{ readonly row: Row; readonly ratios: readonly number[] }> {
  const cores = workshop.allCores;
  const sides: Side[] = [];
  for (const count of COUNTS) {
    const cluster = await workshop.cluster({ peers: count, copies: 3, storage: 'memory' }, cores);
    const { http, pids } = cluster;
    const servers = await fill(http[0] as string, COVEY, keyNames(KEYS), letters(SMALL_BYTES));
    const load = cluster.peers.map(({ name }) => loadsOf(servers)(name));
    const seconds = roundSeconds(workshop);
    const settings = { addresses: http, load, connections: ALL_CONNECTIONS, seconds, cores };
    sides.push({ name: `${count} peers`, pids, round: wrkRounds(workshop, settings) });
  }
  const measured = await compare(workshop, sides);
  const costs = measured.map(({ median }) => median.cpuMicros);
  const ratios = costs.map((cost) => cost / (costs[0] as number));
  return { row: { title, sides: measured, notes: [NOTE] }, ratios };
}

function textOf(ratios: readonly number[]): string {
  return COUNTS.map((count, i) => `${count} peers ${times(ratios[i] as number)}`).join(', ');
}
