/**
 * What a peer needs of the wire between peers. One implementation speaks gRPC, one stays in memory (tests);
 * both pass `test/conformance/transport.ts`.
 *
 * Invariants: a call settles exactly once, at its deadline (or a few milliseconds after) at the latest; an answer
 * belongs to the call it answers; `sent: false` means that nobody acted on the request, and nobody will.
 */
import type { PeerReply, PeerRequest } from './messages.js';

export interface PeerAddress {
  readonly id: string;
  readonly host: string;
  readonly peerPort: number;
  /** A new instance number means a new process: an old connection to the id is dropped. */
  readonly instance: number;
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

/**
 * Answers a request of another peer. What it throws or rejects with is a broken invariant, never an answer: it is
 * logged, and the call fails at the asker with `connection-lost`. Bytes of a found record that comes as an answer may
 * be a window on a larger buffer; those of a put or a fetched entry may be kept.
 */
export type RequestHandler = (from: string, request: PeerRequest) => PeerReply | Promise<PeerReply>;

export interface Transport {
  /** Starts to listen; rejects if the port is taken. The handler may be called from then on. */
  listen(handler: RequestHandler): Promise<void>;
  /**
   * Sets the peers to be connected to (this one is skipped); connections to those that are no longer named are closed.
   * A peer that connects before it was ever named here (its view is newer than ours) is a guest: it may ask and be asked.
   */
  setPeers(peers: readonly PeerAddress[]): void;
  /**
   * Asks another peer, and waits for its answer or for `timeoutMs`. A call to a peer that is being connected to waits
   * for the connection, a second at most. Never rejects.
   */
  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure>;
  /** Fails what is open with `closed`, sends the replies that are ready, closes connections and the port. */
  close(): Promise<void>;
}
