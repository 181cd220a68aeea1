/**
 * `GET /kv/:key` where it is simple: no condition, no query, nothing to decode, and this peer can answer at once. It is
 * answered before the router, which costs as much as all the rest of such a request.
 *
 * Invariant: whatever is not that simple is left to the handler that the router finds, which answers the same.
 */
import type Koa from 'koa';
import { nameRoute } from '../../common/http-metrics.js';
import { servedHeaders } from './answers.js';
import { isLive, sendRow } from './one-key.js';
import type { Store } from './store.js';

/** A key that stands in the target as it is: printable ASCII but for `#`, `%`, `/` and `?`. */
const PLAIN_TARGET = /^\/kv\/(?!all-data$)([!"$&-.0->@-~]{1,1024})$/;

const ANSWERED = Promise.resolve();

/** The middleware, to stand before the router; `route` is the name that its requests are counted by. */
export function plainReads(store: Store, route: string): Koa.Middleware {
  return (ctx, next) => {
    const { method, url, headers } = ctx.req;
    const key = method === 'GET' ? PLAIN_TARGET.exec(url as string)?.[1] : undefined;
    const isConditional = headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined;
    if (key === undefined || isConditional) return next();
    const answer = store.readNow(key);
    if (answer?.kind !== 'row' || !isLive(answer.row)) return next();
    nameRoute(ctx, route);
    sendRow(ctx, answer.row, servedHeaders(store.partitionOf(key), answer.servedBy));
    return ANSWERED;
  };
}
