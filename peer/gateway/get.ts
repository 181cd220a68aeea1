/**
 * `POST /get` and `GET /get/:key`: values as they stand in JSON.
 *
 * Invariants: each list of an answer is in the order asked; a key that could not be asked for stands in neither list but
 * in `failed`, since it may exist.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import { formatVersion, type Operation, type StoredRecord } from '../../common/records.js';
import { refusal, sendJson, servedHeaders } from './answers.js';
import { namesTag, requirePlainRead } from './conditions.js';
import { decode } from './encoding.js';
import { atItem, failedItem, keyOfItem, readBatch } from './items.js';
import { joined, streamJson } from './json-stream.js';
import { keyOfTarget } from './keys.js';
import { requireNoQuery } from './query.js';
import type { Answer, Store } from './store.js';

const MEMBERS: readonly string[] = ['key'];

/** Reads the keys of an array of items, or of one. */
export async function getMany(ctx: Koa.Context, store: Store): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requirePlainRead(ctx.req.headers);
  const { items } = await readBatch(ctx);
  const keys = items.map(requireKey);
  const answers = await readAll(keys, store);
  const existed: (readonly [string, StoredRecord])[] = [];
  const missing: string[] = [];
  const failed: string[] = [];
  for (const [index, key] of keys.entries()) {
    const { outcome, servedBy } = answers.get(key) as Answer;
    if (outcome.type === 'found') existed.push([key, outcome.record]);
    else if (outcome.type === 'absent') missing.push(key);
    else failed.push(failedItem(items[index], index, refusal(key, outcome, servedBy)));
  }
  const lists = [
    ...list('existedKey', existed, ([key, record]) => foundItem(key, record)),
    ...list('notExistedKey', missing, (key) => `{"key":${JSON.stringify(key)},"value":""}`),
    ...list('failed', failed, (item) => item),
  ];
  await streamJson(ctx, failed.length === 0 ? 200 : 207, bodyOf(lists));
}

/** Reads the key in the path. */
export async function getOne(ctx: Koa.Context, store: Store): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  requireNoQuery(url);
  requirePlainRead(ctx.req.headers);
  const { outcome, servedBy } = await store.execute({ type: 'get', key });
  if (outcome.type !== 'found') throw refusal(key, outcome, servedBy);
  const version = formatVersion(outcome.record.version);
  const headers = [...servedHeaders(store.partitionOf(key), servedBy), 'ETag', `"${version}"`];
  const asked = ctx.req.headers['if-none-match'];
  if (asked !== undefined && namesTag(asked, version)) {
    ctx.respond = false;
    ctx.res.writeHead(304, headers).end();
    return;
  }
  const { json, encoding } = decode(outcome.record);
  sendJson(ctx, 200, `{"key":${JSON.stringify(key)},"value":${json},"encoding":"${encoding}"}`, headers);
}

function requireKey(item: unknown, index: number): string {
  try {
    return keyOfItem(item, MEMBERS);
  } catch (error) {
    throw error instanceof Problem ? atItem(index, error) : error;
  }
}

/** One answer a key; a key that is asked for many times is read once. */
async function readAll(keys: readonly string[], store: Store): Promise<ReadonlyMap<string, Answer>> {
  const distinct = [...new Set(keys)];
  if (distinct.length === 0) return new Map();
  const answers = await store.executeMany(distinct.map((key): Operation => ({ type: 'get', key })));
  return new Map(distinct.map((key, index) => [key, answers[index] as Answer]));
}

function foundItem(key: string, record: StoredRecord): string {
  const { json, encoding } = decode(record);
  const named = encoding === 'string' ? '' : `,"encoding":"${encoding}"`;
  return `{"key":${JSON.stringify(key)},"value":${json}${named}}`;
}

/** A member of the answer, written when it is sent; none where there are no items: an empty list is left out. */
function list<T>(name: string, items: readonly T[], write: (item: T) => string): Iterable<string>[] {
  if (items.length === 0) return [];
  function* written(): Iterable<string> {
    for (const item of items) yield write(item);
  }
  return [joined(`"${name}":[`, written(), ']')];
}

function* bodyOf(lists: readonly Iterable<string>[]): Iterable<string> {
  yield '{';
  for (const [index, each] of lists.entries()) {
    if (index > 0) yield ',';
    yield* each;
  }
  yield '}';
}
