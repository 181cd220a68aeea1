/**
 * Where orchestrators connect to a peer: over its HTTP port, by a CONNECT that carries the cluster's secret.
 *
 * Invariants: whoever does not come from inside is refused before anything of theirs is read, and cut soon after; deliveries are taken one
 * after another, and nothing more is read meanwhile; a connection that says what is no delivery, or nothing for a while, ends.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  CONTROL_TARGET,
  type Delivery,
  DeliveryReader,
  LineReader,
  parsed,
} from '../common/control-stream.js';
import { refuseWebPage, requireLoopbackHost } from '../common/http-origin.js';
import { drain } from '../common/http-server.js';
import { Problem } from '../common/problems.js';
import { requireInside } from '../common/secret.js';
import type { TunnelHandler } from '../common/tunnels.js';

/** An orchestrator speaks every second. */
const SILENT_MS = 30_000;

export interface ControlTunnelParts {
  /** The cluster's secret; without one only this machine speaks for the inside. */
  readonly secret: string | null;
  /** Takes what an orchestrator says; resolves with the answer, as JSON text. */
  deliver(delivery: Delivery): Promise<string>;
}

/** Takes over the connections of orchestrators. */
export function controlTunnel({ secret, deliver }: ControlTunnelParts): TunnelHandler {
  return (request, socket, head) => {
    try {
      requireControl(request, secret);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      refuse(socket, error);
      return;
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    listenTo(socket, head, deliver);
  };
}

function requireControl(request: IncomingMessage, secret: string | null): void {
  if (request.url !== CONTROL_TARGET) {
    throw new Problem('method-not-allowed', 'CONNECT is for the orchestrator alone; this is no proxy.');
  }
  if (secret === null) requireLoopbackHost(request);
  requireInside(request, secret);
  refuseWebPage(request);
}

function refuse(socket: Socket, problem: Problem): void {
  const body = JSON.stringify(problem);
  const headers = { ...problem.headers, 'Content-Type': 'application/problem+json', Connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.code}\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // The server's own limits do not hold for a connection that left HTTP.
  drain(socket);
}

function listenTo(socket: Socket, head: Buffer, deliver: ControlTunnelParts['deliver']): void {
  const lines = new LineReader();
  const reader = new DeliveryReader();
  const take = async (chunk: Buffer) => {
    socket.pause();
    const complete = lines.take(chunk);
    if (complete === null) socket.destroy();
    for (const line of complete ?? []) {
      const delivery = reader.read(parsed(line));
      if (typeof delivery === 'string') {
        socket.end(`${JSON.stringify(new Problem('invalid-request', `Not a delivery: ${delivery}.`))}\n`);
        return;
      }
      const answer = await deliver(delivery);
      if (socket.destroyed) return;
      socket.write(`${answer}\n`);
    }
    socket.resume();
  };
  socket.setNoDelay(true);
  socket.setTimeout(SILENT_MS, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => void take(chunk));
  // Sockets of an HTTP server stay half open.
  socket.on('end', () => socket.end());
  if (head.length > 0) void take(head);
}
