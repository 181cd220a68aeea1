/**
 * One attempt to open a connection to another peer, and the connection if it opens: dialing -> open -> ended, or
 * straight to ended. Each of its two streams has a gRPC channel, and so a TCP connection, of its own: no attempt
 * inherits the state of the one before, and no lane waits for what the other has given to the socket. (While values of
 * 16 MiB flowed without a pause, an urgent message and its answer took 50 ms, and 200 to 350 ms over one connection.)
 */
import { Client, type ClientDuplexStream, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import { hostPort } from '../../common/names.js';
import type { Connection } from './connection.js';
import { asItIs, CHANNEL_OPTIONS, channelCredentials, EXCHANGE_PATH } from './grpc-service.js';
import { callerMetadata, type Hello, type Refusal, readHello, refusalOfCalled } from './hello.js';
import type { ByteStream } from './lane.js';
import type { TransportLimits } from './limits.js';
import { LANES, type Lane } from './message-forms.js';
import type { PeerEndpoint } from './transport.js';

/** The streams of a connection, to be sent to. */
export type Streams = Readonly<Record<Lane, ByteStream>>;

export interface DialOptions {
  readonly self: Hello;
  readonly secret: string | null;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** Names the next connection; see `StreamName`. */
  readonly nextConnection: () => string;
  /** Takes an open connection, or says why not. */
  readonly opened: (hello: Hello, streams: Streams) => Connection | Refusal;
}

interface Stream {
  readonly client: Client;
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  /** Who answered; null until then. */
  hello: Hello | null;
}

export class DialAttempt {
  private readonly streams: Readonly<Record<Lane, Stream>>;
  private readonly timer: NodeJS.Timeout;
  private connection: Connection | null = null;
  private openedMs: number | null = null;
  private over = false;

  /** @param ended called once; `openMs` is how long the connection was open, null if it never was */
  constructor(
    readonly endpoint: PeerEndpoint,
    private readonly options: DialOptions,
    private readonly ended: (why: Refusal, openMs: number | null) => void,
  ) {
    const connection = options.nextConnection();
    this.streams = { urgent: this.dial('urgent', connection), bulk: this.dial('bulk', connection) };
    const late = { code: status.DEADLINE_EXCEEDED, reason: 'no answer' };
    this.timer = setTimeout(() => this.end(late), options.limits.dialMs);
  }

  get isOpen(): boolean {
    return this.connection !== null && !this.over;
  }

  /** Ends the attempt, and the connection if it is open, now. */
  end(why: Refusal): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.connection?.cut(why.reason);
    for (const lane of LANES) {
      this.streams[lane].call.cancel();
      this.streams[lane].client.close();
    }
    this.ended(why, this.openedMs === null ? null : this.options.clock.monotonicMs() - this.openedMs);
  }

  private dial(lane: Lane, connection: string): Stream {
    const { self, secret } = this.options;
    const { id, host, peerPort } = this.endpoint;
    const client = new Client(hostPort(host, peerPort), channelCredentials(), CHANNEL_OPTIONS);
    const metadata = callerMetadata(self, id, { lane, connection }, secret);
    const call = client.makeBidiStreamRequest(EXCHANGE_PATH, asItIs, asItIs, metadata);
    call.on('metadata', (answer: Metadata) => this.answered(lane, readHello(answer)));
    // 'status' comes for every end, after 'error' for all but a friendly one; but 'error' must be listened to.
    call.on('status', ({ code, details }: StatusObject) => this.streamEnded(lane, { code, reason: details }));
    call.on('error', () => {});
    return { client, call, hello: null };
  }

  private streamEnded(lane: Lane, why: Refusal): void {
    if (why.code === status.OK && this.connection) this.connection.laneEnded(lane);
    else this.end(why);
  }

  private answered(lane: Lane, hello: Hello | null): void {
    if (this.over) return;
    const refusal = hello
      ? refusalOfCalled(hello, this.options.self, this.endpoint.id)
      : { code: status.INVALID_ARGUMENT, reason: 'what answers is no peer of Covey' };
    if (refusal) {
      this.end(refusal);
      return;
    }
    this.streams[lane].hello = hello;
    const { urgent, bulk } = this.streams;
    if (urgent.hello && bulk.hello) this.open(urgent.hello, bulk.hello);
  }

  private open(hello: Hello, other: Hello): void {
    clearTimeout(this.timer);
    if (hello.process !== other.process) {
      this.end({ code: status.UNAVAILABLE, reason: 'two processes have answered' });
      return;
    }
    const opened = this.options.opened(hello, { urgent: this.sender('urgent'), bulk: this.sender('bulk') });
    if ('reason' in opened) {
      this.end(opened);
      return;
    }
    this.connection = opened;
    this.openedMs = this.options.clock.monotonicMs();
    // Not earlier: one lane may speak while the other is still opening.
    for (const lane of LANES)
      this.streams[lane].call.on('data', (bytes: Buffer) => opened.receive(lane, bytes));
  }

  private sender(lane: Lane): ByteStream {
    return {
      write: (bytes, flushed) => void this.streams[lane].call.write(bytes, flushed),
      end: () => void this.streams[lane].call.end(),
      cut: (reason) => this.end({ code: status.CANCELLED, reason }),
    };
  }
}
