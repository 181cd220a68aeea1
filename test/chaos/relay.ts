/**
 * A TCP relay between two processes that can hold back what one sends the other.
 *
 * Invariants: bytes of one direction arrive in the order they were sent, never twice; what is held back is delivered when the
 * way is free again, as TCP itself would do; a direction that is cut also holds back the end of a connection.
 * Each direction buffers at most `MAX_HELD_BYTES`, then it stops reading, so that the sender feels it.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

const MAX_HELD_BYTES = 1024 * 1024;
/** How often a direction that is cut looks whether it is free again. */
const LOOK_AGAIN_MS = 20;

/** What happens to bytes from one to the other: how late they come; Infinity: not before the way is free again. */
export type Weather = (from: string, to: string) => number;

export interface Ends {
  readonly from: string;
  readonly to: string;
}

export class Relay {
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(private readonly weather: Weather) {}

  /** Listens and passes on to `target`. `ends` says who dialled, once a connection is there. Returns the port. */
  async listen(
    host: string,
    port: number,
    target: { readonly host: string; readonly port: number },
    ends: (remotePort: number) => Promise<Ends | undefined>,
  ): Promise<number> {
    const server = createServer({ pauseOnConnect: true }, (near) => {
      void this.accept(near, target, ends);
    });
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return (server.address() as { port: number }).port;
  }

  /** Breaks the connections there are. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  close(): void {
    for (const server of this.servers) server.close();
    this.reset();
  }

  private async accept(
    near: Socket,
    target: { readonly host: string; readonly port: number },
    ends: (remotePort: number) => Promise<Ends | undefined>,
  ): Promise<void> {
    this.keep(near);
    const who = await ends(near.remotePort ?? 0);
    if (who === undefined) {
      near.destroy();
      return;
    }
    const free = () => Number.isFinite(this.weather(who.from, who.to) + this.weather(who.to, who.from));
    while (!free() && !near.destroyed) await later(LOOK_AGAIN_MS);
    if (near.destroyed) return;
    const far = connect(target.port, target.host);
    this.keep(far);
    near.setNoDelay(true);
    far.setNoDelay(true);
    pass(near, far, () => this.weather(who.from, who.to));
    pass(far, near, () => this.weather(who.to, who.from));
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
  }
}

interface Held {
  readonly dueMs: number;
  readonly bytes: Buffer | 'end';
}

/** One direction of a connection. */
function pass(from: Socket, to: Socket, delayMs: () => number): void {
  const held: Held[] = [];
  let heldBytes = 0;
  let running = false;
  const deliver = async () => {
    if (running) return;
    running = true;
    for (let next = held[0]; next !== undefined && !to.destroyed; next = held[0]) {
      if (!Number.isFinite(delayMs())) await later(LOOK_AGAIN_MS);
      else if (next.dueMs > performance.now()) await later(next.dueMs - performance.now());
      else {
        held.shift();
        if (next.bytes === 'end') to.destroy();
        else {
          heldBytes -= next.bytes.length;
          to.write(next.bytes);
        }
        if (heldBytes < MAX_HELD_BYTES) from.resume();
      }
    }
    running = false;
  };
  const hold = (bytes: Buffer | 'end') => {
    const delay = delayMs();
    held.push({ dueMs: performance.now() + (Number.isFinite(delay) ? delay : 0), bytes });
    void deliver();
  };
  from.on('data', (bytes: Buffer) => {
    heldBytes += bytes.length;
    if (heldBytes >= MAX_HELD_BYTES) from.pause();
    hold(bytes);
  });
  from.on('close', () => hold('end'));
  from.resume();
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
