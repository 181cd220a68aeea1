/** A gateway over a MemoryStore on a port of its own, and clients that send exactly what they are told to. */
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { pino } from 'pino';
import { systemClock } from '../../common/clock.js';
import type { Gauge } from '../../common/http-metrics.js';
import { HTTP_LIMITS, type HttpLimits, type HttpServer, startHttpServer } from '../../common/http-server.js';
import { createGateway } from '../../peer/gateway/gateway.js';
import { MemoryStore } from './memory-store.js';

export const MAX_VALUE_BYTES = 1024 * 1024;

export interface Gateway {
  readonly store: MemoryStore;
  readonly server: HttpServer;
  readonly port: number;
  readonly gauges: Gauge[];
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export const HEALTH = { cluster: 'test', id: 'peer-1', epoch: 1 };

/** Starts a gateway; the caller closes its server. */
export async function startGateway(
  secret: string | null = null,
  limits: Partial<HttpLimits> = {},
): Promise<Gateway> {
  const store = new MemoryStore();
  const gauges: Gauge[] = [];
  const inside = {
    health: () => HEALTH,
    gauges: () => gauges,
  };
  const log = pino({ level: 'silent' });
  const parts = { store, secret, maxValueBytes: MAX_VALUE_BYTES, clock: systemClock, log, inside };
  const app = createGateway(parts);
  const server = await startHttpServer(app, '127.0.0.1', 0, { ...HTTP_LIMITS, ...limits });
  return { store, server, port: server.port, gauges };
}

/** One request on a connection of its own; the path goes out as it is given. */
export function send(
  gateway: Gateway,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: gateway.port, host: '127.0.0.1', method, path, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const all = Buffer.concat(chunks);
          const { statusCode = 0, headers: received } = response;
          resolve({ status: statusCode, headers: received, body: all, text: all.toString() });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** As `send`, with a body of JSON. */
export function sendJson(gateway: Gateway, path: string, body: unknown): Promise<Reply> {
  return send(gateway, 'POST', path, JSON.stringify(body), { 'Content-Type': 'application/json' });
}

/** A socket that gathers what it is sent. */
export interface Wire {
  readonly socket: Socket;
  /** What came so far. */
  received(): string;
  /** Resolves with all that came, when the other side has closed. */
  readonly closed: Promise<string>;
}

/** Opens a bare connection. */
export function openWire(gateway: Gateway): Wire {
  const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  const text = () => Buffer.concat(chunks).toString('latin1');
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A reset is an end like another here; tests look at what came before it.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text()));
  });
  return { socket, received: text, closed };
}

/** Sends bytes as they are and waits until the other side closes. */
export async function sendRaw(gateway: Gateway, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const wire = openWire(gateway);
  for (const part of parts) wire.socket.write(part);
  return wire.closed;
}

/** Checks a refusal: its status and code, its form, and that it says nothing of our inside. */
export function expectProblem(reply: Reply, status: number, code: string): void {
  expect(reply.status, reply.text).to.equal(status);
  expect(reply.headers['content-type']).to.equal('application/problem+json');
  const problem = JSON.parse(reply.text);
  expect(problem).to.include({ type: 'about:blank', status, code });
  expect(problem.detail).to.be.a('string').with.length.above(10);
  expect(reply.text).not.to.match(/node_modules|\.js:|\/work\//);
}
