/**
 * Looking at many keys: `/kv` pages through the keys of the whole cluster, `/kv/all-data` streams this node's own data.
 *
 * A cursor is the last key of the page before, in base64url, so that it needs no memory here and outlives every peer.
 * Invariants: pages neither overlap nor leave out a key that stayed; an answer is never built in memory; how many streams
 * of own data there are at a time is limited, as each takes the time of everybody else.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import { isLive, type Row } from '../replication/entry.js';
import { type HeaderList, sendJson } from './answers.js';
import { bufferOf, textOf } from './encoding.js';
import { joined, streamJson } from './json-stream.js';
import { fitsKey } from './keys.js';
import { readQuery } from './query.js';
import { incomplete } from './refusals.js';
import type { Store } from './store.js';

const PARAMETERS = ['prefix', 'limit', 'cursor'] as const;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** Streams of own data at a time; one more is refused with 429. */
export const MAX_STREAMS = 8;

interface Page {
  readonly prefix: string;
  /** Null where the client named none. */
  readonly limit: number | null;
  /** The last key of the page before; empty at the start. */
  readonly after: string;
}

/** `GET /kv`: `{"keys":[…],"cursor":"…"}`, the last page without a cursor. */
export async function listKeys(ctx: Koa.Context, store: Store): Promise<void> {
  const page = readPage(ctx);
  const limit = page.limit ?? DEFAULT_LIMIT;
  const found = await store.list(page.prefix, page.after, limit);
  if (found === null) throw incomplete();
  const last = found.more ? found.keys.at(-1) : undefined;
  const headers = servedBy(store);
  if (last === undefined) {
    sendJson(ctx, 200, JSON.stringify({ keys: found.keys }), headers);
    return;
  }
  headers.push('Link', nextLink('/kv', page.prefix, limit, last));
  sendJson(ctx, 200, JSON.stringify({ keys: found.keys, cursor: cursorOf(last) }), headers);
}

/** `GET /kv/all-data`, for at most MAX_STREAMS at a time. */
export class OwnData {
  private open = 0;

  constructor(private readonly store: Store) {}

  /** Ends with the answer, or when its client has left. */
  async serve(ctx: Koa.Context): Promise<void> {
    if (this.open >= MAX_STREAMS) {
      const detail = `${MAX_STREAMS} requests for all data are under way here; send it again later.`;
      throw new Problem('too-many-requests', detail, { 'Retry-After': '1' });
    }
    this.open++;
    try {
      await ownData(ctx, this.store);
    } finally {
      this.open--;
    }
  }
}

/** `{"key": value, …}` of this node; without a limit all of it. */
async function ownData(ctx: Koa.Context, store: Store): Promise<void> {
  const page = readPage(ctx);
  const headers = servedBy(store);
  if (page.limit === null) {
    const members = membersOf(store.ownData(page.prefix, page.after), null);
    await streamJson(ctx, 200, joined('{', members, '}'), headers);
    return;
  }
  // A link stands before the data, so the page's keys are looked up first; what is written meanwhile waits for the next.
  const keys = firstKeys(store.ownKeys(page.prefix, page.after), page.limit + 1);
  if (keys.length > page.limit) {
    keys.pop();
    headers.push('Link', nextLink('/kv/all-data', page.prefix, page.limit, keys.at(-1) as string));
  }
  const members = membersOf(store.ownData(page.prefix, page.after), new Set(keys));
  await streamJson(ctx, 200, joined('{', members, '}'), headers);
}

function servedBy(store: Store): HeaderList {
  return ['Kv-Served-By', store.id];
}

type Entries = Iterable<readonly [key: string, row: Row]>;

function firstKeys(own: Iterable<string>, count: number): string[] {
  const keys: string[] = [];
  for (const key of own) {
    keys.push(key);
    if (keys.length === count) break;
  }
  return keys;
}

/** The entries as members of a JSON object; `only` takes those with these keys, null all. */
function* membersOf(entries: Entries, only: ReadonlySet<string> | null): Iterable<string> {
  let left = only?.size ?? Number.POSITIVE_INFINITY;
  if (left === 0) return;
  for (const [key, row] of entries) {
    if (!isLive(row) || (only !== null && !only.has(key))) continue;
    const text = textOf(row.value);
    const base64 = () => `{"base64":"${bufferOf(row.value.bytes).toString('base64')}"}`;
    const value = text === null ? base64() : JSON.stringify(text);
    yield `${JSON.stringify(key)}:${value}`;
    if (--left === 0) return;
  }
}

function readPage(ctx: Koa.Context): Page {
  const query = readQuery(ctx.req.url as string, PARAMETERS);
  const prefix = query.get('prefix') ?? '';
  if (!fitsKey(prefix)) throw new Problem('invalid-query', '?prefix is longer than a key may be.');
  return { prefix, limit: readLimit(query.get('limit')), after: readCursor(query.get('cursor')) };
}

function readLimit(text: string | undefined): number | null {
  if (text === undefined) return null;
  const limit = Number(text);
  if (/^\d{1,6}$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new Problem('invalid-query', `?limit is a whole number from 1 to ${MAX_LIMIT}.`);
}

function readCursor(text: string | undefined): string {
  if (text === undefined) return '';
  const key = Buffer.from(text, 'base64url').toString();
  if (key !== '' && fitsKey(key) && cursorOf(key) === text) return key;
  throw new Problem('invalid-query', '?cursor is what the page before gave; begin again without it.');
}

function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function nextLink(path: string, prefix: string, limit: number, last: string): string {
  const query = `prefix=${encodeURIComponent(prefix)}&limit=${limit}&cursor=${cursorOf(last)}`;
  return `<${path}?${query}>; rel="next"`;
}
