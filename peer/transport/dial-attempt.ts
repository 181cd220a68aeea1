/**
 * One attempt to open a stream to another peer, and the stream if it opens: dialing -> open -> ended, or straight to
 * ended. It has a gRPC channel of its own, so that no attempt inherits the state of the one before.
 */
import { Client, type ClientDuplexStream, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import { hostPort } from '../../common/names.js';
import type { ByteStream, Connection } from './connection.js';
import { asItIs, CHANNEL_OPTIONS, channelCredentials, EXCHANGE_PATH } from './grpc-service.js';
import { callerMetadata, type Hello, type Refusal, readHello, refusalOfCalled } from './hello.js';
import type { TransportLimits } from './limits.js';
import type { PeerAddress } from './transport.js';

export interface DialOptions {
  readonly self: Hello;
  readonly secret: string | null;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** Takes an open stream, or says why not. */
  readonly opened: (hello: Hello, stream: ByteStream) => Connection | Refusal;
}

export class DialAttempt {
  private readonly client: Client;
  private readonly call: ClientDuplexStream<Buffer, Buffer>;
  private readonly timer: NodeJS.Timeout;
  private connection: Connection | null = null;
  private openedMs: number | null = null;
  private over = false;

  /** @param ended called once; `openMs` is how long the stream was open, null if it never was */
  constructor(
    private readonly address: PeerAddress,
    private readonly options: DialOptions,
    private readonly ended: (why: Refusal, openMs: number | null) => void,
  ) {
    const { self, secret, limits } = options;
    this.client = new Client(hostPort(address.host, address.peerPort), channelCredentials(), CHANNEL_OPTIONS);
    const metadata = callerMetadata(self, address.id, secret);
    this.call = this.client.makeBidiStreamRequest(EXCHANGE_PATH, asItIs, asItIs, metadata);
    this.call.on('metadata', (answer: Metadata) => this.open(answer));
    this.call.on('data', (bytes: Buffer) => this.connection?.receive(bytes));
    // 'status' comes for every end, after 'error' for all but a friendly one; but 'error' must be listened to.
    this.call.on('status', ({ code, details }: StatusObject) => {
      this.end({ code, reason: code === status.OK ? 'closed by the other side' : details });
    });
    this.call.on('error', () => {});
    const late = { code: status.DEADLINE_EXCEEDED, reason: 'no answer' };
    this.timer = setTimeout(() => this.end(late), limits.dialMs);
  }

  get isOpen(): boolean {
    return this.connection !== null && !this.over;
  }

  /** Ends the attempt, and the stream if it is open, now. */
  end(why: Refusal): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.connection?.lost(why.reason);
    this.call.cancel();
    this.client.close();
    this.ended(why, this.openedMs === null ? null : this.options.clock.monotonicMs() - this.openedMs);
  }

  private open(metadata: Metadata): void {
    if (this.over) return;
    clearTimeout(this.timer);
    const opened = this.connect(readHello(metadata));
    if ('reason' in opened) {
      this.end(opened);
      return;
    }
    this.connection = opened;
    this.openedMs = this.options.clock.monotonicMs();
  }

  private connect(hello: Hello | null): Connection | Refusal {
    if (!hello) return { code: status.INVALID_ARGUMENT, reason: 'what answers is no peer of Covey' };
    const refusal = refusalOfCalled(hello, this.options.self, this.address.id);
    if (refusal) return refusal;
    return this.options.opened(hello, {
      write: (bytes, flushed) => void this.call.write(bytes, flushed),
      end: () => void this.call.end(),
      cut: (reason) => this.end({ code: status.CANCELLED, reason }),
    });
  }
}
