/**
 * `/kv/:key`: raw bytes in, raw bytes out. The hot path of the store.
 *
 * Invariants: everything about a request is checked before its body is read, and its body is there before the store is
 * asked; every answer about a valid key says which partition it is in and who served it.
 */
import type Koa from 'koa';
import { readBody } from '../../common/http-body.js';
import { Problem } from '../../common/problems.js';
import { formatVersion, type StoredRecord, type StoredValue } from '../../common/records.js';
import { httpDate, JSON_HEADERS, refusal, sendAbsent, servedHeaders } from './answers.js';
import { namesTag, requirePlainRead, requirePlainWrite } from './conditions.js';
import { TEXT_TYPE } from './encoding.js';
import { keyOfTarget } from './keys.js';
import { requireNoQuery } from './query.js';
import type { Store } from './store.js';

const FORM_TYPE = 'application/x-www-form-urlencoded';

/** What a stored media type may look like: printable ASCII, so that it can stand in a header as it came. */
const HEADER_VALUE = /^[\x20-\x7e]{1,255}$/;

/** The handlers of `/kv/:key`, by what they do. */
export interface OneKey {
  read(ctx: Koa.Context): Promise<void>;
  write(ctx: Koa.Context): Promise<void>;
  remove(ctx: Koa.Context): Promise<void>;
}

/** Handlers that serve single keys of the store. */
export function oneKey(store: Store, maxValueBytes: number): OneKey {
  return {
    read: (ctx) =>
      withKey(ctx, store, async (key, partition) => {
        requirePlainRead(ctx.req.headers);
        const { outcome, servedBy } = await store.execute({ type: 'get', key });
        if (outcome.type === 'found') sendRecord(ctx, outcome.record, partition, servedBy);
        else if (outcome.type === 'absent') sendAbsent(ctx, key, servedHeaders(partition, servedBy));
        else throw refusal(key, outcome, servedBy);
      }),
    write: (ctx) =>
      withKey(ctx, store, async (key, partition) => {
        requirePlainWrite(ctx.req.headers);
        const value = await readValue(ctx, maxValueBytes);
        const { outcome, servedBy } = await store.execute({ type: 'put', key, value });
        if (outcome.type !== 'written') throw refusal(key, outcome, servedBy);
        const version = formatVersion(outcome.version);
        const body = `{"key":${JSON.stringify(key)},"version":"${version}"}`;
        ctx.respond = false;
        ctx.res.writeHead(outcome.created ? 201 : 200, [
          ...servedHeaders(partition, servedBy),
          ...JSON_HEADERS,
          'ETag',
          `"${version}"`,
          'Content-Length',
          String(Buffer.byteLength(body)),
        ]);
        ctx.res.end(body);
      }),
    remove: (ctx) =>
      withKey(ctx, store, async (key, partition) => {
        requirePlainWrite(ctx.req.headers);
        const { outcome, servedBy } = await store.execute({ type: 'delete', key });
        if (outcome.type !== 'deleted') throw refusal(key, outcome, servedBy);
        ctx.respond = false;
        ctx.res.writeHead(204, servedHeaders(partition, servedBy));
        ctx.res.end();
      }),
  };
}

/** Media types that name no type of the value, and what they stand for. */
function storedType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === '') return TEXT_TYPE;
  if (contentType.slice(0, FORM_TYPE.length).toLowerCase() === FORM_TYPE) return TEXT_TYPE;
  if (HEADER_VALUE.test(contentType)) return contentType;
  throw new Problem('invalid-request', 'Content-Type takes at most 255 characters of printable ASCII.');
}

async function readValue(ctx: Koa.Context, maxValueBytes: number): Promise<StoredValue> {
  const contentType = storedType(ctx.req.headers['content-type']);
  const bytes = await readBody(ctx.req, maxValueBytes, 'value-too-large');
  return { bytes, contentType, encoding: '' };
}

/** Runs a handler for the key in the path; what it refuses gets the headers of an answer about that key. */
async function withKey(
  ctx: Koa.Context,
  store: Store,
  handle: (key: string, partition: number) => Promise<void>,
): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  const partition = store.partitionOf(key);
  try {
    requireNoQuery(url);
    await handle(key, partition);
  } catch (error) {
    setServed(ctx, partition, store.id);
    throw error;
  }
}

/** For refusals, which the funnel writes and whose own headers win over these. */
function setServed(ctx: Koa.Context, partition: number, servedBy: string): void {
  const headers = servedHeaders(partition, servedBy);
  for (let i = 0; i < headers.length; i += 2) ctx.set(headers[i] as string, headers[i + 1] as string);
}

function sendRecord(ctx: Koa.Context, record: StoredRecord, partition: number, servedBy: string): void {
  const { res, req } = ctx;
  const version = formatVersion(record.version);
  const asked = req.headers['if-none-match'];
  const headers = servedHeaders(partition, servedBy);
  headers.push('ETag', `"${version}"`, 'Last-Modified', httpDate(record.modifiedMs), ...VALUE_HEADERS);
  ctx.respond = false;
  if (asked !== undefined && namesTag(asked, version)) {
    res.writeHead(304, headers);
    res.end();
    return;
  }
  headers.push('Content-Type', record.contentType, 'Content-Length', String(record.bytes.length));
  res.writeHead(200, headers);
  if (record.bytes.length <= ONE_WRITE_BYTES) res.end(record.bytes.toString('latin1'), 'latin1');
  else res.end(record.bytes);
}

/** A stored page must never run as ours, and a cache must ask whether it still holds the newest. */
const VALUE_HEADERS: readonly string[] = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  'sandbox',
  'Cache-Control',
  'no-cache',
];

/** Up to this size head and value leave as one string: one write instead of two, for the price of a copy. */
const ONE_WRITE_BYTES = 4096;
