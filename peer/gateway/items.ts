/**
 * The items of a batch: what `POST /set` and `POST /get` take, and how they tell of one that was refused.
 *
 * Invariant: an item has the members its request knows and no others, so that an option of a later version (`"ttl"`) is
 * refused here and not passed over.
 */
import type Koa from 'koa';
import { parseJson, readJsonText } from '../../common/http-body.js';
import { Problem } from '../../common/problems.js';
import { keyOfJson } from './keys.js';

export const BATCH_LIMITS = { maxBytes: 16 * 1024 * 1024, maxItems: 10_000 } as const;

/** How much of a key that is refused stands in the answer. */
const SHOWN_KEY_CHARS = 1024;

export type Item = Readonly<Record<string, unknown>>;

export interface Batch {
  readonly items: readonly unknown[];
  /** Whether the body was one item, not an array. */
  readonly single: boolean;
  /** The body. */
  readonly text: string;
}

/** Reads an array of items, or one. @throws Problem where the body is neither */
export async function readBatch(ctx: Koa.Context): Promise<Batch> {
  const text = await readJsonText(ctx.req, BATCH_LIMITS);
  const body = parseJson(text);
  if (Array.isArray(body)) return { items: body, single: false, text };
  if (isItem(body)) return { items: [body], single: true, text };
  throw new Problem('invalid-request', 'The body must be an array of items, or one item: {"key": …}.');
}

/** The key of an item that has no members but the known ones. @throws Problem */
export function keyOfItem(item: unknown, known: readonly string[]): string {
  if (!isItem(item)) throw new Problem('invalid-request', 'An item must be an object: {"key": …}.');
  for (const name of Object.keys(item)) if (!known.includes(name)) throw unknownMember(name, known);
  return keyOfJson(item.key);
}

/** What is wrong with the item at `index`, the first being 0. */
export function atItem(index: number, problem: Problem): Problem {
  return new Problem(problem.code, `Item ${index}: ${problem.detail}`, problem.headers);
}

/** How an item that was refused stands in the answer, as JSON. */
export function failedItem(item: unknown, index: number, problem: Problem): string {
  const key = isItem(item) && typeof item.key === 'string' ? item.key.slice(0, SHOWN_KEY_CHARS) : '';
  return JSON.stringify({ key, code: problem.code, detail: atItem(index, problem).detail });
}

function unknownMember(name: string, known: readonly string[]): Problem {
  const shown = JSON.stringify(name.slice(0, 100));
  return new Problem('invalid-request', `Unknown member ${shown}; known here: ${known.join(', ')}.`);
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
