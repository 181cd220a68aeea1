/**
 * The transport over gRPC: one connection a pair of peers, opened by the one with the lower id, of two streams: the
 * urgent lane and the bulk lane.
 *
 * The parts: `link.ts` keeps what concerns one peer, `connection.ts` and `lane.ts` send and take apart batches,
 * `responder.ts` answers calls, `dialer.ts` and `listener.ts` open streams, `hello.ts` says who may; `codec.ts`, the
 * forms and `peer.proto` are the format.
 *
 * Invariants: at most one connection a peer, the newest; but none takes the place of one to the very process that the
 * map names, so that two processes under one id do not drive each other out for ever. When the map comes to name
 * another process, the connection to the one before ends.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import type { PeerEnvelope } from '../replication/messages.js';
import { Connection } from './connection.js';
import type { Streams } from './dial-attempt.js';
import { Dialer } from './dialer.js';
import type { Frame } from './frames.js';
import { dials, type Hello, type Refusal } from './hello.js';
import { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
import { failure, Link } from './link.js';
import { Listener } from './listener.js';
import type { TransportLog } from './log.js';
import type { PeerReply, PeerRequest } from './messages.js';
import { Responder } from './responder.js';
import type { CallFailure, PeerEndpoint, Transport, TransportHandlers } from './transport.js';

export interface GrpcTransportOptions {
  readonly id: string;
  /** The cluster's id, as envelopes carry it. */
  readonly cluster: string;
  /** Names this process, as the endpoints that others are given do; see `Hello`. */
  readonly process: string;
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
  private handlers: TransportHandlers | null = null;
  private closing: Promise<void> | null = null;
  private boundPort: number;
  private connections = 0;

  constructor(private readonly options: GrpcTransportOptions) {
    const { id, cluster, process, secret, log, port } = options;
    this.self = { id, cluster, process };
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.boundPort = port;
    const opened = (hello: Hello, streams: Streams) => this.connect(hello, streams);
    this.listener = new Listener({ self: this.self, secret, log, limits: this.limits, opened });
  }

  /** The port for other peers; the one that was bound, once it listens. */
  get port(): number {
    return this.boundPort;
  }

  async listen(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
    this.boundPort = await this.listener.listen(this.options.host, this.options.port);
  }

  setPeers(peers: readonly PeerEndpoint[]): void {
    if (this.closing !== null) return;
    const wanted = new Set(peers.map(({ id }) => id));
    for (const [id, link] of this.links) {
      // A guest is not in our map yet, and may be in one to come.
      if (!wanted.has(id) && link.endpoint) this.release(id, link);
    }
    for (const endpoint of peers) {
      if (endpoint.id !== this.self.id) this.aim(endpoint);
    }
  }

  send(to: string, envelopes: readonly PeerEnvelope[]): boolean {
    return this.links.get(to)?.connection?.send(envelopes) ?? false;
  }

  isConnected(peer: string): boolean {
    return this.closing === null && this.links.get(peer)?.connection != null;
  }

  backlog(peer: string): number {
    return this.links.get(peer)?.connection?.backlog ?? 0;
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
    this.handlers = null;
    for (const link of this.links.values()) {
      clearTimeout(link.grace);
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

  private aim(endpoint: PeerEndpoint): void {
    const { id, process } = endpoint;
    const link = this.linkOf(id);
    const before = link.endpoint;
    clearTimeout(link.grace);
    link.endpoint = endpoint;
    // Compared with what was named before, not with who is connected: that may be a newer process than our map knows.
    const isNew = before !== null && before.process !== process;
    if (isNew && link.connection && link.connection.remote.process !== process) {
      link.drop('another process has taken its place');
    }
    if (!dials(this.self.id, id)) return;
    const dialer = this.dialers.get(id);
    if (dialer) dialer.aim(endpoint);
    else this.dialers.set(id, this.dialerTo(endpoint));
  }

  private dialerTo(endpoint: PeerEndpoint): Dialer {
    const { secret, clock, log } = this.options;
    return new Dialer(endpoint, {
      self: this.self,
      secret,
      clock,
      log,
      limits: this.limits,
      nextConnection: () => `${++this.connections}`,
      opened: (hello, streams) => this.connect(hello, streams),
    });
  }

  /** No map names it any more: its connection stays for a while. */
  private release(id: string, link: Link): void {
    link.endpoint = null;
    this.dialers.get(id)?.release();
    if (link.connection) link.grace = setTimeout(() => this.forget(id, link), this.limits.graceMs);
    else this.forget(id, link);
  }

  private forget(id: string, link: Link): void {
    this.links.delete(id);
    link.drop('no longer a member');
    link.failAll('unknown-peer', 'connection-lost');
    this.dialers.get(id)?.stop();
    this.dialers.delete(id);
  }

  private linkOf(id: string): Link {
    let link = this.links.get(id);
    if (!link) {
      link = new Link(this.options.clock, this.limits);
      this.links.set(id, link);
    }
    return link;
  }

  private connect(hello: Hello, streams: Streams): Connection | Refusal {
    const refusal = this.refusalOf(hello);
    if (refusal) return refusal;
    const link = this.linkOf(hello.id);
    const { log, clock } = this.options;
    const responder = new Responder(() => this.handlers, this.limits, log);
    const connection = new Connection(
      hello,
      streams,
      {
        received: (envelopes) => this.handlers?.received(hello.id, envelopes),
        frame: (frame, from) => dispatch(frame, from, link, responder),
        lost: (lost, reason) => this.lost(link, lost, reason),
      },
      { self: this.self, limits: this.limits, clock, log },
    );
    const before = link.connection?.remote.process;
    link.attach(connection);
    log.info({ peer: hello.id, process: hello.process }, 'connected to a peer');
    if (before !== undefined && before !== hello.process) this.handlers?.disconnected(hello.id);
    return connection;
  }

  private refusalOf({ id, process }: Hello): Refusal | null {
    if (this.closing !== null) return { code: status.UNAVAILABLE, reason: 'this peer stops' };
    const link = this.links.get(id);
    if (!link && this.guests() >= this.limits.maxGuests) {
      return { code: status.RESOURCE_EXHAUSTED, reason: 'too many peers that are not in the map' };
    }
    const named = link?.endpoint?.process;
    if (named !== undefined && named !== process && link?.connection?.remote.process === named) {
      return { code: status.FAILED_PRECONDITION, reason: `process ${named} of peer ${id} is connected` };
    }
    return null;
  }

  private lost(link: Link, connection: Connection, reason: string): void {
    const { id } = connection.remote;
    this.options.log.info({ peer: id, reason }, 'connection to a peer ended');
    if (link.connection !== connection) return;
    link.detach();
    if (!link.endpoint && this.links.get(id) === link) {
      clearTimeout(link.grace);
      this.forget(id, link);
    }
    this.handlers?.disconnected(id);
  }

  private guests(): number {
    let guests = 0;
    for (const link of this.links.values()) if (!link.endpoint) guests++;
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
