/**
 * What the orchestrator answers over HTTP. `api.md` of the design is its contract.
 *
 * Invariants: only who carries the cluster's secret changes anything; a registration is checked wholly before the
 * registry hears of it; looking in shows only what is published.
 */
import Router, { type RouterContext, type RouterMiddleware } from '@koa/router';
import Koa from 'koa';
import type { z } from 'zod';
import { leavingSchema, registrationSchema } from '../common/control.js';
import { readJson } from '../common/http-body.js';
import { problemFunnel } from '../common/http-server.js';
import type { Logger } from '../common/log.js';
import { isLoopback } from '../common/names.js';
import { Problem } from '../common/problems.js';
import { requireInside } from '../common/secret.js';
import { memberOf, type View } from '../common/view.js';
import type { Keeper } from './keeper.js';
import { membersReport, partitionsReport, readinessReport, statusReport } from './reports.js';

/** A view of `MAX_MEMBERS` members takes less, however long their names are. */
const MAX_REGISTRATION_BYTES = 2 * 1024 * 1024;
const MAX_LEAVING_BYTES = 4 * 1024;

/** Addresses that are not those of one machine that could be asked. */
const NOWHERE = /^(0\.|22[4-9]\.|23\d\.|2[45]\d\.|::$|ff)/i;

export interface HttpParts {
  readonly keeper: Keeper;
  /** The cluster's secret; without one only this machine speaks for the inside. */
  readonly secret: string | null;
  /** Where this orchestrator is asked: http://host:port. */
  url(): string;
  nowMs(): number;
  readonly log: Logger;
}

/** The application that answers peers and people. */
export function createHttpApp(parts: HttpParts): Koa {
  const { keeper, secret, log } = parts;
  const app = new Koa();
  // What goes wrong in a handler is answered and logged by the funnel; what comes here is a connection that broke.
  app.on('error', (error: unknown) => log.debug({ err: error }, 'a connection ended early'));
  const router = new Router();
  const inside: RouterMiddleware = (ctx, next) => {
    requireInside(ctx.req, secret);
    // Without a secret, being on this machine is enough; but a page in this machine's browser is not of the inside.
    if (ctx.get('Origin') !== '') throw new Problem('forbidden', 'This is not for web pages.');
    return next();
  };

  router.post('/register', inside, async (ctx) => {
    const body = await readJson(ctx.req, MAX_REGISTRATION_BYTES);
    const registration = checked(registrationSchema, body);
    requireReachable(registration.host, secret);
    sendJson(ctx, 200, await keeper.register(registration));
  });
  router.post('/leave', inside, async (ctx) => {
    const body = await readJson(ctx.req, MAX_LEAVING_BYTES);
    sendJson(ctx, 202, await keeper.leave(checked(leavingSchema, body)));
  });
  router.post('/nodes/:id/drain', inside, (ctx) => {
    if (memberOf(keeper.view, ctx.params.id ?? '') === undefined) {
      throw new Problem('node-not-found', 'There is no such peer; GET /all-nodes names them.');
    }
    throw new Problem(
      'not-implemented',
      'Draining is not built yet; a peer that gets SIGTERM hands over and stops.',
    );
  });
  router.get('/all-nodes', (ctx) => sendJson(ctx, 200, membersReport(keeper.view, parts.url())));
  router.get('/partitions', (ctx) => sendJson(ctx, 200, partitionsReport(keeper.view)));
  router.get('/status', (ctx) => sendJson(ctx, 200, statusReport(keeper, parts.url(), parts.nowMs())));
  router.get('/livez', (ctx) => sendJson(ctx, 200, { status: 'live' }));
  router.get('/readyz', (ctx) => readyz(ctx, keeper));
  router.get('/metrics', () => {
    throw new Problem(
      'not-implemented',
      'Metrics are not built yet; GET /status tells what there is to know.',
    );
  });
  router.get('/', (ctx) => welcome(ctx, keeper.view, parts.url()));

  app.use(problemFunnel(log));
  app.use(requireKnownQuery);
  app.use(router.routes() as Koa.Middleware);
  app.use(router.allowedMethods() as Koa.Middleware);
  return app;
}

const requireKnownQuery: Koa.Middleware = (ctx, next) => {
  for (const name of new URLSearchParams(ctx.querystring).keys()) {
    if (name === 'verbose' && ctx.path === '/readyz') continue;
    throw new Problem('invalid-query', `Unknown parameter ?${name.slice(0, 100)}.`);
  }
  return next();
};

function readyz(ctx: Koa.Context, keeper: Keeper): void {
  const checks = readinessReport(keeper);
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

function welcome(ctx: Koa.Context, view: View, url: string): void {
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.type = 'text/plain; charset=utf-8';
  ctx.body = `Covey, a peer-to-peer key-value store. This is the orchestrator of cluster ${view.cluster}: it knows
who is there and who owns what, and holds no data. Keys are asked of the peers.

  curl ${url}/all-nodes
  curl ${url}/partitions
  curl ${url}/status
  curl ${url}/readyz?verbose
`;
}

/** @throws Problem `invalid-registration` that names the field and says what is wrong with it. */
function checked<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new Problem('invalid-registration', `${where}${issue?.message}.`);
}

/** The orchestrator sends the cluster's secret there: it must be an address of one machine, and without a secret, of this one. */
function requireReachable(host: string, secret: string | null): void {
  if (NOWHERE.test(host)) {
    throw new Problem(
      'invalid-registration',
      `host: ${host} is not the address of a machine; set --advertise.`,
    );
  }
  if (secret === null && !isLoopback(host)) {
    throw new Problem(
      'invalid-registration',
      `host: without a secret only this machine's own addresses are taken, such as 127.0.0.1, not ${host}.`,
    );
  }
}

function sendJson(ctx: Koa.Context | RouterContext, status: number, value: unknown): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(value);
}
