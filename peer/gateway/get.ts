/**
 * `POST /get` and `GET /get/:key`: values as they stand in JSON.
 *
 * Invariants: each list of an answer is in the order asked; a key that could not be asked for stands in neither list but
 * in `failed`, since it may exist.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import type { ReadAnswer } from '../requests/rim.js';
import { sendAbsent, sendConditionFailed, sendJson, servedHeaders } from './answers.js';
import { endTogether } from './answers-together.js';
import { matches, matchOf, namesTag, requireUnconditional } from './conditions.js';
import { decode } from './encoding.js';
import { atItem, failedItem, keyOfItem, readBatch } from './items.js';
import { joined, streamJson } from './json-stream.js';
import { keyOfTarget } from './keys.js';
import { isLive, type LiveRow } from './one-key.js';
import { readConsistency, requireNoQuery } from './query.js';
import { readRefusal } from './refusals.js';
import type { AnswerFull, Store } from './store.js';
import { formatVersion } from './versions.js';

const MEMBERS: readonly string[] = ['key'];

type Answer = ReadAnswer | AnswerFull;

/** Reads the keys of an array of items, or of one. */
export async function getMany(ctx: Koa.Context, store: Store): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requireUnconditional(ctx.req.headers);
  const { items } = await readBatch(ctx);
  const keys = items.map(requireKey);
  const answers = await readAll(keys, store);
  const existed: (readonly [string, LiveRow])[] = [];
  const missing: string[] = [];
  const failed: string[] = [];
  for (const [index, key] of keys.entries()) {
    const answer = answers.get(key) as Answer;
    if (answer.kind !== 'row') failed.push(failedItem(items[index], index, readRefusal(answer, store.id)));
    else if (isLive(answer.row)) existed.push([key, answer.row]);
    else missing.push(key);
  }
  const lists = [
    ...list('existedKey', existed, ([key, row]) => foundItem(key, row)),
    ...list('notExistedKey', missing, (key) => `{"key":${JSON.stringify(key)},"value":""}`),
    ...list('failed', failed, (item) => item),
  ];
  await streamJson(ctx, failed.length === 0 ? 200 : 207, bodyOf(lists));
}

/** Reads the key in the path. */
export async function getOne(ctx: Koa.Context, store: Store): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  const consistency = readConsistency(url);
  const match = matchOf(ctx.req.headers);
  const answer = await store.read(key, consistency);
  if (answer.kind !== 'row') throw readRefusal(answer, store.id);
  const { row, servedBy } = answer;
  const headers = servedHeaders(store.partitionOf(key), servedBy, consistency);
  if (!isLive(row)) {
    sendAbsent(ctx, key, headers);
    return;
  }
  const version = formatVersion(row);
  if (match !== undefined && !matches(match, version)) {
    sendConditionFailed(ctx, key, row, headers);
    return;
  }
  headers.push('ETag', `"${version}"`);
  const asked = ctx.req.headers['if-none-match'];
  if (asked !== undefined && namesTag(asked, version)) {
    ctx.respond = false;
    endTogether(ctx.res.writeHead(304, headers));
    return;
  }
  const { json, encoding } = decode(row.value);
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
  const answers = await store.readMany(distinct);
  return new Map(distinct.map((key, index) => [key, answers[index] as Answer]));
}

function foundItem(key: string, row: LiveRow): string {
  const { json, encoding } = decode(row.value);
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
