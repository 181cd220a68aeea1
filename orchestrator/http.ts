/**
 * What the orchestrator answers over HTTP. `api.md` of the design is its contract.
 *
 * Invariants: only who carries the cluster's secret changes anything; reports are checked wholly before the manager
 * hears of them; looking in shows only what is committed.
 */
import Router, { type RouterContext, type RouterMiddleware } from '@koa/router';
import Koa from 'koa';
import type { z } from 'zod';
import { MAX_CONTROL_BYTES, registrationSchema, reportsSchema } from '../common/control.js';
import type { ReportEnvelope } from '../common/control-messages.js';
import { readJson } from '../common/http-body.js';
import { refuseWebPage, requireLoopbackHost } from '../common/http-origin.js';
import { problemFunnel } from '../common/http-server.js';
import type { Logger } from '../common/log.js';
import { Problem } from '../common/problems.js';
import { requireInside } from '../common/secret.js';
import { requireOurs, requireOwnName } from './admission.js';
import { changeNode, forceRebuild, movePartition, type OperatorDesk } from './operator-routes.js';
import { membersReport, type Outlook, partitionsReport, readinessReport, statusReport } from './reports.js';

const MAX_REGISTRATION_BYTES = 16 * 1024;

export interface HttpParts extends OperatorDesk {
  readonly cluster: string;
  /** The cluster's secret; without one only this machine speaks for the inside. */
  readonly secret: string | null;
  readonly log: Logger;
  /** Takes a peer's report that passed all checks. */
  receive(report: ReportEnvelope): void;
  /** All metrics as text, with its type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

/** The parameters that a path takes; no other takes any. */
const PARAMETERS: readonly (readonly [path: RegExp, name: string])[] = [
  [/^\/readyz$/, 'verbose'],
  [/^\/partitions\/[^/]+\/force-rebuild$/, 'accept-loss'],
];

/** The application that answers peers and people. */
export function createHttpApp(parts: HttpParts): Koa {
  const { log, secret } = parts;
  const app = new Koa();
  // What goes wrong in a handler is answered and logged by the funnel; what comes here is a connection that broke.
  app.on('error', (error: unknown) => log.debug({ err: error }, 'a connection ended early'));
  const router = new Router();
  const inside: RouterMiddleware = (ctx, next) => {
    requireInside(ctx.req, secret);
    // Without a secret, being on this machine is enough; but a page in this machine's browser is not of the inside.
    refuseWebPage(ctx.req);
    return next();
  };
  forPeers(router, inside, parts);
  forOperators(router, inside, parts);
  forEverybody(router, parts);
  app.use(problemFunnel(log));
  if (secret === null) {
    app.use((ctx, next) => {
      requireLoopbackHost(ctx.req);
      return next();
    });
  }
  app.use(requireKnownQuery);
  app.use(router.routes() as Koa.Middleware);
  app.use(router.allowedMethods() as Koa.Middleware);
  return app;
}

function forPeers(router: Router, inside: RouterMiddleware, parts: HttpParts): void {
  const { cluster, secret } = parts;
  router.post('/register', inside, async (ctx) => {
    const body = await readJson(ctx.req, MAX_REGISTRATION_BYTES);
    const registration = checked(registrationSchema, body, 'invalid-registration');
    requireOurs(registration, cluster, secret);
    requireOwnName(registration, parts.outlook().status);
    parts.receive(registration);
    ctx.status = 204;
  });
  router.post('/reports', inside, async (ctx) => {
    const body = await readJson(ctx.req, MAX_CONTROL_BYTES);
    const { reports } = checked(reportsSchema, body, 'invalid-request');
    for (const report of reports) requireOurs(report, cluster, secret);
    for (const report of reports) parts.receive(report);
    ctx.status = 204;
  });
}

function forOperators(router: Router, inside: RouterMiddleware, desk: OperatorDesk): void {
  for (const type of ['drain', 'undrain', 'forget'] as const) {
    router.post(`/nodes/:id/${type}`, inside, changeNode(desk, type));
  }
  router.post('/partitions/:n/move', inside, movePartition(desk));
  router.post('/partitions/:n/force-rebuild', inside, forceRebuild(desk));
}

function forEverybody(router: Router, parts: HttpParts): void {
  router.get('/all-nodes', (ctx) => sendJson(ctx, 200, membersReport(parts.outlook())));
  router.get('/partitions', (ctx) => sendJson(ctx, 200, partitionsReport(parts.outlook())));
  router.get('/status', (ctx) => sendJson(ctx, 200, statusReport(parts.outlook())));
  router.get('/livez', (ctx) => sendJson(ctx, 200, { status: 'live' }));
  router.get('/readyz', (ctx) => readyz(ctx, parts.outlook()));
  router.get('/metrics', async (ctx) => {
    const { type, text } = await parts.metrics();
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Content-Type', type);
    ctx.body = text;
  });
  router.get('/', (ctx) => welcome(ctx, parts.outlook()));
}

const requireKnownQuery: Koa.Middleware = (ctx, next) => {
  for (const name of new URLSearchParams(ctx.querystring).keys()) {
    if (PARAMETERS.some(([path, known]) => name === known && path.test(ctx.path))) continue;
    throw new Problem('invalid-query', `Unknown parameter ?${name.slice(0, 100)}.`);
  }
  return next();
};

function readyz(ctx: Koa.Context, outlook: Outlook): void {
  const checks = readinessReport(outlook);
  const verbose = new URLSearchParams(ctx.querystring).has('verbose');
  const failed = checks.filter((check) => !check.ok);
  if (failed.length === 0) {
    sendJson(ctx, 200, verbose ? { status: 'ready', checks } : { status: 'ready' });
    return;
  }
  const why = failed.map((check) => `${check.name}: ${check.detail}`).join('; ');
  const problem = new Problem('not-ready', `Not ready. ${why}`, { 'Retry-After': '1' });
  if (!verbose) throw problem;
  ctx.set(problem.headers);
  sendJson(ctx, problem.status, { ...problem.toJSON(), checks });
  ctx.type = 'application/problem+json';
}

function welcome(ctx: Koa.Context, { status, url }: Outlook): void {
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.type = 'text/plain; charset=utf-8';
  ctx.body = `Covey, a peer-to-peer key-value store. This is the orchestrator of cluster ${status.map.clusterId}: it knows
who is there and who owns what, and holds no data. Keys are asked of the peers.

  curl ${url}/all-nodes
  curl ${url}/partitions
  curl ${url}/status
  curl ${url}/readyz?verbose
  curl ${url}/metrics

Whoever has the cluster's secret empties a node, and takes that back:

  curl -X POST ${url}/nodes/ID/drain -H "Authorization: Bearer $COVEY_SECRET"
  curl -X POST ${url}/nodes/ID/undrain -H "Authorization: Bearer $COVEY_SECRET"
`;
}

/** @throws Problem that names the field and says what is wrong with it. */
function checked<S extends z.ZodType>(
  schema: S,
  body: unknown,
  code: 'invalid-registration' | 'invalid-request',
): z.infer<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new Problem(code, `${where}${issue?.message}.`);
}

function sendJson(ctx: Koa.Context | RouterContext, status: number, value: unknown): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(value);
}
