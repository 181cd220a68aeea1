/**
 * `POST /get` and `GET /get/:key`: values as they stand in JSON.
 *
 * Invariants: each list of an answer is in the order asked; a key that could not be asked for stands in neither list but
 * in `failed`, since it may exist.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import type { Value } from '../replication/commands.js';
import { isLive } from '../replication/entry.js';
import { sendAbsent, sendConditionFailed, sendJson, servedHeaders } from './answers.js';
import { endTogether } from './answers-together.js';
import { matches, matchOf, namesTag, requireUnconditional } from './conditions.js';
import { decode } from './encoding.js';
import { atItem, failedItem, keyOfItem, readBatch } from './items.js';
import { streamJson } from './json-stream.js';
import { keyOfTarget } from './keys.js';
import { readConsistency, requireNoQuery } from './query.js';
import { readRefusal } from './refusals.js';
import type { ManyAnswer, Store } from './store.js';
import { formatVersion } from './versions.js';

const MEMBERS: readonly string[] = ['key'];

/** A piece of an answer is sent on when it is this long. */
const PIECE_CHARS = 8 * 1024;

interface Found {
  readonly key: string;
  readonly value: Value;
}

/** Reads the keys of an array of items, or of one. */
export async function getMany(ctx: Koa.Context, store: Store): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requireUnconditional(ctx.req.headers);
  const { items } = await readBatch(ctx);
  const keys = items.map(requireKey);
  const answers = await readAll(keys, store);
  const existed: Found[] = [];
  const missing: string[] = [];
  const failed: string[] = [];
  for (const [index, answer] of answers.entries()) {
    const key = keys[index] as string;
    if (answer.kind !== 'value') failed.push(failedItem(items[index], index, readRefusal(answer, store.id)));
    else if (answer.value === null) missing.push(key);
    else existed.push({ key, value: answer.value });
  }
  const lists = [
    ...list('existedKey', existed, foundItem),
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

/** One answer a key, in order; a key that is asked for many times is read once. */
async function readAll(keys: readonly string[], store: Store): Promise<readonly ManyAnswer[]> {
  const places = new Map<string, number>();
  for (const key of keys) if (!places.has(key)) places.set(key, places.size);
  if (places.size === 0) return [];
  if (places.size === keys.length) return store.readMany(keys);
  const answers = await store.readMany([...places.keys()]);
  return keys.map((key) => answers[places.get(key) as number] as ManyAnswer);
}

function foundItem({ key, value }: Found): string {
  const { json, encoding } = decode(value);
  const named = encoding === 'string' ? '' : `,"encoding":"${encoding}"`;
  return `{"key":${JSON.stringify(key)},"value":${json}${named}}`;
}

/** A member of the answer, written when it is sent; none where there are no items: an empty list is left out. */
function list<T>(name: string, items: readonly T[], write: (item: T) => string): Iterable<string>[] {
  return items.length === 0 ? [] : [written(name, items, write)];
}

/** Several items a piece: to hand a piece over costs as much as to write a small item. */
function* written<T>(name: string, items: readonly T[], write: (item: T) => string): Iterable<string> {
  let piece = `"${name}":[`;
  let comma = '';
  for (const item of items) {
    piece += comma + write(item);
    comma = ',';
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]`;
}

function* bodyOf(lists: readonly Iterable<string>[]): Iterable<string> {
  yield '{';
  for (const [index, each] of lists.entries()) {
    if (index > 0) yield ',';
    yield* each;
  }
  yield '}';
}
