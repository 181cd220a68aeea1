/** Writes that are flushed on three machines' worth of disks, and linearizable reads, beside etcd. */
import { fillResp } from '../load/filling.js';
import { respRounds } from '../load/redis-benchmark.js';
import { letters, READS, WRITES } from '../load/requests.js';
import { type Row, rateRow } from '../measuring/rows.js';
import { ETCD, REDIS_BENCHMARK, WRK } from '../servers/parts.js';
import type { Workshop } from '../workshop.js';
import {
  CONNECTIONS,
  compare,
  type Family,
  KEYS,
  RESP_KEYS,
  respRoundSeconds,
  roundSeconds,
  SMALL_BYTES,
} from './family.js';
import { Trio } from './trio.js';

const PIPELINE = 16;
const KINDS = [
  { mix: WRITES, http: 'PUT', command: 'set', overHttp: 5, overResp: 20 },
  { mix: READS, http: 'linearizable GET', command: 'get', overHttp: 8, overResp: 20 },
] as const;

export const etcd: Family = {
  name: 'etcd',
  about: '3 peers, 3 copies, flushed: PUT and GET over HTTP and RESP, beside three nodes of etcd',
  needs: [ETCD, WRK, REDIS_BENCHMARK],
  async measure(workshop) {
    const trio = await Trio.start(workshop);
    await fillResp(trio.covey.resp[0] as string, RESP_KEYS, letters(SMALL_BYTES));
    const rows: Row[] = [];
    for (const kind of KINDS) rows.push(...(await measureKind(workshop, trio, kind)));
    return rows;
  },
};

async function measureKind(
  workshop: Workshop,
  trio: Trio,
  { mix, http, command, overHttp, overResp }: (typeof KINDS)[number],
): Promise<Row[]> {
  const seconds = roundSeconds(workshop);
  const [other, ours] = await trio.sides({
    mix,
    distribution: 'uniform',
    keys: KEYS,
    valueBytes: SMALL_BYTES,
    connections: CONNECTIONS,
    seconds,
  });
  const resp = {
    name: `Covey, RESP, ${PIPELINE} in a pipeline`,
    pids: trio.covey.pids,
    round: respRounds(workshop, {
      addresses: trio.covey.resp,
      command,
      connections: CONNECTIONS,
      pipeline: PIPELINE,
      valueBytes: SMALL_BYTES,
      keys: RESP_KEYS,
      seconds: respRoundSeconds(workshop),
      cores: workshop.allCores,
    }),
  };
  workshop.say(`HTTP ${http}, RESP ${command.toUpperCase()}`);
  const [theirs, overHttpRounds, overRespRounds] = await compare(workshop, [other, ours, resp] as const);
  const what = "etcd's three nodes, JSON gateway";
  return [
    rateRow(`3 peers, 3 copies, flushed: HTTP ${http}`, [theirs, overHttpRounds], { times: overHttp, what }),
    rateRow(
      `3 peers, 3 copies, flushed: RESP ${command.toUpperCase()}, ${PIPELINE} in a pipeline`,
      [theirs, overRespRounds],
      { times: overResp, what },
    ),
  ];
}
