/**
 * Keys and values in JSON: `POST /set`, `POST /get`, `GET /get/:key`.
 *
 * Invariants: answers stand in the order asked; of an item that is refused nothing is stored; a batch with a refused item
 * does the others and says so with 207. A key that could not be asked for stands in neither list of `/get`: it may exist.
 */
import type Koa from 'koa';
import { parseJson, readJsonText } from '../../common/http-body.js';
import { Problem } from '../../common/problems.js';
import { formatVersion, type Operation, type StoredValue } from '../../common/records.js';
import { refusal, sendJson, servedHeaders } from './answers.js';
import { namesTag, requirePlainRead, requirePlainWrite } from './conditions.js';
import { decode, encode, encodingOfJson, keepsSource } from './encoding.js';
import { memberSources } from './json-source.js';
import { joined, streamJson } from './json-stream.js';
import { keyOfJson, keyOfTarget } from './keys.js';
import { requireNoQuery } from './query.js';
import type { Answer, Store } from './store.js';

export const BATCH_LIMITS = { maxBytes: 16 * 1024 * 1024, maxItems: 10_000 } as const;

/** How much of a key that is refused stands in the answer. */
const SHOWN_KEY_CHARS = 1024;

const SET_MEMBERS: readonly string[] = ['key', 'value', 'encoding'];
const GET_MEMBERS: readonly string[] = ['key'];

type Item = Readonly<Record<string, unknown>>;
type Put = Extract<Operation, { type: 'put' }>;

/** `POST /set`: one item, or an array of them. */
export async function setMany(ctx: Koa.Context, store: Store, maxValueBytes: number): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requirePlainWrite(ctx.req.headers);
  const { items, single, text } = await readItems(ctx);
  const plans = planAll(items, text, maxValueBytes);
  const [first] = plans;
  if (single && first instanceof Problem) throw first;
  const puts = plans.filter((plan): plan is Put => !(plan instanceof Problem));
  const answers = puts.length === 0 ? [] : await store.executeMany(puts);
  const set: string[] = [];
  const failed: string[] = [];
  let next = 0;
  for (const [index, plan] of plans.entries()) {
    if (plan instanceof Problem) {
      failed.push(failedItem(items[index], index, plan));
      continue;
    }
    const { outcome, servedBy } = answers[next++] as Answer;
    if (outcome.type === 'written') {
      set.push(`{"key":${JSON.stringify(plan.key)},"version":"${formatVersion(outcome.version)}"}`);
      continue;
    }
    const problem = refusal(plan.key, outcome, servedBy);
    if (single) throw problem;
    failed.push(failedItem(items[index], index, problem));
  }
  sendJson(ctx, failed.length === 0 ? 200 : 207, `{"set":[${set.join(',')}],"failed":[${failed.join(',')}]}`);
}

/** `POST /get`: an array of `{"key"}`, or one. */
export async function getMany(ctx: Koa.Context, store: Store): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requirePlainRead(ctx.req.headers);
  const { items } = await readItems(ctx);
  const keys = items.map((item, index) => naming(index, () => keyOfItem(item, GET_MEMBERS)));
  // A key that is asked for many times is read once.
  const places = new Map<string, number>();
  for (const key of keys) if (!places.has(key)) places.set(key, places.size);
  const reads = [...places.keys()].map((key): Operation => ({ type: 'get', key }));
  const answers = reads.length === 0 ? [] : await store.executeMany(reads);
  const answerOf = (key: string) => answers[places.get(key) as number] as Answer;
  const existed = keys.filter((key) => answerOf(key).outcome.type === 'found');
  const missing = keys.filter((key) => answerOf(key).outcome.type === 'absent');
  const failed: string[] = [];
  for (const [index, key] of keys.entries()) {
    const { outcome, servedBy } = answerOf(key);
    if (outcome.type === 'found' || outcome.type === 'absent') continue;
    failed.push(failedItem(items[index], index, refusal(key, outcome, servedBy)));
  }
  const lists = [
    list(
      'existedKey',
      mapEach(existed, (key) => foundItem(key, answerOf(key))),
      existed.length,
    ),
    list('notExistedKey', mapEach(missing, missingItem), missing.length),
    list('failed', failed, failed.length),
  ].filter((each) => each !== null);
  await streamJson(ctx, failed.length === 0 ? 200 : 207, bodyOf(lists));
}

