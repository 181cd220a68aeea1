/**
 * The transport over gRPC: one bidirectional stream a pair of peers, opened by the one with the lower id.
 *
 * The parts: `link.ts` keeps the calls to one peer, `connection.ts` batches and unpacks frames, `responder.ts` answers,
 * `dialer.ts` and `listener.ts` open streams, `hello.ts` says who may, `codec.ts` and `peer.proto` are the format.
 *
 * Invariants: at most one connection a peer, the newest; never one to a process older than the known instance.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import { type ByteStream, Connection } from './connection.js';
import { Dialer } from './dialer.js';
import type { Frame } from './frames.js';
import { dials, type Hello, type Refusal, staleInstance } from './hello.js';
import { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
import { failure, Link } from './link.js';
import { Listener } from './listener.js';
import type { TransportLog } from './log.js';
import type { PeerReply, PeerRequest } from './messages.js';
import { Responder } from './responder.js';
import type { CallFailure, PeerAddress, RequestHandler, Transport } from './transport.js';

export interface GrpcTransportOptions {
  readonly id: string;
  readonly cluster: string;
  readonly instance: number;
  /** Shown by every peer; without one, only this machine's peers are accepted. */
  readonly secret: string | null;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: TransportLog;
  /** Other limits than the usual. */
  readonly limits?: Partial<TransportLimits>;
}

export class GrpcTransport implements Transport {
  private readonly self: Hello;
  private readonly limits: TransportLimits;
  private readonly listener: Listener;
  private readonly links = new Map<string, Link>();
  private readonly dialers = new Map<string, Dialer>();
  private handler: RequestHandler | null = null;
  private closing: Promise<void> | null = null;
  private boundPort: number;

  constructor(private readonly options: GrpcTransportOptions) {
    const { id, cluster, instance, secret, log } = options;
    this.self = { id, cluster, instance };
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.boundPort = options.port;
    const opened = (hello: Hello, stream: ByteStream) => this.connect(hello, stream);
    this.listener = new Listener({ self: this.self, secret, log, opened });
  }

  /** The port for other peers; the one that was bound, once it listens. */
  get port(): number {
    return this.boundPort;
  }

  async listen(handler: RequestHandler): Promise<void> {
    this.handler = handler;
    this.boundPort = await this.listener.listen(this.options.host, this.options.port);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.closing !== null) return;
    const wanted = new Set(peers.map(({ id }) => id));
    for (const [id, link] of this.links) {
      // A guest is not in our view yet, and may be in one to come.
      if (!wanted.has(id) && link.address) this.forget(id, link);
    }
    for (const address of peers) {
      if (address.id !== this.self.id) this.aim(address);
    }
  }

  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure> {
    const link = this.links.get(to);
    if (this.closing !== null) return Promise.resolve(failure('closed', false));
    if (!link) return Promise.resolve(failure('unknown-peer', false));
    return link.call(request, timeoutMs);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    this.handler = null;
    for (const link of this.links.values()) {
      link.failAll('closed', 'closed');
      // Replies that are ready still go out.
      link.connection?.finish('closing');
    }
    this.links.clear();
    const { drainMs } = this.limits;
    const dialers = [...this.dialers.values()].map((dialer) => dialer.finish(drainMs));
    this.dialers.clear();
    await Promise.all([this.listener.close(drainMs), ...dialers]);
  }

  private aim(address: PeerAddress): void {
    const link = this.linkOf(address.id);
    link.address = address;
    if (link.connection && link.connection.remote.instance < address.instance) {
      link.connection.cut('a newer process has taken its place');
    }
    if (!dials(this.self.id, address.id)) return;
    const dialer = this.dialers.get(address.id);
    if (dialer && sameAddress(dialer.address, address)) return;
    dialer?.stop();
    this.dialers.set(address.id, this.dialerTo(address));
  }

  private dialerTo(address: PeerAddress): Dialer {
    const { secret, clock, log } = this.options;
    const opened = (hello: Hello, stream: ByteStream) => this.connect(hello, stream);
    return new Dialer(address, { self: this.self, secret, clock, log, limits: this.limits, opened });
  }

  private forget(id: string, link: Link): void {
    this.links.delete(id);
    this.dialers.get(id)?.stop();
    this.dialers.delete(id);
    link.failAll('unknown-peer', 'connection-lost');
    link.connection?.cut('no longer a member');
  }

  private linkOf(id: string): Link {
    let link = this.links.get(id);
    if (!link) {
      link = new Link(this.options.clock, this.limits);
      this.links.set(id, link);
    }
    return link;
  }

  private connect(hello: Hello, stream: ByteStream): Connection | Refusal {
    if (this.closing !== null) return { code: status.UNAVAILABLE, reason: 'this peer stops' };
    if (!this.links.has(hello.id) && this.guests() >= this.limits.maxGuests) {
      return { code: status.RESOURCE_EXHAUSTED, reason: 'too many peers that are not in the view' };
    }
    const link = this.linkOf(hello.id);
    const known = Math.max(link.address?.instance ?? 0, link.connection?.remote.instance ?? 0);
    if (hello.instance < known) return staleInstance(hello, known);

    const { log } = this.options;
    const responder = new Responder(() => this.handler, this.limits, log);
    const connection = new Connection(
      hello,
      stream,
      {
        receive: (frame, from) => dispatch(frame, from, link, responder),
        lost: (lost, reason) => this.lost(link, lost, reason),
      },
      this.limits,
      log,
    );
    link.attach(connection);
    log.info({ peer: hello.id, instance: hello.instance }, 'connected to a peer');
    return connection;
  }

  private lost(link: Link, connection: Connection, reason: string): void {
    this.options.log.info({ peer: connection.remote.id, reason }, 'connection to a peer ended');
    if (link.connection !== connection) return;
    link.detach();
    if (link.address || this.links.get(connection.remote.id) !== link) return;
    this.links.delete(connection.remote.id);
    link.failAll('not-connected', 'connection-lost');
  }

  private guests(): number {
    let guests = 0;
    for (const link of this.links.values()) if (!link.address) guests++;
    return guests;
  }
}

function dispatch(frame: Frame, from: Connection, link: Link, responder: Responder): void {
  switch (frame.kind) {
    case 'request':
      responder.answer(from, frame.id, frame.request);
      break;
    case 'reply':
      link.reply(frame.id, frame.reply);
      break;
    case 'no-reply':
      link.noReply(frame.id, frame.reason);
      break;
  }
}

function sameAddress(one: PeerAddress, other: PeerAddress): boolean {
  return one.host === other.host && one.peerPort === other.peerPort && one.instance === other.instance;
}
