/**
 * `/kv/:key`: raw bytes in, raw bytes out. The hot path of the store.
 *
 * Invariants: everything about a request is checked before its body is read, and its body is there before the store is
 * asked; every answer about a valid key says which partition it is in, who served it and how.
 */
import type Koa from 'koa';
import { readBody } from '../../common/http-body.js';
import { Problem } from '../../common/problems.js';
import { TEXT_TYPE } from '../media-types.js';
import type { Delete, Done, Failed, Put, Value } from '../replication/commands.js';
import { isLive, type LiveRow } from '../replication/entry.js';
import type { Consistency } from '../replication/messages.js';
import type { ReadAnswer } from '../requests/rim.js';
import {
  type HeaderList,
  httpDate,
  JSON_HEADERS,
  sendAbsent,
  sendConditionFailed,
  servedHeaders,
} from './answers.js';
import { endTogether } from './answers-together.js';
import { matches, matchOf, namesTag, writeCondition } from './conditions.js';
import { bufferOf } from './encoding.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import { keyOfTarget } from './keys.js';
import { readConsistency, readQuery, requireNoQuery } from './query.js';
import { readRefusal, writeRefusal } from './refusals.js';
import type { Store } from './store.js';
import { isMediaType, mediaTypeOf } from './stored-type.js';
import { ttlOfText } from './ttl.js';
import { formatVersion } from './versions.js';

const FORM_TYPE = 'application/x-www-form-urlencoded';

const WRITE_PARAMETERS: readonly string[] = ['ttl'];

/** `GET`, `HEAD` */
export async function readKey(ctx: Koa.Context, store: Store): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  const partition = store.partitionOf(key);
  let consistency: Consistency = 'linearizable';
  try {
    consistency = readConsistency(url);
    const match = matchOf(ctx.req.headers);
    const answer = await store.read(key, consistency);
    if (answer.kind !== 'row') throw readRefusal(answer, store.id);
    const headers = servedHeaders(partition, answer.servedBy, consistency);
    const { row } = answer;
    if (!isLive(row)) sendAbsent(ctx, key, headers);
    else if (match !== undefined && !matches(match, formatVersion(row))) {
      sendConditionFailed(ctx, key, row, headers);
    } else sendRow(ctx, row, headers);
  } catch (error) {
    throw withServed(ctx, error, servedHeaders(partition, store.id, consistency));
  }
}

/** Answers a linearizable read without a condition. Throws the refusal if there is no answer. */
export function sendRead(
  ctx: Koa.Context,
  key: string,
  partition: number,
  answer: ReadAnswer,
  me: string,
): void {
  if (answer.kind !== 'row') throw withServed(ctx, readRefusal(answer, me), servedHeaders(partition, me));
  const headers = servedHeaders(partition, answer.servedBy);
  if (isLive(answer.row)) sendRow(ctx, answer.row, headers);
  else sendAbsent(ctx, key, headers);
}

/** `PUT`, `POST` */
export async function writeKey(ctx: Koa.Context, store: Store, maxValueBytes: number): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  const partition = store.partitionOf(key);
  try {
    const ttl = readQuery(url, WRITE_PARAMETERS).get('ttl');
    const options = ttl === undefined ? undefined : { ttlMs: ttlOfText(ttl) };
    const condition = writeCondition(ctx.req.headers);
    const token = idempotencyKeyOf(ctx.req);
    const value = await readValue(ctx, maxValueBytes);
    const put: Put = { kind: 'put', key, value, ...options };
    const command = condition === undefined ? put : { ...put, condition };
    const answer = await store.write({ command, token });
    if (answer.kind !== 'result') throw writeRefusal(answer, store.id);
    const { result, servedBy } = answer;
    const headers = servedHeaders(partition, servedBy);
    if (result.kind === 'failed') sendFailed(ctx, key, result, headers);
    else sendWritten(ctx, key, result, headers);
  } catch (error) {
    throw withServed(ctx, error, servedHeaders(partition, store.id));
  }
}

