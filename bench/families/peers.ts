/** What an operation costs all peers together, with 3, 5 and 9 of them. */
import { fill } from '../load/filling.js';
import { COVEY, keyNames, letters, makeLoad, YCSB } from '../load/requests.js';
import { wrkRounds } from '../load/wrk.js';
import { compete, type Side } from '../measuring/contest.js';
import { times } from '../measuring/rows.js';
import { WRK } from '../servers/parts.js';
import { type Family, KEYS, ROUNDS, roundSeconds, SMALL_BYTES } from './family.js';

const COUNTS = [3, 5, 9] as const;
/** Each of the counts divides it. */
const ALL_CONNECTIONS = 45;
const MOST_OF_FIRST = 1.1;

export const peers: Family = {
  name: 'peers',
  about: 'CPU of all peers for one operation, with 3, 5 and 9 peers',
  needs: [WRK],
  async measure(workshop) {
    const cores = workshop.allCores;
    const keys = keyNames(KEYS);
    const load = makeLoad(COVEY, keys, SMALL_BYTES, YCSB.A);
    const sides: Side[] = [];
    for (const count of COUNTS) {
      const { http, pids } = await workshop.cluster({ peers: count, copies: 3, storage: 'memory' }, cores);
      await fill(http[0] as string, COVEY, keys, letters(SMALL_BYTES));
      const settings = {
        addresses: http,
        load,
        connections: ALL_CONNECTIONS,
        seconds: roundSeconds(workshop),
        cores,
      };
      sides.push({ name: `${count} peers`, pids, round: wrkRounds(workshop, settings) });
    }
    const measured = await compete(sides, ROUNDS, workshop.say);
    const costs = measured.map(({ median }) => median.cpuMicros);
    const ratios = costs.map((cost) => cost / (costs[0] as number));
    const value = Math.max(...ratios);
    const text = COUNTS.map((count, i) => `${count} peers ${times(ratios[i] as number)}`).join(', ');
    return [
      {
        title: 'cost of an operation at 3, 5 and 9 peers, over HTTP',
        verdict: {
          goal: {
            kind: 'at most',
            bound: MOST_OF_FIRST,
            text: 'flat within 10 %',
          },
          value,
          text,
        },
        sides: measured,
        notes: ['CPU of all peers together; half reads, half writes (YCSB A), 3 copies, in memory'],
      },
    ];
  },
};
