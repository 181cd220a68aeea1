/** Memory for a key: many small ones in a peer's memory, and in redis-server. */
import { setTimeout as pause } from 'node:timers/promises';
import { fillResp, respKey } from '../load/filling.js';
import { letters } from '../load/requests.js';
import { residentBytes } from '../measuring/proc.js';
import { times } from '../measuring/rows.js';
import { startRedis } from '../servers/others.js';
import { REDIS_SERVER } from '../servers/parts.js';
import { ALONE, type Family, SMALL_BYTES } from './family.js';

const KEYS = 1_000_000;
const QUICK_KEYS = 200_000;
const MOST_OF_REDIS = 1.5;
/** What a process gives back it gives back within this time. */
const SETTLE_LOOKS = 10;
const LOOK_EVERY_MS = 500;

export const memory: Family = {
  name: 'memory',
  about: 'memory for a key, 1,000,000 keys of 100 B, beside redis-server',
  needs: [REDIS_SERVER],
  async measure(workshop) {
    const count = workshop.quick ? QUICK_KEYS : KEYS;
    const cores = workshop.allCores;
    const redis = await startRedis(workshop, cores);
    const covey = await workshop.cluster({ ...ALONE, storage: 'memory' }, cores);
    const grown = async (name: string, pid: number, address: string) => {
      const before = residentBytes(pid);
      await fillResp(address, count, letters(SMALL_BYTES));
      const each = ((await settled(pid)) - before) / count;
      workshop.say(`${name}: ${Math.round(each)} bytes a key`);
      return each;
    };
    const theirs = await grown('redis-server', redis.pids[0] as number, redis.addresses[0] as string);
    const ours = await grown('Covey', covey.pids[0] as number, covey.resp[0] as string);
    const value = ours / theirs;
    const bytes = (each: number) => `${Math.round(each)} B`;
    return [
      {
        title: `memory for a key, ${count.toLocaleString('en')} keys of ${SMALL_BYTES} B`,
        verdict: {
          goal: { kind: 'at most', bound: MOST_OF_REDIS, text: `≤ ${MOST_OF_REDIS} × redis-server` },
          value,
          text: `${times(value)} (${bytes(ours)}, redis-server ${bytes(theirs)})`,
        },
        sides: [],
        samples: [theirs, ours],
        notes: [
          `growth of resident memory; keys have ${respKey(0).length} B, values ${SMALL_BYTES} B; one load each, no rounds`,
        ],
      },
    ];
  },
};

/** The least that the process holds in the seconds after the load, in bytes. */
async function settled(pid: number): Promise<number> {
  let least = residentBytes(pid);
  for (let i = 0; i < SETTLE_LOOKS; i += 1) {
    await pause(LOOK_EVERY_MS);
    least = Math.min(least, residentBytes(pid));
  }
  return least;
}
