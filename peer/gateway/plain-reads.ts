/**
 * `GET /kv/:key` where it is simple: no condition, no query, nothing to decode. What this peer can answer at once is answered
 * before anything else; what it cannot, when another peer has answered. Neither goes through the metrics, the funnel and the
 * router, which together cost as much as the rest of such a request.
 *
 * Invariant: whatever is not that simple, or fails, is left to the middleware that follows, which answers the same.
 */
import type { IncomingMessage } from 'node:http';
import type Koa from 'koa';
import type { Clock } from '../../common/clock.js';
import { countFrom, type HttpMetrics, nameRoute } from '../../common/http-metrics.js';
import { namesThisMachine } from '../../common/http-origin.js';
import { headersProblem } from '../../common/http-server.js';
import type { ReadAnswer } from '../requests/rim.js';
import { ANSWERED } from './direct-koa.js';
import { sendRead } from './one-key.js';
import type { Store } from './store.js';

/** A key that stands in the target as it is: printable ASCII but for `#`, `%`, `/` and `?`. */
const PLAIN_TARGET = /^\/kv\/(?!all-data$)[!"$&-.0->@-~]{1,1024}$/;
const KEY_AT = '/kv/'.length;

interface PlainRead {
  readonly ctx: Koa.Context;
  readonly next: Koa.Next;
  readonly key: string;
  readonly partition: number;
  /** By the clock of the parts. */
  readonly startedMs: number;
}

export interface PlainReadParts {
  readonly store: Store;
  readonly metrics: HttpMetrics;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Whether requests that name another machine are to be refused. */
  readonly thisMachineOnly: boolean;
  /** The name that the requests are counted by. */
  readonly route: string;
}

/** The first middleware: answers at once what it can, and the rest when the store does. */
export function plainReads(parts: PlainReadParts): Koa.Middleware {
  const { store, metrics, clock, thisMachineOnly, route } = parts;
  const fail = ({ ctx, next, startedMs }: PlainRead, error: unknown): Promise<void> => {
    // It is thrown again where the funnel hears of it, and the metrics.
    ctx.state.failure = error;
    countFrom(ctx, startedMs);
    return next();
  };
  const reply = (read: PlainRead, answer: ReadAnswer): Promise<void> | undefined => {
    const { ctx, key, partition, startedMs } = read;
    try {
      sendRead(ctx, key, partition, answer, store.id);
    } catch (error) {
      return fail(read, error);
    }
    metrics.countAs(route, 'GET', ctx.req.socket.destroyed ? 0 : ctx.res.statusCode, startedMs);
    return undefined;
  };
  return (ctx, next) => {
    const { req } = ctx;
    const key = plainKey(req);
    if (key === undefined || isConditional(req) || headersProblem(req) !== undefined) return next();
    if (thisMachineOnly && !namesThisMachine(req)) return next();
    const partition = store.partitionOf(key);
    const read: PlainRead = { ctx, next, key, partition, startedMs: clock.monotonicMs() };
    try {
      const answer = store.readNow(key, partition);
      if (answer !== undefined) return reply(read, answer) ?? ANSWERED;
    } catch (error) {
      return fail(read, error);
    }
    return store.read(key, 'linearizable').then(
      (answer) => reply(read, answer),
      (error: unknown) => fail(read, error),
    );
  };
}

/** The middleware in the funnel: what failed before it, fails here. */
export function plainFailures(route: string): Koa.Middleware {
  return (ctx, next) => {
    if (ctx.state.failure === undefined) return next();
    nameRoute(ctx, route);
    throw ctx.state.failure;
  };
}

function plainKey({ method, url }: IncomingMessage): string | undefined {
  const target = url as string;
  return method === 'GET' && PLAIN_TARGET.test(target) ? target.slice(KEY_AT) : undefined;
}

function isConditional({ headers }: IncomingMessage): boolean {
  return headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined;
}
