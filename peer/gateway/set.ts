/**
 * `POST /set`: keys and values in JSON.
 *
 * Invariants: of an item that is refused nothing is stored; a batch with such an item does the others and says so with
 * 207; one item alone is refused as a whole; items of one key take effect in the order given. With an Idempotency-Key
 * each item is a write of its own with a key made of that one and its place, so a repeat of the batch runs what did not
 * run before, and nothing twice.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
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

/** Items that are looked at at a stretch; then everybody else has a turn. */
const STRETCH_ITEMS = 1_024;

const MEMBERS: readonly string[] = ['key', 'value', 'encoding', 'ttl'];

/** What is to be done about an item, or why nothing is. */
type Plan = Write | Problem;

/** Stores one item, or an array of them. */
export async function setMany(ctx: Koa.Context, store: Store, maxValueBytes: number): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  requireUnconditional(ctx.req.headers);
  const token = idempotencyKeyOf(ctx.req);
  const batch = await readBatch(ctx);
  const plans = await planAll(batch, token, maxValueBytes);
  const writes = plans.filter((plan): plan is Write => !(plan instanceof Problem));
  const answers = writes.length === 0 ? [] : await store.writeMany(writes);
  let next = 0;
  let set = '';
  let failed = '';
  for (const [index, plan] of plans.entries()) {
    const outcome =
      plan instanceof Problem ? plan : outcomeOf(plan, answers[next++] as WriteAnswer, store.id);
    if (typeof outcome === 'string') {
      set += set === '' ? outcome : `,${outcome}`;
      continue;
    }
    if (batch.single) throw outcome;
    const item = failedItem(batch.items[index], index, outcome);
    failed += failed === '' ? item : `,${item}`;
  }
  sendJson(ctx, failed === '' ? 200 : 207, `{"set":[${set}],"failed":[${failed}]}`);
}

/** How an item that was stored stands in the answer, or why it was not. */
function outcomeOf({ command }: Write, answer: WriteAnswer, self: string): string | Problem {
  if (answer.kind !== 'result') return writeRefusal(answer, self);
  // Without a condition there is nothing for which storing could fail.
  if (answer.result.kind === 'failed') throw new Error(`a write failed with '${answer.result.reason}'`);
  return `{"key":${JSON.stringify(command.key)},"version":"${formatVersion(answer.result.version)}"}`;
}

/** What to store for every item, or why not. */
async function planAll(
  { items, text }: Batch,
  token: string | undefined,
  maxValueBytes: number,
): Promise<Plan[]> {
  let sources: readonly string[] | undefined;
  const sourceOf = (index: number) => {
    sources ??= memberSources(text, 'value');
    return sources[index] as string;
  };
  const plans: Plan[] = [];
  for (const [index, item] of items.entries()) {
    try {
      const command = plan(item, index, sourceOf, maxValueBytes);
      plans.push(token === undefined ? { command } : { command, token: keyOfPart(token, index) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      plans.push(error);
    }
    if ((index + 1) % STRETCH_ITEMS === 0) await nextTurn();
  }
  return plans;
}

function plan(item: unknown, index: number, sourceOf: (index: number) => string, maxValueBytes: number): Put {
  const key = keyOfItem(item, MEMBERS);
  const { value: given, encoding: named, ttl } = item as Item;
  const encoding = encodingOfJson(named);
  const ttlMs = ttlOfJson(ttl);
  const value = encode(given, encoding, keepsSource(encoding) ? sourceOf(index) : '');
  const size = value.bytes.length;
  if (size > maxValueBytes) {
    throw new Problem('value-too-large', `The value has ${size} bytes; at most ${maxValueBytes} are taken.`);
  }
  return ttlMs === undefined ? { kind: 'put', key, value } : { kind: 'put', key, value, ttlMs };
}
