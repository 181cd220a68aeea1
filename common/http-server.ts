/**
 * The HTTP side that peers and the orchestrator share: limits on every connection, one funnel for refusals, a clean end.
 *
 * Invariants: no request ends the process; no connection outlives its limits; every answer of 400 and above is
 * `application/problem+json`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import type Koa from 'koa';
import { continueWhenRead } from './http-body.js';
import type { Logger } from './log.js';
import { Problem } from './problems.js';
import { type TunnelHandler, takeTunnels } from './tunnels.js';

export const HTTP_LIMITS = {
  headerBytes: 16 * 1024,
  urlChars: 8 * 1024,
  /** A request's headers must be there within this time. */
  headersMs: 10_000,
  /** A whole request must be there within this time. */
  requestMs: 30_000,
  /** A connection without a request is closed after this time. */
  keepAliveMs: 5_000,
  /** A connection on which nothing moves is closed after this time. */
  idleMs: 30_000,
  /** How often the limits above are looked after. */
  checkMs: 2_000,
  connections: 10_000,
  /** Requests that may wait on one connection behind one that is not answered yet; at one more it is cut. */
  pipelined: 1_000,
  /** Requests on one connection; then it is closed. */
  requestsPerSocket: 1_000_000,
  /** After a refusal, how much of an unread body is thrown away so that the client can read the answer. */
  lingerBytes: 1024 * 1024,
  lingerMs: 1_000,
} as const;

export type HttpLimits = { readonly [Name in keyof typeof HTTP_LIMITS]: number };

export interface HttpServer {
  readonly port: number;
  /** How many connections are open. */
  connections(): Promise<number>;
  /** From now on every answer ends its connection, so that clients go elsewhere before the end; still accepts. */
  leave(): void;
  /** Stops accepting, lets running requests end for `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
}

/** Serves a Koa application; rejects if the address cannot be bound. Only tests need other limits. */
export async function startHttpServer(
  app: Koa,
  host: string,
  port: number,
  limits: HttpLimits = HTTP_LIMITS,
  tunnel?: TunnelHandler,
): Promise<HttpServer> {
  const handle = app.callback();
  const state = { closing: false };
  const waiting = new WeakMap<Socket, number>();
  const wait = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const before = waiting.get(socket) ?? 0;
    waiting.set(socket, before + 1);
    if (before === limits.pipelined) socket.destroy();
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) as number) - 1);
      void handle(request, response);
    });
  };
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (state.closing) response.setHeader('Connection', 'close');
    // A request that came behind another on its connection has no socket until that one is answered. It waits for it:
    // begun at once, a GET could overtake the PUT before it (RFC 9112, 9.3.2).
    if (response.socket === null) wait(request, response);
    else void handle(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkMs,
      // A request without Host is refused by the funnel, as everything else.
      requireHostHeader: false,
    },
    serve,
  );
  allowHalfClosed(server);
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = limits.requestsPerSocket;
  server.setTimeout(limits.idleMs);
  server.on('clientError', refuseBrokenRequest);
  server.on('checkContinue', (request, response) => {
    continueWhenRead(request, response);
    serve(request, response);
  });
  // Expectations other than 100-continue may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', serve);
  const cutTunnels = tunnel === undefined ? () => undefined : takeTunnels(server, tunnel);
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => promisify(server.getConnections.bind(server))(),
    leave: () => {
      state.closing = true;
    },
    close: (graceMs) => {
      state.closing = true;
      cutTunnels();
      return closeServer(server, graceMs);
    },
  };
}

/**
 * A client may end its side after its last request (`nc -N`, HTTP/1.0 libraries) and still gets its answers; node would
 * cut it. The limits on connections hold as for all others. (Node's own field for this is not in its types.)
 */
function allowHalfClosed(server: Server): void {
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
}

/** The funnel: the outermost middleware of every application. */
export function problemFunnel(log: Logger): Koa.Middleware {
  const refuse = (ctx: Koa.Context, error: unknown) => {
    const problem = error instanceof Problem ? error : unexpected(error, log);
    // Not `ctx.req.destroyed`: that is also true of a request whose body was read to its end.
    if (ctx.res.headersSent || ctx.req.socket.destroyed) ctx.res.destroy();
    else answerProblem(ctx, problem);
  };
  return (ctx, next) => {
    const problem = targetProblem(ctx.req) ?? headersProblem(ctx.req);
    if (problem !== undefined) {
      refuse(ctx, problem);
      return Promise.resolve();
    }
    return next()
      .then(() => {
        if (ctx.respond !== false) requireAnswer(ctx);
      })
      .catch((error) => refuse(ctx, error));
  };
}

