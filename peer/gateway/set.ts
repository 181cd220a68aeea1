/**
 * `POST /set`: keys and values in JSON.
 *
 * Invariants: of an item that is refused nothing is stored; a batch with such an item does the others and says so with
 * 207; one item alone is refused as a whole; items of one key take effect in the order given. With an Idempotency-Key
 * each item is a write of its own with a key made of that one and its place, so a repeat of the batch runs what did not
 * run before, and nothing twice.
 */
import type Koa from 'koa';
import { Problem } from '../../common/problems.js';
import type { Put } from '../replication/commands.js';
import type { WriteAnswer } from '../requests/rim.js';
import { sendJson } from './answers.js';
import { requireUnconditional } from './conditions.js';
import { encode, encodingOfJson, keepsSource } from './encoding.js';
import { idempotencyKeyOf, keyOfPart } from './idempotency-key.js';
import { type Batch, failedItem, type Item, keyOfItem, readBatch } from './items.js';
import { memberSources } from './json-source.js';
import { requireNoQuery } from './query.js';
import { writeRefusal } from './refusals.js';
import type { Store, Write } from './store.js';
import { ttlOfJson } from './ttl.js';
import { formatVersion } from './versions.js';

const MEMBERS: readonly string[] = ['key', 'value', 'encoding', 'ttl'];

/** What became of an item: its version, or why it has none. */
type Outcome = { readonly key: string; readonly version: string } | Problem;

/** Stores one item, or an array of them. */
export async function setMany(ctx: Koa.Context, store: Store, maxValueBytes: number): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requireUnconditional(ctx.req.headers);
  const token = idempotencyKeyOf(ctx.req);
  const batch = await readBatch(ctx);
  const outcomes = await writeAll(planAll(batch, token, maxValueBytes), store);
  const [first] = outcomes;
  if (batch.single && first instanceof Problem) throw first;
  const set: string[] = [];
  const failed: string[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome instanceof Problem) failed.push(failedItem(batch.items[index], index, outcome));
    else set.push(JSON.stringify(outcome));
  }
  sendJson(ctx, failed.length === 0 ? 200 : 207, `{"set":[${set.join(',')}],"failed":[${failed.join(',')}]}`);
}

/** Does what is planned at once; one outcome a plan, in order. */
async function writeAll(plans: readonly (Write | Problem)[], store: Store): Promise<Outcome[]> {
  const writes = plans.filter((plan): plan is Write => !(plan instanceof Problem));
  const answers = writes.length === 0 ? [] : await store.writeMany(writes);
  let next = 0;
  return plans.map((plan) => {
    if (plan instanceof Problem) return plan;
    return outcomeOf(plan.command.key, answers[next++] as WriteAnswer, store.id);
  });
}

function outcomeOf(key: string, answer: WriteAnswer, self: string): Outcome {
  if (answer.kind !== 'result') return writeRefusal(answer, self);
  // Without a condition there is nothing for which storing could fail.
  if (answer.result.kind === 'failed') throw new Error(`a write failed with '${answer.result.reason}'`);
  return { key, version: formatVersion(answer.result.version) };
}

/** What to store for every item, or why not. */
function planAll(
  { items, text }: Batch,
  token: string | undefined,
  maxValueBytes: number,
): (Write | Problem)[] {
  let sources: readonly string[] | undefined;
  return items.map((item, index) => {
    const sourceOf = () => {
      sources ??= memberSources(text, 'value');
      return sources[index] as string;
    };
    try {
      const command = plan(item, sourceOf, maxValueBytes);
      return token === undefined ? { command } : { command, token: keyOfPart(token, index) };
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  });
}

function plan(item: unknown, sourceOf: () => string, maxValueBytes: number): Put {
  const key = keyOfItem(item, MEMBERS);
  const { value: given, encoding: named, ttl } = item as Item;
  const encoding = encodingOfJson(named);
  const ttlMs = ttlOfJson(ttl);
  const value = encode(given, encoding, keepsSource(encoding) ? sourceOf() : '');
  const size = value.bytes.length;
  if (size > maxValueBytes) {
    throw new Problem('value-too-large', `The value has ${size} bytes; at most ${maxValueBytes} are taken.`);
  }
  return ttlMs === undefined ? { kind: 'put', key, value } : { kind: 'put', key, value, ttlMs };
}
