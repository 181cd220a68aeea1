/**
 * One peer's end of a `MemoryNetwork`.
 *
 * Envelopes go through the codec, so that they arrive as they would over a wire: as copies, and only if they can.
 */
import type { PeerEnvelope } from '../replication/messages.js';
import { decodeBatch, encodeEnvelopes } from './codec.js';
import { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
import { failure } from './link.js';
import { LANES, type Lane, laneOf } from './message-forms.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { CallFailure, PeerEndpoint, Transport, TransportHandlers } from './transport.js';

export interface MemoryOptions {
  readonly id: string;
  readonly cluster: string;
  readonly process: string;
  /** Other limits than the usual. */
  readonly limits?: Partial<TransportLimits>;
}

/** What the ends share. */
export interface Wires {
  /** Listens from now on. */
  add(transport: MemoryTransport): void;
  remove(transport: MemoryTransport): void;
  /** Whether and whom a peer reaches under an id. */
  connected(from: MemoryTransport, to: string): MemoryTransport | null;
  /** Who listens or who knows whom has changed. */
  changed(): void;
  /** Runs it in a later turn of the event loop. */
  deliver(run: () => void): void;
}

interface PendingCall {
  readonly to: string;
  readonly request: PeerRequest;
  /** Whom it was sent to; null while it waits for a connection. */
  sentTo: MemoryTransport | null;
  readonly resolve: (answer: PeerReply | CallFailure) => void;
  readonly deadline: NodeJS.Timeout;
  wait: NodeJS.Timeout | undefined;
}

/** What is on its way to one peer. */
type Outgoing = Readonly<Record<Lane, Buffer[]>>;

export class MemoryTransport implements Transport {
  readonly id: string;
  readonly process: string;
  private readonly limits: TransportLimits;
  private readonly known = new Set<string>();
  /** Named no more, but kept for a while. */
  private readonly leaving = new Map<string, NodeJS.Timeout>();
  /** Whom it was connected to when that was last looked at. */
  private readonly peers = new Map<string, MemoryTransport>();
  private readonly outgoing = new Map<MemoryTransport, Outgoing>();
  private readonly calls = new Set<PendingCall>();
  private handlers: TransportHandlers | null = null;
  private closed = false;

  constructor(
    private readonly network: Wires,
    private readonly options: MemoryOptions,
  ) {
    this.id = options.id;
    this.process = options.process;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  async listen(handlers: TransportHandlers): Promise<void> {
    this.network.add(this);
    this.handlers = handlers;
  }

  setPeers(peers: readonly PeerEndpoint[]): void {
    if (this.closed) return;
    const wanted = new Set(peers.map(({ id }) => id));
    for (const id of [...this.known]) if (!wanted.has(id)) this.release(id);
    for (const peer of peers) {
      if (peer.id === this.id) continue;
      clearTimeout(this.leaving.get(peer.id));
      this.leaving.delete(peer.id);
      this.known.add(peer.id);
    }
    this.network.changed();
  }

  send(to: string, envelopes: readonly PeerEnvelope[]): boolean {
    const other = this.closed ? null : this.network.connected(this, to);
    if (!other) return false;
    const { maxUrgentBytes, maxBulkBytes, maxFrameBytes } = this.limits;
    const urgent = this.encode(envelopes, 'urgent');
    const bulk = this.encode(envelopes, 'bulk');
    const outgoing = this.outgoing.get(other);
    if ([...urgent, ...bulk].some(({ length }) => length > maxFrameBytes)) return false;
    if (bytesOf(outgoing?.urgent) + bytesOf(urgent) > maxUrgentBytes) return false;
    if (bytesOf(outgoing?.bulk) + bytesOf(bulk) > maxBulkBytes) return false;
    if (outgoing) {
      outgoing.urgent.push(...urgent);
      outgoing.bulk.push(...bulk);
    } else this.post(other, { urgent, bulk });
    return true;
  }

  isConnected(peer: string): boolean {
    return !this.closed && this.network.connected(this, peer) != null;
  }

  backlog(peer: string): number {
    const other = this.closed ? null : this.network.connected(this, peer);
    return other ? bytesOf(this.outgoing.get(other)?.bulk) : 0;
  }

  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure> {
    const refused = this.refusal(to, timeoutMs);
    if (refused) return Promise.resolve(failure(refused, false));
    return new Promise((resolve) => {
      const expire = () => this.settle(call, failure('deadline', call.sentTo !== null));
      const deadline = setTimeout(expire, timeoutMs);
      const call: PendingCall = { to, request, sentTo: null, resolve, deadline, wait: undefined };
      this.calls.add(call);
      call.wait = setTimeout(
        () => this.settle(call, failure('not-connected', false)),
        this.limits.connectWaitMs,
      );
      this.ask(call);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.handlers = null;
    for (const timer of this.leaving.values()) clearTimeout(timer);
    for (const call of this.calls) this.settle(call, failure('closed', call.sentTo !== null));
    this.network.remove(this);
  }

  /** Whether it connects to this peer by itself: it was named, and not so long ago that it was forgotten. */
  knows(id: string): boolean {
    return this.known.has(id) || this.leaving.has(id);
  }

  /** Takes note of connections that are gone, and sends the calls for which there is one now. */
  reconsider(): void {
    for (const [id, before] of this.peers) {
      if (this.network.connected(this, id) === before) continue;
      this.peers.delete(id);
      this.outgoing.delete(before);
      for (const call of this.calls) {
        if (call.sentTo === before) this.settle(call, failure('connection-lost', true));
      }
      this.handlers?.disconnected(id);
    }
    for (const call of this.calls) if (call.sentTo === null) this.ask(call);
  }

  /** Takes note of a connection. */
  meet(other: MemoryTransport): void {
    this.peers.set(other.id, other);
  }

  private release(id: string): void {
    const other = this.network.connected(this, id);
    this.known.delete(id);
    const forget = () => {
      this.leaving.delete(id);
      for (const call of this.calls) {
        if (call.to === id && !call.sentTo) this.settle(call, failure('unknown-peer', false));
      }
      this.network.changed();
    };
    if (other) this.leaving.set(id, setTimeout(forget, this.limits.graceMs));
    else forget();
  }

  private encode(envelopes: readonly PeerEnvelope[], lane: Lane): Buffer[] {
    const sent = envelopes.filter(({ body }) => laneOf(body.type) === lane);
    return encodeEnvelopes(this.options, sent, this.limits.maxBatchBytes);
  }

  private post(other: MemoryTransport, outgoing: Outgoing): void {
    this.outgoing.set(other, outgoing);
    this.network.deliver(() => {
      // Lost with the connection that it was sent over.
      if (this.outgoing.get(other) !== outgoing) return;
      this.outgoing.delete(other);
      for (const lane of LANES) {
        const { envelopes } = decodeBatch(Buffer.concat(outgoing[lane]), this.options);
        if (envelopes.length > 0) other.handlers?.received(this.id, envelopes);
      }
    });
  }

  private refusal(to: string, timeoutMs: number): CallFailure['code'] | null {
    if (this.closed) return 'closed';
    if (to === this.id) return 'unknown-peer';
    if (!this.knows(to) && !this.network.connected(this, to)) return 'unknown-peer';
    if (!(timeoutMs > 0)) return 'deadline';
    let open = 0;
    for (const call of this.calls) if (call.to === to) open++;
    return open >= this.limits.maxCalls ? 'overloaded' : null;
  }

  private ask(call: PendingCall): void {
    const other = this.network.connected(this, call.to);
    if (!other) return;
    call.sentTo = other;
    clearTimeout(call.wait);
    this.network.deliver(() => {
      if (this.calls.has(call)) void this.answer(call, other);
    });
  }

  private async answer(call: PendingCall, other: MemoryTransport): Promise<void> {
    let answer: PeerReply | CallFailure;
    try {
      answer = other.handlers
        ? await other.handlers.asked(this.id, call.request)
        : failure('not-connected', false);
    } catch {
      answer = failure('connection-lost', true);
    }
    this.network.deliver(() => this.settle(call, answer));
  }

  private settle(call: PendingCall, answer: PeerReply | CallFailure): void {
    if (!this.calls.delete(call)) return;
    clearTimeout(call.deadline);
    clearTimeout(call.wait);
    call.resolve(answer);
  }
}

function bytesOf(batches: readonly Buffer[] = []): number {
  return batches.reduce((bytes, { length }) => bytes + length, 0);
}
