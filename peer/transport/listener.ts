/**
 * The port for other peers: takes streams from those who show that they belong to the cluster, refuses the rest.
 */
import { Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { hostPort } from '../../common/names.js';
import { isInside } from '../../common/secret.js';
import type { Connection } from './connection.js';
import type { Streams } from './dial-attempt.js';
import { PEER_SERVICE, SERVER_OPTIONS, serverCredentials, widenWindow } from './grpc-service.js';
import { Halves } from './halves.js';
import {
  AUTHORIZATION,
  type Hello,
  helloMetadata,
  type Refusal,
  readHello,
  readStreamName,
  refusalOfCaller,
  textOf,
} from './hello.js';
import type { ByteStream } from './lane.js';
import type { TransportLimits } from './limits.js';
import type { TransportLog } from './log.js';
import { LANES, type Lane } from './message-forms.js';

/** Distinct refusals that are remembered so as to be logged once; then all are forgotten. */
const MAX_LOGGED = 256;

/** gRPC tells the system's error in its message only. */
const SYSTEM_CODE = /\bE[A-Z]{3,}\b/;

export interface ListenerOptions {
  readonly self: Hello;
  readonly secret: string | null;
  readonly log: TransportLog;
  readonly limits: TransportLimits;
  /** Takes an open connection, or says why not. */
  readonly opened: (hello: Hello, streams: Streams) => Connection | Refusal;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/** One stream that was accepted. */
interface Accepted {
  readonly call: Call;
  /** Null until both lanes are there. */
  connection: Connection | null;
}

export class Listener {
  private readonly server = new Server(SERVER_OPTIONS);
  private readonly logged = new Set<string>();
  private readonly halves: Halves<Accepted>;

  constructor(private readonly options: ListenerOptions) {
    this.halves = new Halves(options.limits.maxHalves, options.limits.dialMs);
    this.server.addService(PEER_SERVICE, {
      exchange: (call: Call) => this.accept(call),
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
    this.halves.clear();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.server.forceShutdown(), drainMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private accept(call: Call): void {
    const accepted: Accepted = { call, connection: null };
    const broke = (reason: string) => {
      this.halves.drop(accepted);
      accepted.connection?.cut(reason);
    };
    // Without a listener, an error on a stream that was refused would end the process.
    call.on('error', (error: Error) => broke(error.message));
    call.on('cancelled', () => broke('the stream broke'));
    call.on('close', () => broke('the stream is closed'));
    const hello = readHello(call.metadata);
    const name = readStreamName(call.metadata);
    const refusal = this.refusalOf(call);
    if (refusal || !hello || !name) {
      this.refuse(call, refusal ?? { code: status.INVALID_ARGUMENT, reason: 'no hello' });
      return;
    }
    const late = { code: status.DEADLINE_EXCEEDED, reason: 'the other lane did not come' };
    const both = this.halves.match(hello, name, accepted, () => this.refuse(call, late));
    if (both) this.open(hello, both);
  }

  private refusalOf(call: Call): Refusal | null {
    const { self, secret } = this.options;
    if (!isInside(textOf(call.metadata, AUTHORIZATION), addressOf(call.getPeer()), secret)) {
      const reason =
        secret === null ? 'without a secret, peers are on this machine only' : 'the secret is wrong';
      return { code: status.UNAUTHENTICATED, reason };
    }
    const refusal = refusalOfCaller(call.metadata, self);
    if (refusal) return refusal;
    return this.halves.isFull
      ? { code: status.RESOURCE_EXHAUSTED, reason: 'too many streams wait for their other lane' }
      : null;
  }

  private open(hello: Hello, both: Readonly<Record<Lane, Accepted>>): void {
    const { self, opened } = this.options;
    const connection = opened(hello, { urgent: senderOf(both.urgent.call), bulk: senderOf(both.bulk.call) });
    if ('reason' in connection) {
      for (const lane of LANES) this.refuse(both[lane].call, connection);
      return;
    }
    for (const lane of LANES) {
      const accepted = both[lane];
      const { call } = accepted;
      accepted.connection = connection;
      widenWindow(call);
      call.sendMetadata(helloMetadata(self));
      call.on('data', (bytes: Buffer) => connection.receive(lane, bytes));
      call.on('end', () => {
        connection.laneEnded(lane);
        call.end();
      });
    }
  }

  private refuse(call: Call, refusal: Refusal): void {
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

function senderOf(call: Call): ByteStream {
  return {
    write: (bytes, flushed) => void call.write(bytes, flushed),
    end: () => void call.end(),
    cut: (reason) => endWith(call, { code: status.ABORTED, reason }),
  };
}

/** gRPC for Node takes a status other than OK as an error that the stream emits. */
function endWith(call: Call, { code, reason }: Refusal): void {
  call.emit('error', Object.assign(new Error(reason), { code, details: reason }));
}

/** `address:port`, as gRPC tells it, without the port. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'));
}
