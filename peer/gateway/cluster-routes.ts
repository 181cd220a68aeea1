/**
 * What a peer tells about itself and its cluster, and what the orchestrator says to it.
 *
 * Invariant: only who carries the cluster's secret can change the view; nothing said here is a secret.
 */
import type Koa from 'koa';
import type { Health } from '../../common/control.js';
import { readJson } from '../../common/http-body.js';
import { Problem } from '../../common/problems.js';
import { requireInside } from '../../common/secret.js';
import { type View, viewSchema } from '../../common/view.js';
import { sendJson, servedHeaders } from './answers.js';
import { keyOfTarget } from './keys.js';
import { readQuery, requireNoQuery } from './query.js';
import type { Store } from './store.js';

/** What the orchestrator asks of the peer. */
export interface Inside {
  health(): Health;
  /** Follows the view if it is newer. Throws a Problem where it is not this peer's to follow. */
  adopt(view: View): void;
}

/** A view of 10,000 members with names as long as they may be takes about 6 MiB. */
const MAX_VIEW_BYTES = 8 * 1024 * 1024;

/** `GET /all-nodes` */
export function allNodes(ctx: Koa.Context, store: Store): void {
  requireNoQuery(ctx.req.url as string);
  sendJson(ctx, 200, JSON.stringify(store.cluster()));
}

/** `GET /all-nodes/:key` */
export async function holdersOf(ctx: Koa.Context, store: Store): Promise<void> {
  const url = ctx.req.url as string;
  const key = keyOfTarget(url);
  requireNoQuery(url);
  const partition = store.partitionOf(key);
  const nodes = await store.holders(key);
  sendJson(ctx, 200, JSON.stringify({ key, partition, nodes }), servedHeaders(partition, store.id));
}

/** `GET /livez`: the process runs, as this answer shows. */
export function livez(ctx: Koa.Context): void {
  requireNoQuery(ctx.req.url as string);
  sendJson(ctx, 200, '{"status":"live"}');
}

/** `GET /readyz`: whether it may serve; with `?verbose`, each check by name. */
export function readyz(ctx: Koa.Context, store: Store): void {
  const verbose = readQuery(ctx.req.url as string, ['verbose']).has('verbose');
  const checks = store.readiness();
  const failed = checks.filter((check) => !check.ok);
  if (failed.length === 0) {
    sendJson(ctx, 200, JSON.stringify(verbose ? { status: 'ready', checks } : { status: 'ready' }));
    return;
  }
  const why = failed.map((check) => `${check.name}: ${check.detail}`).join('; ');
  const problem = new Problem('not-ready', `Not ready yet. ${why}`, { 'Retry-After': '1' });
  if (!verbose) throw problem;
  ctx.status = problem.status;
  ctx.set(problem.headers);
  ctx.body = JSON.stringify({ ...problem.toJSON(), checks });
  ctx.type = 'application/problem+json';
}

/** `GET /health` */
export function health(ctx: Koa.Context, inside: Inside): void {
  requireNoQuery(ctx.req.url as string);
  sendJson(ctx, 200, JSON.stringify(inside.health()));
}

/** `POST /view` */
export async function takeView(ctx: Koa.Context, inside: Inside, secret: string | null): Promise<void> {
  requireInside(ctx.req, secret);
  requireNoQuery(ctx.req.url as string);
  const parsed = viewSchema.safeParse(await readJson(ctx.req, MAX_VIEW_BYTES));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Problem('invalid-request', `Not a view: ${issue?.path.join('.')}: ${issue?.message}.`);
  }
  inside.adopt(parsed.data);
  ctx.status = 204;
}

/** `GET /`: what a stranger sees who opens the address. */
export function welcome(ctx: Koa.Context, store: Store): void {
  const { localAddress, localPort } = ctx.req.socket;
  const host = ctx.req.headers.host ?? '';
  const base = PLAIN_HOST.test(host) ? host : `${localAddress}:${localPort}`;
  ctx.type = 'text/plain; charset=utf-8';
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.body = `Covey, a peer-to-peer key-value store. This is ${store.id}; every peer answers for every key.

  curl -X PUT http://${base}/kv/best_movie -H 'Content-Type: text/plain' --data-raw 'Lord of the rings'
  curl http://${base}/kv/best_movie
  curl http://${base}/all-nodes
  curl http://${base}/all-nodes/best_movie
  curl http://${base}/kv/all-data
  curl http://${base}/set -H 'Content-Type: application/json' -d '[{"key":"hi","value":"hello"}]'
  curl http://${base}/get -H 'Content-Type: application/json' -d '[{"key":"hi"},{"key":"hi5"}]'

The README lists the rest.
`;
}

const PLAIN_HOST = /^[A-Za-z0-9.:[\]-]{1,255}$/;