/** `DELETE` */
export async function deleteKey(ctx: Koa.Context, store: Store): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  const partition = store.partitionOf(key);
  try {
    requireNoQuery(url);
    const condition = writeCondition(ctx.req.headers);
    const remove: Delete = { kind: 'delete', key };
    const command = condition === undefined ? remove : { ...remove, condition };
    const answer = await store.write({ command, token: idempotencyKeyOf(ctx.req) });
    if (answer.kind !== 'result') throw writeRefusal(answer, store.id);
    const { result, servedBy } = answer;
    const headers = servedHeaders(partition, servedBy);
    if (result.kind === 'failed') sendFailed(ctx, key, result, headers);
    else if (result.existed) sendDeleted(ctx, headers);
    else sendAbsent(ctx, key, headers);
  } catch (error) {
    throw withServed(ctx, error, servedHeaders(partition, store.id));
  }
}

/** The type to store: text where the client named none, or the one of forms, which `curl -d` sends for everything. */
function mediaTypeToStore(contentType: string | undefined): string {
  if (contentType === undefined || contentType === '') return TEXT_TYPE;
  if (contentType.slice(0, FORM_TYPE.length).toLowerCase() === FORM_TYPE) return TEXT_TYPE;
  if (isMediaType(contentType)) return contentType;
  throw new Problem('invalid-request', 'Content-Type takes at most 255 characters of printable ASCII.');
}

async function readValue(ctx: Koa.Context, maxValueBytes: number): Promise<Value> {
  const type = mediaTypeToStore(ctx.req.headers['content-type']);
  return { bytes: await readBody(ctx.req, maxValueBytes, 'value-too-large'), type };
}

/** What is refused gets the headers of an answer about that key too; the funnel writes it, and its own headers win. */
function withServed(ctx: Koa.Context, error: unknown, headers: HeaderList): unknown {
  for (let i = 0; i < headers.length; i += 2) ctx.set(headers[i] as string, headers[i + 1] as string);
  return error;
}

/** A stored page must never run as ours, and a cache must ask whether it still holds the newest. */
const SAFELY_SHOWN = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  'sandbox',
  'Cache-Control',
  'no-cache',
] as const;

/** Answers with a value, or that the client has it. */
function sendRow(ctx: Koa.Context, row: LiveRow, headers: HeaderList): void {
  const { res, req } = ctx;
  const asked = req.headers['if-none-match'];
  const tag = `"${formatVersion(row)}"`;
  headers.push('ETag', tag, 'Last-Modified', httpDate(row.ts), ...SAFELY_SHOWN);
  if (row.expiresAtMs !== undefined) headers.push('Expires', new Date(row.expiresAtMs).toUTCString());
  ctx.respond = false;
  if (asked !== undefined && namesTag(asked, formatVersion(row))) {
    endTogether(res.writeHead(304, headers));
    return;
  }
  const bytes = bufferOf(row.value.bytes);
  headers.push('Content-Type', mediaTypeOf(row.value), 'Content-Length', String(bytes.length));
  res.writeHead(200, headers);
  endTogether(res, bytes);
}

function sendWritten(ctx: Koa.Context, key: string, done: Done, headers: HeaderList): void {
  const version = formatVersion(done.version);
  const body = Buffer.from(`{"key":${JSON.stringify(key)},"version":"${version}"}`);
  const length = String(body.length);
  ctx.respond = false;
  headers.push(...JSON_HEADERS, 'ETag', `"${version}"`, 'Content-Length', length);
  ctx.res.writeHead(done.existed ? 200 : 201, headers);
  endTogether(ctx.res, body);
}

function sendDeleted(ctx: Koa.Context, headers: HeaderList): void {
  ctx.respond = false;
  endTogether(ctx.res.writeHead(204, headers));
}

/** Storing and deleting fail for no other reason than their condition. */
function sendFailed(ctx: Koa.Context, key: string, failed: Failed, headers: HeaderList): void {
  if (failed.reason !== 'condition') throw new Error(`a write failed with '${failed.reason}'`);
  sendConditionFailed(ctx, key, failed.actual, headers);
}
