/**
 * What every answer of the gateway has in common, and the answers that are common.
 *
 * Answers are written straight to node's response: it costs a quarter less than `ctx.body`, and a value is bytes anyway.
 */
import type Koa from 'koa';
import { type ProblemCode, problemDocument } from '../../common/problems.js';
import type { Version } from '../replication/commands.js';
import type { Consistency } from '../replication/messages.js';
import { endTogether } from './answers-together.js';
import { formatVersion } from './versions.js';

/** Headers as name, value, name, value: what writeHead takes with the least work. */
export type HeaderList = string[];

/** The headers that tell how a request for a key was served. */
export function servedHeaders(
  partition: number,
  servedBy: string,
  consistency: Consistency = 'linearizable',
): HeaderList {
  const headers = [
    'Kv-Partition',
    String(partition),
    'Kv-Served-By',
    servedBy,
    'Kv-Consistency',
    consistency,
  ];
  if (consistency === 'stale') headers.push('Kv-Stale', 'true');
  return headers;
}

/** Answers with JSON that is not to be kept by a cache. */
export function sendJson(ctx: Koa.Context, status: number, json: string, headers: HeaderList = []): void {
  ctx.respond = false;
  const length = String(Buffer.byteLength(json));
  ctx.res.writeHead(status, [...headers, ...JSON_HEADERS, 'Content-Length', length]);
  endTogether(ctx.res, json);
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

/** Answers that the key is not there; asking in vain is common. */
export function sendAbsent(ctx: Koa.Context, key: string, headers: HeaderList): void {
  sendProblem(ctx, 'key-not-found', absence(key), headers);
}

/** Answers that a condition did not hold, with the version that the key has, if any: the common end of a race. */
export function sendConditionFailed(
  ctx: Koa.Context,
  key: string,
  actual: Version | null,
  headers: HeaderList,
): void {
  const tag = actual === null ? undefined : `"${formatVersion(actual)}"`;
  if (tag !== undefined) headers.push('ETag', tag);
  const now = tag === undefined ? absence(key) : `The key has the version ${tag} now.`;
  sendProblem(ctx, 'precondition-failed', `${now} Nothing was changed.`, headers);
}

/** A refusal as the funnel would write it, at a third of the cost. */
function sendProblem(ctx: Koa.Context, code: ProblemCode, detail: string, headers: HeaderList): void {
  const document = problemDocument(code, detail);
  const body = JSON.stringify(document);
  ctx.respond = false;
  const length = String(Buffer.byteLength(body));
  ctx.res.writeHead(document.status, [...headers, ...PROBLEM_HEADERS, 'Content-Length', length]);
  endTogether(ctx.res, body);
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

/** A time as HTTP writes it, in whole seconds; most answers in a row share their second. */
export function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastDate.second) {
    lastDate.second = second;
    lastDate.text = new Date(second * 1000).toUTCString();
  }
  return lastDate.text;
}

const lastDate = { second: Number.NaN, text: '' };
