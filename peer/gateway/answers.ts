/**
 * What every answer of the gateway has in common: who served it, and what a failure means for a write.
 *
 * Answers are written straight to node's response: it costs a quarter less than `ctx.body`, and a value is bytes anyway.
 */
import type Koa from 'koa';
import { Problem, problemDocument } from '../../common/problems.js';
import type { Answer } from './store.js';

/** Seconds after which a failed request is worth repeating: the time a view takes to change. */
const RETRY_AFTER = '1';

const CONSISTENCY = 'linearizable';

/** Headers as name, value, name, value: what writeHead takes with the least work. */
export type HeaderList = string[];

/** The headers that tell how a request for a key was served. */
export function servedHeaders(partition: number, servedBy: string): HeaderList {
  return ['Kv-Partition', String(partition), 'Kv-Served-By', servedBy, 'Kv-Consistency', CONSISTENCY];
}

/** Answers with JSON that is not to be kept by a cache. */
export function sendJson(ctx: Koa.Context, status: number, json: string, headers: HeaderList = []): void {
  ctx.respond = false;
  const length = String(Buffer.byteLength(json));
  ctx.res.writeHead(status, [...headers, ...JSON_HEADERS, 'Content-Length', length]);
  ctx.res.end(json);
}

/** Headers of every JSON answer. */
export const JSON_HEADERS: readonly string[] = [
  'Content-Type',
  'application/json; charset=utf-8',
  'X-Content-Type-Options',
  'nosniff',
  'Cache-Control',
  'no-store',
];

/** The refusal that an outcome becomes which is not what was asked for. */
export function refusal(key: string, outcome: Answer['outcome'], servedBy: string): Problem {
  const served = { 'Kv-Served-By': servedBy };
  if (outcome.type === 'absent') {
    return new Problem('key-not-found', absence(key), served);
  }
  if (outcome.type === 'answer-full') {
    return new Problem(
      'answer-too-large',
      'The values before it fill the answer; ask for fewer keys at a time.',
      served,
    );
  }
  if (outcome.type !== 'failed') throw new Error(`the store answered with '${outcome.type}'`);
  if (outcome.applied === 'not-applied') return unavailable(outcome.detail, served);
  return new Problem('outcome-unknown', outcome.detail, { ...served, 'Kv-Outcome': 'unknown' });
}

/** Answers that the key is not there: as the funnel would, at a third of the cost, since asking in vain is common. */
export function sendAbsent(ctx: Koa.Context, key: string, headers: HeaderList): void {
  const body = JSON.stringify(problemDocument('key-not-found', absence(key)));
  ctx.respond = false;
  ctx.res.writeHead(404, [...headers, ...PROBLEM_HEADERS, 'Content-Length', String(Buffer.byteLength(body))]);
  ctx.res.end(body);
}

const PROBLEM_HEADERS: readonly string[] = [
  'Content-Type',
  'application/problem+json',
  'X-Content-Type-Options',
  'nosniff',
  'Cache-Control',
  'no-store',
];

function absence(key: string): string {
  return `There is no key ${JSON.stringify(key.slice(0, 100))}.`;
}

/** Nothing was done, and it is worth asking again. */
export function unavailable(detail: string, headers: Readonly<Record<string, string>> = {}): Problem {
  return new Problem('partition-unavailable', detail, {
    ...headers,
    'Retry-After': RETRY_AFTER,
    'Kv-Outcome': 'not-applied',
  });
}

/** A time as HTTP writes it; most answers in a row share their second. */
export function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastDate.second) {
    lastDate.second = second;
    lastDate.text = new Date(second * 1000).toUTCString();
  }
  return lastDate.text;
}

const lastDate = { second: Number.NaN, text: '' };