/** `GET /get/:key`: one value with its encoding. */
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

async function readItems(ctx: Koa.Context): Promise<{ items: unknown[]; single: boolean; text: string }> {
  const text = await readJsonText(ctx.req, BATCH_LIMITS);
  const body = parseJson(text);
  if (Array.isArray(body)) return { items: body, single: false, text };
  if (isItem(body)) return { items: [body], single: true, text };
  throw new Problem('invalid-request', 'The body must be an array of items, or one item: {"key": …}.');
}

/** What to store for every item, or why not. */
function planAll(items: readonly unknown[], text: string, maxValueBytes: number): (Put | Problem)[] {
  let sources: readonly string[] | null = null;
  return items.map((item, index) => {
    const sourceOf = () => {
      sources ??= memberSources(text, 'value');
      return sources[index] as string;
    };
    try {
      return naming(items.length === 1 ? null : index, () => plan(item, sourceOf, maxValueBytes));
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  });
}

function plan(item: unknown, sourceOf: () => string, maxValueBytes: number): Put {
  const key = keyOfItem(item, SET_MEMBERS);
  const { value: given, encoding: named } = item as Item;
  const encoding = encodingOfJson(named);
  const value: StoredValue = encode(given, encoding, keepsSource(encoding) ? sourceOf() : '');
  if (value.bytes.length > maxValueBytes) {
    throw new Problem(
      'value-too-large',
      `The value is ${value.bytes.length} bytes long; at most ${maxValueBytes} are taken.`,
    );
  }
  return { type: 'put', key, value };
}

function keyOfItem(item: unknown, known: readonly string[]): string {
  if (!isItem(item)) throw new Problem('invalid-request', 'An item must be an object: {"key": …}.');
  const unknown = Object.keys(item).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const name = JSON.stringify(unknown.slice(0, 100));
    throw new Problem('invalid-request', `Unknown member ${name}; known here: ${known.join(', ')}.`);
  }
  return keyOfJson(item.key);
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Runs a check; a refusal begins with the number of the item, the first being 0. */
function naming<T>(index: number | null, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Problem) || index === null) throw error;
    throw new Problem(error.code, `Item ${index}: ${error.detail}`, error.headers);
  }
}

function failedItem(item: unknown, index: number, problem: Problem): string {
  const key = isItem(item) && typeof item.key === 'string' ? item.key.slice(0, SHOWN_KEY_CHARS) : '';
  const detail = problem.detail.startsWith('Item ') ? problem.detail : `Item ${index}: ${problem.detail}`;
  return JSON.stringify({ key, code: problem.code, detail });
}

function foundItem(key: string, answer: Answer): string {
  if (answer.outcome.type !== 'found') throw new Error('only found keys are listed');
  const { json, encoding } = decode(answer.outcome.record);
  const named = encoding === 'string' ? '' : `,"encoding":"${encoding}"`;
  return `{"key":${JSON.stringify(key)},"value":${json}${named}}`;
}

function missingItem(key: string): string {
  return `{"key":${JSON.stringify(key)},"value":""}`;
}

/** A member of the answer; null where the list is empty, since an empty list is left out. */
function list(name: string, items: Iterable<string>, length: number): Iterable<string> | null {
  return length === 0 ? null : joined(`"${name}":[`, items, ']');
}

function* bodyOf(lists: readonly Iterable<string>[]): Iterable<string> {
  yield '{';
  for (const [index, each] of lists.entries()) {
    if (index > 0) yield ',';
    yield* each;
  }
  yield '}';
}

function* mapEach(keys: readonly string[], write: (key: string) => string): Iterable<string> {
  for (const key of keys) yield write(key);
}
