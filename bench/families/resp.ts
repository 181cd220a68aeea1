/** GET and SET over RESP, one peer in memory with one copy, beside redis-server. */
import { fillResp } from '../load/filling.js';
import { respRounds } from '../load/redis-benchmark.js';
import { letters } from '../load/requests.js';
import { type Row, rateRow } from '../measuring/rows.js';
import { startRedis } from '../servers/others.js';
import { REDIS_BENCHMARK, REDIS_SERVER } from '../servers/parts.js';
import type { Workshop } from '../workshop.js';
import {
  ALONE,
  CONNECTIONS,
  compare,
  type Family,
  RESP_KEYS,
  respRoundSeconds,
  SMALL_BYTES,
} from './family.js';

const LEAST_OF_REDIS = 1;
const COMMANDS = ['get', 'set'] as const;

/** What a comparison is about. */
export interface RespCase {
  readonly command: 'get' | 'set';
  readonly pipeline: number;
  readonly connections: number;
  readonly valueBytes: number;
  readonly keys: number;
}

export const respRedis: Family = {
  name: 'resp-redis',
  about: 'RESP GET and SET, one by one and 16 in a pipeline, beside redis-server',
  needs: [REDIS_SERVER, REDIS_BENCHMARK],
  async measure(workshop) {
    const pair = await startPair(workshop);
    const rows: Row[] = [];
    for (const pipeline of [1, 16]) {
      for (const command of COMMANDS) {
        const what = {
          command,
          pipeline,
          connections: CONNECTIONS,
          valueBytes: SMALL_BYTES,
          keys: RESP_KEYS,
        };
        rows.push(await pair.row(what, respRoundSeconds(workshop), LEAST_OF_REDIS));
      }
    }
    return rows;
  },
};

/** A peer and a redis-server, both in memory, on the same core. */
export async function startPair(workshop: Workshop) {
  const cores = workshop.serverCore;
  const covey = await workshop.cluster({ ...ALONE, storage: 'memory' }, cores);
  const redis = await startRedis(workshop, cores);
  const addresses = [redis.addresses[0] as string, covey.resp[0] as string] as const;
  return {
    async row(what: RespCase, seconds: number, least?: number): Promise<Row> {
      for (const address of addresses) await fillResp(address, what.keys, letters(what.valueBytes));
      const rounds = (address: string) =>
        respRounds(workshop, { ...what, addresses: [address], seconds, cores: workshop.loadCore });
      const sides = [
        { name: 'redis-server', pids: redis.pids, round: rounds(addresses[0]) },
        { name: 'Covey', pids: covey.pids, round: rounds(addresses[1]) },
      ] as const;
      const how = what.pipeline === 1 ? 'one by one' : `${what.pipeline} in a pipeline`;
      const title = `RESP ${what.command.toUpperCase()}, ${how}, one peer in memory`;
      workshop.say(title);
      const measured = await compare(workshop, sides);
      return rateRow(
        title,
        measured,
        least === undefined ? undefined : { times: least, what: 'redis-server' },
      );
    },
  };
}