function targetProblem({ url = '' }: IncomingMessage): Problem | undefined {
  if (url.length > HTTP_LIMITS.urlChars) {
    return new Problem('uri-too-long', `At most ${HTTP_LIMITS.urlChars} characters of URL are taken.`);
  }
  // Node's parser refuses it since 20.20, as it does a blank behind the name of a header.
  return VISIBLE.test(url) ? undefined : unescapedUrl({ Connection: 'close' });
}

/** Why the headers of a request cannot be taken; undefined: they can. The funnel asks, and whoever answers before it. */
export function headersProblem(request: IncomingMessage): Problem | undefined {
  const { rawHeaders, headers, httpVersionMinor } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // Before 20.20 node's parser took `If-Match : x` for a header that nobody knows.
    if (rawHeaders[i]?.endsWith(' ')) return new Problem('invalid-request', NO_HTTP, { Connection: 'close' });
  }
  if (headers.host !== undefined || httpVersionMinor === 0) return undefined;
  return new Problem('invalid-request', 'A request needs a Host header.');
}

/** What a target may be made of; everything else is percent-encoded. */
const VISIBLE = /^[\x21-\x7e]*$/;

const NO_HTTP = 'This is not a valid HTTP request.';

function unescapedUrl(headers: Readonly<Record<string, string>> = {}): Problem {
  return new Problem('invalid-request', 'The URL holds a byte that is to be percent-encoded (%XX).', headers);
}

/** Answers a refusal; what is left of the request's body is thrown away within limits. */
function answerProblem(ctx: Koa.Context, problem: Problem): void {
  ctx.respond = true;
  ctx.status = problem.status;
  ctx.set(problem.headers);
  ctx.set({ 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' });
  if (!ctx.req.complete) {
    ctx.set('Connection', 'close');
    linger(ctx.req, ctx.res);
  }
  ctx.body = JSON.stringify(problem);
  ctx.type = 'application/problem+json';
}

/** Routes that matched nothing, or only other methods, leave an empty 404, 405 or 501. */
function requireAnswer(ctx: Koa.Context): void {
  if (ctx.body !== undefined && ctx.body !== null) return;
  if (ctx.status === 404) {
    throw new Problem(
      'not-found',
      `There is nothing at ${ctx.path.slice(0, 200)}; the README lists what there is.`,
    );
  }
  if (ctx.status === 405 || ctx.status === 501) {
    const allow = ctx.response.get('Allow');
    throw new Problem('method-not-allowed', `${ctx.method} is not for this path; allowed: ${allow}.`, {
      Allow: allow,
    });
  }
}

function unexpected(error: unknown, log: Logger): Problem {
  log.error({ err: error }, 'a request failed unexpectedly');
  return new Problem('internal-error', 'This should not have happened; the log of the process says more.');
}

/**
 * A client that still sends while it is refused would have its connection reset by our closing it, and might never read the
 * answer. So for a moment what it sends is read and thrown away.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  let left: number = HTTP_LIMITS.lingerBytes;
  const timer = setTimeout(() => request.destroy(), HTTP_LIMITS.lingerMs);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
  request.on('close', () => clearTimeout(timer));
  request.on('error', () => response.destroy());
  request.resume();
}

/** What the HTTP parser itself refuses never reaches the funnel. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET' || owesAnotherAnswer(socket)) {
    socket.destroy();
    return;
  }
  const problem = parserProblem(error.code);
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.code}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  drain(socket);
}

/**
 * Whether what is written to the socket now would be taken for (a part of) the answer to a request before the broken one.
 * A client that pipelines a write and then garbage must not take `400` for the answer to its write.
 */
function owesAnotherAnswer(socket: Socket): boolean {
  // Node's own default handler looks at the same field; there is no public one.
  const answering = (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
  if (answering === undefined || answering === null) return false;
  return answering.headersSent || answering.req.complete;
}

/** As linger, for a connection that is no HTTP any more: its parser has given up, or it was to be a tunnel and was refused. */
export function drain(socket: Socket): void {
  let left: number = HTTP_LIMITS.lingerBytes;
  const timer = setTimeout(() => socket.destroy(), HTTP_LIMITS.lingerMs);
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => clearTimeout(timer));
  socket.resume();
}

function parserProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new Problem('headers-too-large', `At most ${HTTP_LIMITS.headerBytes} bytes of headers are taken.`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('request-timeout', 'The request took too long to arrive.');
  }
  if (code === 'HPE_INVALID_URL') return unescapedUrl();
  return new Problem('invalid-request', NO_HTTP);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
