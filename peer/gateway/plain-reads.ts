/**
 * `GET /kv/:key` where it is simple: no condition, no query, nothing to decode. What this peer can answer at once is answered
 * before anything else; what it cannot does without the router. Each costs as much as the rest of such a request.
 *
 * Invariant: whatever is not that simple is left to the middleware that follows, which answers the same.
 */
import type { IncomingMessage } from 'node:http';
import type Koa from 'koa';
import type { Clock } from '../../common/clock.js';
import { type HttpMetrics, nameRoute } from '../../common/http-metrics.js';
import { namesThisMachine } from '../../common/http-origin.js';
import { headersProblem } from '../../common/http-server.js';
import { sendAbsent, servedHeaders } from './answers.js';
import { ANSWERED } from './direct-koa.js';
import { isLive, readKey, sendRow } from './one-key.js';
import type { Store } from './store.js';

/** A key that stands in the target as it is: printable ASCII but for `#`, `%`, `/` and `?`. */
const PLAIN_TARGET = /^\/kv\/(?!all-data$)([!"$&-.0->@-~]{1,1024})$/;

export interface PlainReadParts {
  readonly store: Store;
  readonly metrics: HttpMetrics;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Whether requests that name another machine are to be refused. */
  readonly thisMachineOnly: boolean;
  /** The name that the requests are counted by. */
  readonly route: string;
}

/** The first middleware: answers what can be answered at once. */
export function plainReads(parts: PlainReadParts): Koa.Middleware {
  const { store, metrics, clock, thisMachineOnly, route } = parts;
  return (ctx, next) => {
    const { req, res } = ctx;
    const key = plainKey(req);
    if (key === undefined || isConditional(req) || headersProblem(req) !== undefined) return next();
    if (thisMachineOnly && !namesThisMachine(req)) return next();
    const startedMs = clock.monotonicMs();
    const partition = store.partitionOf(key);
    try {
      const answer = store.readNow(key, partition);
      if (answer?.kind !== 'row') return next();
      const headers = servedHeaders(partition, answer.servedBy);
      if (isLive(answer.row)) sendRow(ctx, answer.row, headers);
      else sendAbsent(ctx, key, headers);
    } catch (error) {
      // It is thrown again where the funnel hears of it, and the metrics.
      ctx.state.failure = error;
      return next();
    }
    metrics.countAs(route, 'GET', res.statusCode, startedMs);
    return ANSWERED;
  };
}

/** The middleware before the router: takes what has to be waited for. */
export function plainRoute({ store, route }: Pick<PlainReadParts, 'store' | 'route'>): Koa.Middleware {
  return (ctx, next) => {
    if (plainKey(ctx.req) === undefined) return next();
    nameRoute(ctx, route);
    if (ctx.state.failure !== undefined) throw ctx.state.failure;
    return readKey(ctx, store);
  };
}

function plainKey({ method, url }: IncomingMessage): string | undefined {
  return method === 'GET' ? PLAIN_TARGET.exec(url as string)?.[1] : undefined;
}

function isConditional({ headers }: IncomingMessage): boolean {
  return headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined;
}
