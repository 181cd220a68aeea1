/**
 * The port for other peers: takes streams from those who show that they belong to the cluster, refuses the rest.
 */
import { Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { hostPort } from '../../common/names.js';
import { isInside } from '../../common/secret.js';
import type { ByteStream, Connection } from './connection.js';
import { PEER_SERVICE, SERVER_OPTIONS, serverCredentials } from './grpc-service.js';
import {
  AUTHORIZATION,
  type Hello,
  helloMetadata,
  type Refusal,
  readHello,
  refusalOfCaller,
  textOf,
} from './hello.js';
import type { TransportLog } from './log.js';

/** Distinct refusals that are remembered so as to be logged once; then all are forgotten. */
const MAX_LOGGED = 256;

/** gRPC tells the system's error in its message only. */
const SYSTEM_CODE = /\bE[A-Z]{3,}\b/;

export interface ListenerOptions {
  readonly self: Hello;
  readonly secret: string | null;
  readonly log: TransportLog;
  /** Takes an open stream, or says why not. What it sends at once goes out in a later turn of the event loop. */
  readonly opened: (hello: Hello, stream: ByteStream) => Connection | Refusal;
}

export class Listener {
  private readonly server = new Server(SERVER_OPTIONS);
  private readonly logged = new Set<string>();

  constructor(private readonly options: ListenerOptions) {
    this.server.addService(PEER_SERVICE, {
      exchange: (call: ServerDuplexStream<Buffer, Buffer>) => this.accept(call),
    });
  }

  /**
   * Binds the port, 0 for any; answers with the one that was bound.
   * Rejects with an Error that has the system's `code` (`EADDRINUSE`, …) if it cannot.
   */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(hostPort(host, port), serverCredentials(), (error, bound) => {
        if (error) reject(Object.assign(error, { code: SYSTEM_CODE.exec(error.message)?.[0] }));
        else resolve(bound);
      });
    });
  }

  /** Frees the port and closes what is open: friendly at first, by force after `drainMs`. */
  close(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.server.forceShutdown(), drainMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private accept(call: ServerDuplexStream<Buffer, Buffer>): void {
    let connection: Connection | null = null;
    // Without a listener, an error on a stream that was refused would end the process.
    call.on('error', (error: Error) => connection?.lost(error.message));
    const opened = this.open(call);
    if ('reason' in opened) {
      this.refuse(call, opened);
      return;
    }
    connection = opened;
    call.sendMetadata(helloMetadata(this.options.self));
    call.on('data', (bytes: Buffer) => opened.receive(bytes));
    call.on('end', () => {
      opened.lost('closed by the other side');
      call.end();
    });
    call.on('cancelled', () => opened.lost('cancelled'));
    call.on('close', () => opened.lost('closed'));
  }

  private open(call: ServerDuplexStream<Buffer, Buffer>): Connection | Refusal {
    const { self, secret } = this.options;
    if (!isInside(textOf(call.metadata, AUTHORIZATION), addressOf(call.getPeer()), secret)) {
      const reason =
        secret === null ? 'without a secret, peers are on this machine only' : 'the secret is wrong';
      return { code: status.UNAUTHENTICATED, reason };
    }
    const refusal = refusalOfCaller(call.metadata, self);
    const hello = readHello(call.metadata);
    if (refusal || !hello) return refusal ?? { code: status.INVALID_ARGUMENT, reason: 'no hello' };
    return this.options.opened(hello, {
      write: (bytes, flushed) => void call.write(bytes, flushed),
      end: () => void call.end(),
      cut: (reason) => endWith(call, { code: status.ABORTED, reason }),
    });
  }

  private refuse(call: ServerDuplexStream<Buffer, Buffer>, refusal: Refusal): void {
    const from = addressOf(call.getPeer());
    const key = `${from} ${readHello(call.metadata)?.id} ${refusal.reason}`;
    if (!this.logged.has(key)) {
      if (this.logged.size >= MAX_LOGGED) this.logged.clear();
      this.logged.add(key);
      this.options.log.warn({ from, reason: refusal.reason }, 'refused a stream');
    }
    endWith(call, refusal);
  }
}

/** gRPC for Node takes a status other than OK as an error that the stream emits. */
function endWith(call: ServerDuplexStream<Buffer, Buffer>, { code, reason }: Refusal): void {
  call.emit('error', Object.assign(new Error(reason), { code, details: reason }));
}

/** `address:port`, as gRPC tells it, without the port. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'));
}
