/** Memory for a key: many small ones in a peer's memory, and in redis-server. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../common/clock.js';
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
/**
 * V8 gives back what it has no more use for when by its own reading little is allocated: half a minute to a whole one after a
 * load. A process that held no less for this long is not looked at any more; --quick has
 * no time for that.
 */
const STEADY_MS = 60_000;
const QUICK_STEADY_MS = 3_000;
const QUICK_NOTE =
  'V8 gives memory back half a minute after a load; --quick does not wait for that, and so tells too much of Covey';
const SETTLE_WITHIN_MS = 150_000;
const LOOK_EVERY_MS = 500;
/** What is less than this is not "less". */
const LESS_BYTES = 1024 * 1024;

export const memory: Family = {
  name: 'memory',
  about: 'memory for a key, 1,000,000 keys of 100 B, beside redis-server',
  needs: [REDIS_SERVER],
  async measure(workshop) {
    const count = workshop.quick ? QUICK_KEYS : KEYS;
    const cores = workshop.allCores;
    const redis = await startRedis(workshop, cores);
    const covey = await workshop.cluster({ ...ALONE, storage: 'memory' }, cores);
    const steadyMs = workshop.quick ? QUICK_STEADY_MS : STEADY_MS;
    const grown = async (name: string, pid: number, address: string): Promise<Growth> => {
      const before = await settled(pid, steadyMs);
      await fillResp(address, count, letters(SMALL_BYTES));
      const atOnce = (residentBytes(pid) - before) / count;
      const each = ((await settled(pid, steadyMs)) - before) / count;
      workshop.say(`${name}: ${Math.round(each)} bytes a key, ${Math.round(atOnce)} at the end of the load`);
      return { each, atOnce };
    };
    const [theirs, ours] = await Promise.all([
      grown('redis-server', redis.pids[0] as number, redis.addresses[0] as string),
      grown('Covey', covey.pids[0] as number, covey.resp[0] as string),
    ]);
    const value = ours.each / theirs.each;
    const bytes = (each: number) => `${Math.round(each)} B`;
    return [
      {
        title: `memory for a key, ${count.toLocaleString('en')} keys of ${SMALL_BYTES} B`,
        verdict: {
          goal: { kind: 'at most', bound: MOST_OF_REDIS, text: `≤ ${MOST_OF_REDIS} × redis-server` },
          value,
          text: `${times(value)} (${bytes(ours.each)}, redis-server ${bytes(theirs.each)})`,
        },
        sides: [],
        samples: [theirs.each, ours.each],
        notes: [
          `growth of resident memory, before and after it has not fallen for ${steadyMs / 1_000} s; at the end of the load ${bytes(ours.atOnce)}, redis-server ${bytes(theirs.atOnce)}`,
          ...(workshop.quick ? [QUICK_NOTE] : []),
          `keys have ${respKey(0).length} B, values ${SMALL_BYTES} B; one load each, no rounds`,
        ],
      },
    ];
  },
};

/** Bytes of resident memory a key: when nothing more is given back, and at the end of the load. */
interface Growth {
  readonly each: number;
  readonly atOnce: number;
}

/** What the process holds once that falls no more, in bytes. */
async function settled(pid: number, steadyMs: number): Promise<number> {
  let least = residentBytes(pid);
  const startedMs = systemClock.monotonicMs();
  let sinceMs = startedMs;
  for (let nowMs = startedMs; nowMs - sinceMs < steadyMs && nowMs - startedMs < SETTLE_WITHIN_MS; ) {
    await pause(LOOK_EVERY_MS);
    nowMs = systemClock.monotonicMs();
    const holds = residentBytes(pid);
    if (holds > least - LESS_BYTES) continue;
    least = holds;
    sinceMs = nowMs;
  }
  return residentBytes(pid);
}
