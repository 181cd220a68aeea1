/**
 * What a peer tells about itself and its cluster.
 *
 * Invariant: nothing said here is a secret.
 */
import type Koa from 'koa';
import { type Gauge, type HttpMetrics, METRICS_TYPE } from '../../common/http-metrics.js';
import { Problem } from '../../common/problems.js';
import { sendJson, servedHeaders } from './answers.js';
import { keyOfTarget } from './keys.js';
import { readQuery, requireNoQuery } from './query.js';
import type { Store } from './store.js';
import { formatVersion } from './versions.js';

/** The peer behind the gateway, as its cluster and its operators ask of it. */
export interface Inside {
  /** What `GET /health` answers, as JSON. */
  health(): object;
  /** What `GET /metrics` shows of the peer beside its requests, as it is now. */
  gauges(): Iterable<Gauge>;
}

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
  const holders = await store.holders(key);
  const nodes = holders.map(({ version, ...holder }) => ({
    ...holder,
    version: version === null ? null : formatVersion(version),
  }));
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

/** `GET /metrics` */
export async function showMetrics(ctx: Koa.Context, metrics: HttpMetrics): Promise<void> {
  requireNoQuery(ctx.req.url as string);
  ctx.body = await metrics.text();
  ctx.type = METRICS_TYPE;
  ctx.set({ 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' });
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
