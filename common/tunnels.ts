/**
 * Connections to an HTTP server that leave HTTP, by the method CONNECT.
 *
 * Invariant: none outlives the server that it came by, nor is one handed over that comes while it ends.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Takes a connection over; it ends the socket when it wants no more of it, and does not throw. */
export type TunnelHandler = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** Hands the connections over that ask for it; the function that it answers cuts those that are left, and all that come. */
export function takeTunnels(server: Server, tunnel: TunnelHandler): () => void {
  const open = new Set<Socket>();
  let isOver = false;
  server.on('connect', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket;
    if (isOver) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    tunnel(request, socket, head);
  });
  return () => {
    isOver = true;
    for (const socket of open) socket.destroy();
  };
}
