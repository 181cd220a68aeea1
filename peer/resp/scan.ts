/**
 * The keys of the whole cluster, partition by partition, each in the order of its keys' hashes, so that a position among
 * them is one number: partition × 2^32 + hash. A cursor is that number; nothing is kept between calls, and any peer goes
 * on where another one was.
 *
 * Invariant: a key that is there from the first call to the last is given at least once: its position never changes, a
 * page has all keys between its begin and its end, and the next one begins at the page's end.
 */

import { PARTITION_COUNT, slotOf } from '../../common/slots.js';
import { hashOfText } from '../text-hash.js';
import type { RespStore } from './store.js';

/** Keys that are asked for at a time. */
const PAGE_KEYS = 1_000;
/** Partitions that are asked at once, at most. */
const MAX_WINDOW = 64;

const HASHES = 2 ** 32;
/** No cursor is as high. */
export const CURSOR_END = PARTITION_COUNT * HASHES;

/** Some keys, and where to go on; 0: that was all. */
export interface ScanPage {
  readonly keys: readonly string[];
  readonly next: number;
}

/**
 * About `count` keys, or all that are left; from a partition with many there may come up to PAGE_KEYS. Null if the
 * cluster did not answer.
 */
export async function scan(store: RespStore, cursor: number, count: number): Promise<ScanPage | null> {
  const keys: string[] = [];
  let at = cursor;
  let window = 1;
  while (at < CURSOR_END && keys.length < count) {
    const partition = Math.floor(at / HASHES);
    const width = Math.min(window, PARTITION_COUNT - partition);
    const from = at % HASHES;
    const pages = await Promise.all(
      Array.from({ length: width }, (_, i) => pageOf(store, partition + i, i === 0 ? from : 0, count)),
    );
    for (const page of pages) {
      if (keys.length >= count) break;
      if (page === null) return null;
      for (const key of page.keys) keys.push(key);
      at = page.next;
      // The rest of a partition comes before the next one.
      if (at % HASHES !== 0) break;
    }
    window = Math.min(MAX_WINDOW, window * 2);
  }
  return { keys, next: at >= CURSOR_END ? 0 : at };
}

/** Calls `take` with the keys of each partition, page by page; false if the cluster did not answer. */
export async function eachPage(
  store: RespStore,
  take: (keys: readonly string[]) => Promise<boolean> | boolean,
): Promise<boolean> {
  let partition = 0;
  const walk = async () => {
    while (partition < PARTITION_COUNT) {
      const mine = partition++;
      let after = '';
      for (;;) {
        const page = await store.keysOf(mine, after, PAGE_KEYS);
        if (page === null || !(await take(page.keys))) {
          partition = PARTITION_COUNT;
          return false;
        }
        if (!page.more) break;
        after = page.keys.at(-1) as string;
      }
    }
    return true;
  };
  const done = await Promise.all(Array.from({ length: WALKERS }, walk));
  return done.every(Boolean);
}

/** Partitions that are walked through at the same time. */
const WALKERS = 16;

interface Placed {
  readonly key: string;
  readonly hash: number;
}

/** The keys of one partition from a hash on: at least the lower of `count` and PAGE_KEYS, if there are so many. */
async function pageOf(
  store: RespStore,
  partition: number,
  from: number,
  count: number,
): Promise<ScanPage | null> {
  const limit = Math.max(count, PAGE_KEYS);
  let found: Placed[] = [];
  /** Hashes from here on were left out. */
  let end = HASHES;
  let after = '';
  for (;;) {
    const page = await store.keysOf(partition, after, PAGE_KEYS);
    if (page === null) return null;
    for (const key of page.keys) {
      const hash = hashOfText(key);
      if (hash >= from && hash < end) found.push({ key, hash });
    }
    if (found.length > 2 * limit) ({ found, end } = cut(found, limit, end));
    if (!page.more) break;
    after = page.keys.at(-1) as string;
  }
  ({ found, end } = cut(found, limit, end));
  return { keys: found.map(({ key }) => key), next: partition * HASHES + end };
}

/** The `limit` lowest, and those with the same hash as the last of them. */
function cut(found: Placed[], limit: number, end: number): { found: Placed[]; end: number } {
  if (found.length <= limit) return { found, end };
  found.sort((a, b) => a.hash - b.hash);
  const last = (found[limit - 1] as Placed).hash;
  let length = limit;
  while (found[length]?.hash === last) length++;
  return length === found.length ? { found, end } : { found: found.slice(0, length), end: last + 1 };
}

/** The keys of a slot, at most `limit`; null if the cluster did not answer. */
export async function keysInSlot(store: RespStore, slot: number, limit: number): Promise<string[] | null> {
  const partition = Math.floor((slot * PARTITION_COUNT) / 16_384);
  const keys: string[] = [];
  let after = '';
  while (keys.length < limit) {
    const page = await store.keysOf(partition, after, PAGE_KEYS);
    if (page === null) return null;
    for (const key of page.keys) if (slotOf(key) === slot) keys.push(key);
    if (!page.more) break;
    after = page.keys.at(-1) as string;
  }
  return keys.slice(0, limit);
}
