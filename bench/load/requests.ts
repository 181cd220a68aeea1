/** The HTTP requests that a load sends, to Covey and to etcd, and in which order. */
import { chooser, type Distribution } from './keys.js';
import { seeded } from './random.js';

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  /** ASCII, with its type; absent: none. */
  readonly body?: { readonly type: string; readonly text: string };
}

/** A way to say `read` and `write` over HTTP. */
export interface Dialect {
  read(key: string): Request;
  write(key: string, value: string): Request;
}

/** Requests as they go over the wire, and the operations made of them: each a list of requests, one after the other. */
export interface Load {
  readonly requests: readonly string[];
  readonly operations: readonly (readonly number[])[];
}

/** Shares of operations, as YCSB's core workloads have them (Cooper et al., SoCC 2010, table 2). */
export interface Mix {
  readonly reads: number;
  readonly writes: number;
  /** Reads of a key, each followed by a write of it. */
  readonly readModifyWrites: number;
}

export const READS: Mix = { reads: 1, writes: 0, readModifyWrites: 0 };
export const WRITES: Mix = { reads: 0, writes: 1, readModifyWrites: 0 };
export const YCSB: Readonly<Record<'A' | 'B' | 'C' | 'F', Mix>> = {
  A: { reads: 0.5, writes: 0.5, readModifyWrites: 0 },
  B: { reads: 0.95, writes: 0.05, readModifyWrites: 0 },
  C: READS,
  F: { reads: 0.5, writes: 0, readModifyWrites: 0.5 },
};

/** Operations before a load begins anew. */
const OPERATIONS = 20_000;
const SEED = 20_261_121;
/** What values are made of: all of it is the same in JSON, base64 apart. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const COVEY: Dialect = {
  read: (key) => ({ method: 'GET', path: `/kv/${key}` }),
  write: (key, value) => ({
    method: 'PUT',
    path: `/kv/${key}`,
    body: { type: 'text/plain', text: value },
  }),
};

/** The JSON gateway of etcd 3.4 and later; reads are linearizable unless told otherwise. */
export const ETCD: Dialect = {
  read: (key) => jsonRequest('/v3/kv/range', { key: base64(key) }),
  write: (key, value) => jsonRequest('/v3/kv/put', { key: base64(key), value: base64(value) }),
};

/** A load of the keys, all chosen by the seed alone: the same operations in every dialect. */
export function makeLoad(
  dialect: Dialect,
  keys: readonly string[],
  valueBytes: number,
  mix: Mix,
  distribution: Distribution = 'uniform',
): Load {
  const random = seeded(SEED);
  const choose = chooser(distribution, keys.length, random);
  const value = letters(valueBytes);
  const requests = new Gathered();
  const read = (key: number) => requests.number(`read ${key}`, () => dialect.read(keys[key] as string));
  const write = (key: number) =>
    requests.number(`write ${key}`, () => dialect.write(keys[key] as string, value));
  const operations = Array.from({ length: OPERATIONS }, () => {
    const kind = random();
    const key = choose();
    if (kind < mix.reads) return [read(key)];
    return kind < mix.reads + mix.writes ? [write(key)] : [read(key), write(key)];
  });
  return { requests: requests.all, operations };
}

/** Requests that are there once each, made when they are first asked for. */
class Gathered {
  readonly all: string[] = [];
  private readonly numbers = new Map<string, number>();

  number(name: string, make: () => Request): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    this.numbers.set(name, this.all.length);
    return this.all.push(wire(make())) - 1;
  }
}

/** So many keys, all of one length. */
export function keyNames(count: number, prefix = 'bench'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(7, '0')}`);
}

/** Letters and digits, so many. */
export function letters(bytes: number): string {
  return LETTERS.repeat(Math.ceil(bytes / LETTERS.length)).slice(0, bytes);
}

/** A request whose body is JSON. */
export function jsonRequest(path: string, body: unknown): Request {
  return { method: 'POST', path, body: { type: 'application/json', text: JSON.stringify(body) } };
}

/** The request as HTTP/1.1 has it. */
export function wire({ method, path, body }: Request): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
  if (body === undefined) return `${head}\r\n`;
  const { type, text } = body;
  return `${head}Content-Type: ${type}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

/** The load as wrk.lua reads it: both counts, each request after its length, each operation a line of request numbers from 1. */
export function loadText({ requests, operations }: Load): string {
  return [
    `${requests.length} ${operations.length}\n`,
    ...requests.map((request) => `${request.length}\n${request}`),
    ...operations.map((operation) => `${operation.map((number) => number + 1).join(' ')}\n`),
  ].join('');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
