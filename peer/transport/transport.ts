/**
 * What a peer needs of the wire between peers. One implementation speaks gRPC, one stays in memory (tests);
 * both pass `test/conformance/transport.ts`.
 *
 * Invariants: an envelope arrives at most once, and those of one lane in the order in which they were sent; a call
 * settles exactly once, at its deadline (or a few milliseconds after) at the latest; an answer belongs to the call it
 * answers; what was not sent, as `send` or a failure say, is never acted on.
 */
import type { PeerEnvelope } from '../replication/messages.js';
import type { PeerReply, PeerRequest } from './messages.js';

export interface PeerEndpoint {
  readonly id: string;
  readonly host: string;
  readonly peerPort: number;
  /** Names the process: another one means a new process, and an old connection to the id is dropped. */
  readonly process: string;
}

/**
 * Why a call has no answer.
 * - `unknown-peer`: no peer of that id was named by `setPeers`, and none has connected
 * - `not-connected`: no connection came about in the time that a call waits for one, or the other side is stopping
 * - `overloaded`: too much waits to be sent, or to be answered, or the request is too large
 * - `connection-lost`: the connection ended before the answer, or the other side's handler failed
 * - `deadline`: no answer within the call's time
 * - `closed`: this transport was closed
 */
export interface CallFailure {
  readonly type: 'call-failed';
  readonly code: 'unknown-peer' | 'not-connected' | 'overloaded' | 'connection-lost' | 'deadline' | 'closed';
  /** Whether the other side may have acted on it. */
  readonly sent: boolean;
}

/** Who hears what comes in. */
export interface TransportHandlers {
  /**
   * Envelopes that came in one message, in their order. Bytes of values may be windows on what came, but hold no more
   * memory than about twice their own size: they may be kept as they are.
   */
  received(from: string, envelopes: readonly PeerEnvelope[]): void;
  /**
   * The connection to a peer that was connected broke, or nothing came over it any more, or the peer closed it, or
   * another process of the peer took its place. Once a connection; not for those that this side closed because of
   * what `setPeers` said.
   */
  disconnected(peer: string): void;
  /**
   * Answers a request of another peer. What it throws or rejects with is a broken invariant, never an answer: it is
   * logged, and the call fails at the asker with `connection-lost`.
   */
  asked(from: string, request: PeerRequest): PeerReply | Promise<PeerReply>;
}

export interface Transport {
  /** Starts to listen; rejects if the port is taken. The handlers may be called from then on. */
  listen(handlers: TransportHandlers): Promise<void>;
  /**
   * Sets the peers to be connected to (this one is skipped); connections to those that are no longer named are closed
   * after a while. A peer that connects before it was ever named here (its map is newer than ours) is a guest.
   */
  setPeers(peers: readonly PeerEndpoint[]): void;
  /**
   * Sends envelopes, fire and forget: those that are handed over in one callback of the event loop travel together.
   * Leases, acknowledgements and other small words travel in a lane of their own, which values never hold up.
   * False: there is no connection, or too much waits for it, or one is too large; none of these envelopes was or will
   * be sent. Throws for envelopes of another sender, and for numbers that would not come back as they are.
   */
  send(to: string, envelopes: readonly PeerEnvelope[]): boolean;
  /** Whether there is a connection to a peer: what is asked of it now does not wait for one. */
  isConnected(peer: string): boolean;
  /** Bytes of values and other long messages that wait for the wire to a peer; 0 where there is no connection. */
  backlog(peer: string): number;
  /**
   * Asks another peer, and waits for its answer or for `timeoutMs`. A call to a peer that is being connected to waits
   * for the connection, a second at most. Never rejects.
   */
  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure>;
  /** Fails what is open with `closed`, sends what is ready, closes connections and the port. */
  close(): Promise<void>;
}
