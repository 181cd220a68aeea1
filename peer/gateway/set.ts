/**
 * `POST /set`: keys and values in JSON.
 *
 * Invariants: of an item that is refused nothing is stored; a batch with such an item does the others and says so with
 * 207; one item alone is refused as a whole; items of one key take effect in the order given.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import { formatVersion, type Operation } from '../../common/records.js';
import { refusal, sendJson } from './answers.js';
import { requirePlainWrite } from './conditions.js';
import { encode, encodingOfJson, keepsSource } from './encoding.js';
import { type Batch, failedItem, type Item, keyOfItem, readBatch } from './items.js';
import { memberSources } from './json-source.js';
import { requireNoQuery } from './query.js';
import type { Answer, Store } from './store.js';

const MEMBERS: readonly string[] = ['key', 'value', 'encoding'];

type Put = Extract<Operation, { type: 'put' }>;

/** What became of an item: its version, or why it has none. */
type Result = { readonly key: string; readonly version: string } | Problem;

/** Stores one item, or an array of them. */
export async function setMany(ctx: Koa.Context, store: Store, maxValueBytes: number): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requirePlainWrite(ctx.req.headers);
  const batch = await readBatch(ctx);
  const results = await write(planAll(batch, maxValueBytes), store);
  const [first] = results;
  if (batch.single && first instanceof Problem) throw first;
  const set: string[] = [];
  const failed: string[] = [];
  for (const [index, result] of results.entries()) {
    if (result instanceof Problem) failed.push(failedItem(batch.items[index], index, result));
    else set.push(JSON.stringify(result));
  }
  sendJson(ctx, failed.length === 0 ? 200 : 207, `{"set":[${set.join(',')}],"failed":[${failed.join(',')}]}`);
}

/** Does what is planned at once; one result a plan, in order. */
async function write(plans: readonly (Put | Problem)[], store: Store): Promise<Result[]> {
  const puts = plans.filter((plan): plan is Put => !(plan instanceof Problem));
  const answers = puts.length === 0 ? [] : await store.executeMany(puts);
  let next = 0;
  return plans.map((plan) => {
    if (plan instanceof Problem) return plan;
    const { outcome, servedBy } = answers[next++] as Answer;
    if (outcome.type !== 'written') return refusal(plan.key, outcome, servedBy);
    return { key: plan.key, version: formatVersion(outcome.version) };
  });
}

/** What to store for every item, or why not. */
function planAll({ items, text }: Batch, maxValueBytes: number): (Put | Problem)[] {
  let sources: readonly string[] | undefined;
  return items.map((item, index) => {
    const sourceOf = () => {
      sources ??= memberSources(text, 'value');
      return sources[index] as string;
    };
    try {
      return plan(item, sourceOf, maxValueBytes);
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  });
}

function plan(item: unknown, sourceOf: () => string, maxValueBytes: number): Put {
  const key = keyOfItem(item, MEMBERS);
  const { value: given, encoding: named } = item as Item;
  const encoding = encodingOfJson(named);
  const value = encode(given, encoding, keepsSource(encoding) ? sourceOf() : '');
  const size = value.bytes.length;
  if (size > maxValueBytes) {
    throw new Problem('value-too-large', `The value has ${size} bytes; at most ${maxValueBytes} are taken.`);
  }
  return { type: 'put', key, value };
}
