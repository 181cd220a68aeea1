/**
 * The HTTP gateway of a peer: which request goes to which handler. `api.md` of the design is its contract.
 *
 * Invariants: every path and method either has a handler or is refused with a reason; paths are matched as they came,
 * without decoding, so that an escaped slash never becomes a separator.
 */
import Router from '@koa/router';
import Koa from 'koa';
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
  takeView,
  welcome,
} from './cluster-routes.js';
import { getMany, getOne } from './get.js';
import { listKeys, ownData } from './listing.js';
import { oneKey } from './one-key.js';
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
  readonly log: Logger;
}

type Handler = (ctx: Koa.Context) => void | Promise<void>;

/** One segment, but the one that means the node's data. `%2F` and `all%2Ddata` are keys. */
const ONE_KEY = /^\/kv\/(?!all-data$)[^/]*$/;

/** The application that answers the clients of a peer. */
export function createGateway(parts: GatewayParts): Koa {
  const app = new Koa();
  // What goes wrong in a handler is answered and logged by the funnel; what comes here is a connection that broke.
  app.on('error', (error: unknown) => parts.log.debug({ err: error }, 'a connection ended early'));
  app.use(problemFunnel(parts.log));
  app.use(takeTarget);
  app.use(routes(parts).routes() as Koa.Middleware);
  app.use(refuseUnmatched);
  return app;
}

function routes({ store, inside, secret, maxValueBytes }: GatewayParts): Router {
  const router = new Router();
  const one = oneKey(store, maxValueBytes);
  const serve = (methods: readonly string[], path: RegExp, handler: Handler) => {
    router.register(path, [...methods], (ctx) => handler(ctx as unknown as Koa.Context), {
      pathAsRegExp: true,
    });
  };
  serve(['GET', 'HEAD'], ONE_KEY, one.read);
  serve(['PUT', 'POST'], ONE_KEY, one.write);
  serve(['DELETE'], ONE_KEY, one.remove);
  serve(['GET', 'HEAD'], /^\/kv\/all-data$/, (ctx) => ownData(ctx, store));
  serve(['GET', 'HEAD'], /^\/kv$/, (ctx) => listKeys(ctx, store));
  serve(['POST'], /^\/set$/, (ctx) => setMany(ctx, store, maxValueBytes));
  serve(['POST'], /^\/get$/, (ctx) => getMany(ctx, store));
  serve(['GET', 'HEAD'], /^\/get\/[^/]*$/, (ctx) => getOne(ctx, store));
  serve(['GET', 'HEAD'], /^\/all-nodes$/, (ctx) => allNodes(ctx, store));
  serve(['GET', 'HEAD'], /^\/all-nodes\/[^/]*$/, (ctx) => holdersOf(ctx, store));
  serve(['GET', 'HEAD'], /^\/livez$/, livez);
  serve(['GET', 'HEAD'], /^\/readyz$/, (ctx) => readyz(ctx, store));
  serve(['GET', 'HEAD'], /^\/health$/, (ctx) => health(ctx, inside));
  serve(['POST'], /^\/view$/, (ctx) => takeView(ctx, inside, secret));
  serve(['GET', 'HEAD'], /^\/$/, (ctx) => welcome(ctx, store));
  return router;
}

/** Brings the target to one form, and has the router match what came instead of what Koa makes of it. */
const takeTarget: Koa.Middleware = (ctx, next) => {
  const url = originForm(ctx.req.url as string);
  ctx.req.url = url;
  ctx.newRouterPath = rawPath(url);
  return next();
};

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
  if (path === '/drain' || path === '/metrics') {
    return new Problem('not-implemented', `${path} is not served yet.`);
  }
  if (/^\/(?:kv|get|all-nodes)\/./.test(path)) {
    return new Problem('not-found', 'A key is one segment of the path: write a slash in it as %2F.');
  }
  return new Problem('not-found', `There is nothing at ${path.slice(0, 200)}; GET / names what there is.`);
}
