/** One peer's end of a `MemoryNetwork`. */
import { requestBytes } from './frames.js';
import { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
import { failure } from './link.js';
import type { PeerReply, PeerRequest } from './messages.js';
import type { CallFailure, PeerAddress, RequestHandler, Transport } from './transport.js';

export interface MemoryOptions {
  readonly id: string;
  readonly instance: number;
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

export class MemoryTransport implements Transport {
  readonly id: string;
  readonly instance: number;
  private readonly limits: TransportLimits;
  private readonly known = new Map<string, PeerAddress>();
  private readonly calls = new Set<PendingCall>();
  private handler: RequestHandler | null = null;
  private closed = false;

  constructor(
    private readonly network: Wires,
    options: MemoryOptions,
  ) {
    this.id = options.id;
    this.instance = options.instance;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  async listen(handler: RequestHandler): Promise<void> {
    this.network.add(this);
    this.handler = handler;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.closed) return;
    const wanted = new Set(peers.map(({ id }) => id));
    for (const id of [...this.known.keys()]) {
      if (wanted.has(id)) continue;
      const other = this.network.connected(this, id);
      this.known.delete(id);
      other?.lose(this.id, false);
      this.lose(id, true);
    }
    for (const peer of peers) if (peer.id !== this.id) this.known.set(peer.id, peer);
    this.network.changed();
  }

  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure> {
    const refused = this.refusal(to, request, timeoutMs);
    if (refused) return Promise.resolve(failure(refused, false));
    return new Promise((resolve) => {
      const expire = () => this.settle(call, failure('deadline', call.sentTo !== null));
      const deadline = setTimeout(expire, timeoutMs);
      const call: PendingCall = { to, request, sentTo: null, resolve, deadline, wait: undefined };
      this.calls.add(call);
      this.await(call);
      this.send(call);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.handler = null;
    for (const call of this.calls) this.settle(call, failure('closed', call.sentTo !== null));
    this.network.remove(this);
  }

  /** The instance of a peer that this one was told of, or null. */
  knownInstance(id: string): number | null {
    return this.known.get(id)?.instance ?? null;
  }

  /** Fails the calls whose connection is gone, and sends those for which there is one now. */
  reconsider(): void {
    for (const call of this.calls) {
      if (call.sentTo === null) this.send(call);
      else if (this.network.connected(this, call.to) !== call.sentTo) {
        this.settle(call, failure('connection-lost', true));
      }
    }
  }

  private refusal(to: string, request: PeerRequest, timeoutMs: number): CallFailure['code'] | null {
    if (this.closed) return 'closed';
    if (to === this.id) return 'unknown-peer';
    if (!this.known.has(to) && !this.network.connected(this, to)) return 'unknown-peer';
    if (!(timeoutMs > 0)) return 'deadline';
    let open = 0;
    for (const call of this.calls) if (call.to === to) open++;
    return open >= this.limits.maxCalls || requestBytes(request) > this.limits.maxFrameBytes
      ? 'overloaded'
      : null;
  }

  private await(call: PendingCall): void {
    const giveUp = () => this.settle(call, failure('not-connected', false));
    call.wait = setTimeout(giveUp, this.limits.connectWaitMs);
  }

  private send(call: PendingCall): void {
    const other = this.network.connected(this, call.to);
    if (!other) return;
    call.sentTo = other;
    clearTimeout(call.wait);
    this.network.deliver(() => {
      if (this.network.connected(this, call.to) === other) void this.ask(call, other);
    });
  }

  private async ask(call: PendingCall, other: MemoryTransport): Promise<void> {
    let answer: PeerReply | CallFailure;
    try {
      answer = other.handler ? await other.handler(this.id, call.request) : failure('not-connected', false);
    } catch {
      answer = failure('connection-lost', true);
    }
    this.network.deliver(() => this.settle(call, answer));
  }

  /** The connection is lost, and if the peer is known no more, what waits for another waits in vain. */
  private lose(to: string, waitingToo: boolean): void {
    for (const call of this.calls) {
      if (call.to !== to) continue;
      if (call.sentTo) this.settle(call, failure('connection-lost', true));
      else if (waitingToo) this.settle(call, failure('unknown-peer', false));
    }
  }

  private settle(call: PendingCall, answer: PeerReply | CallFailure): void {
    if (!this.calls.delete(call)) return;
    clearTimeout(call.deadline);
    clearTimeout(call.wait);
    call.resolve(answer);
  }
}
