/**
 * The HTTP gateway of a peer: which request goes to which handler. `api.md` of the design is its contract.
 *
 * Invariants: every path and method either has a handler or is refused with a reason; paths are matched as they came,
 * without decoding, so that an escaped slash never becomes a separator; nothing is done for a web page from elsewhere.
 */
import Router from '@koa/router';
import type Koa from 'koa';
import type { Clock } from '../../common/clock.js';
import { HttpMetrics, nameRoute } from '../../common/http-metrics.js';
import { requireLoopbackHost, requireSameOrigin } from '../../common/http-origin.js';
import { problemFunnel } from '../../common/http-server.js';
import type { Logger } from '../../common/log.js';
import { Problem } from '../../common/problems.js';
import {
  allNodes,
  health,
  holdersOf,
  type Inside,
  livez,
  readyz,
  showMetrics,
  welcome,
} from './cluster-routes.js';
import { DirectKoa } from './direct-koa.js';
import { getMany, getOne } from './get.js';
import { listKeys, OwnData } from './listing.js';
import { deleteKey, readKey, writeKey } from './one-key.js';
import { plainFailures, plainReads } from './plain-reads.js';
import { setMany } from './set.js';
import type { Store } from './store.js';
import { originForm, rawPath } from './target.js';

/** What the gateway stands on. */
export interface GatewayParts {
  readonly store: Store;
  readonly inside: Inside;
  /** The cluster's secret; without one only this machine speaks for the inside. */
  readonly secret: string | null;
  readonly maxValueBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

type Handler = (ctx: Koa.Context) => void | Promise<void>;

const READ: readonly string[] = ['GET', 'HEAD'];

const ONE_KEY_ROUTE = '/kv/:key';

/** One segment, but the one that means the node's data. `%2F` and `all%2Ddata` are keys. */
const ONE_KEY = /^\/kv\/(?!all-data$)[^/]*$/;

/** Methods that change nothing, for whomever they are asked. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The application that answers the clients of a peer. */
export function createGateway(parts: GatewayParts): Koa {
  const { store, log, clock, inside } = parts;
  const thisMachineOnly = parts.secret === null;
  const metrics = new HttpMetrics(clock, () => inside.gauges());
  const app = new DirectKoa();
  // What goes wrong in a handler is answered and logged by the funnel; what comes here is a connection that broke.
  app.on('error', (error: unknown) => log.debug({ err: error }, 'a connection ended early'));
  app.use(plainReads({ store, metrics, clock, thisMachineOnly, route: ONE_KEY_ROUTE }));
  app.use(metrics.middleware);
  app.use(problemFunnel(log));
  app.use(takeTarget(thisMachineOnly));
  app.use(plainFailures(ONE_KEY_ROUTE));
  app.use(routes(parts, metrics).routes() as Koa.Middleware);
  app.use(refuseUnmatched);
  return app;
}

function routes({ store, inside, maxValueBytes }: GatewayParts, metrics: HttpMetrics): Router {
  const router = new Router();
  const serve = (methods: readonly string[], name: string, path: RegExp, handler: Handler) => {
    const run = (ctx: Koa.Context) => {
      nameRoute(ctx, name);
      return handler(ctx);
    };
    router.register(path, [...methods], (ctx) => run(ctx as unknown as Koa.Context), { pathAsRegExp: true });
  };
  serve(READ, ONE_KEY_ROUTE, ONE_KEY, (ctx) => readKey(ctx, store));
  serve(['PUT', 'POST'], ONE_KEY_ROUTE, ONE_KEY, (ctx) => writeKey(ctx, store, maxValueBytes));
  serve(['DELETE'], ONE_KEY_ROUTE, ONE_KEY, (ctx) => deleteKey(ctx, store));
  const ownData = new OwnData(store);
  serve(READ, '/kv/all-data', /^\/kv\/all-data$/, (ctx) => ownData.serve(ctx));
  serve(READ, '/kv', /^\/kv$/, (ctx) => listKeys(ctx, store));
  serve(['POST'], '/set', /^\/set$/, (ctx) => setMany(ctx, store, maxValueBytes));
  serve(['POST'], '/get', /^\/get$/, (ctx) => getMany(ctx, store));
  serve(READ, '/get/:key', /^\/get\/[^/]*$/, (ctx) => getOne(ctx, store));
  serve(READ, '/all-nodes', /^\/all-nodes$/, (ctx) => allNodes(ctx, store));
  serve(READ, '/all-nodes/:key', /^\/all-nodes\/[^/]*$/, (ctx) => holdersOf(ctx, store));
  serve(READ, '/livez', /^\/livez$/, livez);
  serve(READ, '/readyz', /^\/readyz$/, (ctx) => readyz(ctx, store));
  serve(READ, '/health', /^\/health$/, (ctx) => health(ctx, inside));
  serve(READ, '/metrics', /^\/metrics$/, (ctx) => showMetrics(ctx, metrics));
  serve(READ, '/', /^\/$/, (ctx) => welcome(ctx, store));
  return router;
}

/** Refuses web pages, brings the target to one form, and has the router match what came instead of what Koa makes of it. */
function takeTarget(thisMachineOnly: boolean): Koa.Middleware {
  return (ctx, next) => {
    const { req } = ctx;
    if (thisMachineOnly) requireLoopbackHost(req);
    if (!SAFE.has(req.method as string)) requireSameOrigin(req);
    const url = originForm(req.url as string);
    req.url = url;
    ctx.newRouterPath = rawPath(url);
    return next();
  };
}

/** Reached only by what no route took. */
const refuseUnmatched: Koa.Middleware = (ctx) => {
  const path: string = ctx.newRouterPath;
  const layers: readonly { readonly methods: readonly string[] }[] = ctx.matched ?? [];
  const allowed = [...new Set(layers.flatMap((layer) => layer.methods))];
  if (allowed.length === 0) throw notFound(path);
  allowed.push('OPTIONS');
  const allow = allowed.join(', ');
  if (ctx.method === 'OPTIONS') {
    ctx.set('Allow', allow);
    ctx.status = 204;
    return;
  }
  const hint = path === '/kv/all-data' ? ' The key "all-data" is written /kv/all%2Ddata.' : '';
  throw new Problem('method-not-allowed', `${ctx.method} is not for this path; allowed: ${allow}.${hint}`, {
    Allow: allow,
  });
};

function notFound(path: string): Problem {
  if (/^\/(?:kv|get|all-nodes)\/./.test(path)) {
    return new Problem('not-found', 'A key is one segment of the path: write a slash in it as %2F.');
  }
  return new Problem('not-found', `There is nothing at ${path.slice(0, 200)}; GET / names what there is.`);
}
