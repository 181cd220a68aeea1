/**
 * What a peer needs of the wire between peers. One implementation speaks gRPC, one stays in memory (tests);
 * both pass `test/conformance/transport.ts`.
 *
 * Invariants: a call settles exactly once, at its deadline at the latest; an answer belongs to the call it answers;
 * `sent: false` means that the other side has not seen, and will never see, the request.
 */
import type { PeerReply, PeerRequest } from './messages.js';

export interface PeerAddress {
  readonly id: string;
  readonly host: string;
  readonly peerPort: number;
  /** A new instance number means a new process: an old connection to the id is dropped. */
  readonly instance: number;
}

/** Why a call has no answer. */
export interface CallFailure {
  readonly type: 'call-failed';
  readonly code: 'unknown-peer' | 'not-connected' | 'overloaded' | 'connection-lost' | 'deadline' | 'closed';
  /** Whether the other side may have acted on it. */
  readonly sent: boolean;
}

/** Answers a request of another peer. What it throws or rejects with is a broken invariant, never an answer. */
export type RequestHandler = (from: string, request: PeerRequest) => PeerReply | Promise<PeerReply>;

export interface Transport {
  /** Starts to listen; rejects if the port is taken. The handler may be called from then on. */
  listen(handler: RequestHandler): Promise<void>;
  /** Sets the peers to be connected to (this one is skipped); connections to others are closed. */
  setPeers(peers: readonly PeerAddress[]): void;
  /**
   * Asks another peer, and waits for its answer or for `timeoutMs`. A call to a peer that is being connected to waits
   * for the connection. Never rejects.
   */
  call(to: string, request: PeerRequest, timeoutMs: number): Promise<PeerReply | CallFailure>;
  /** Fails what is open with `closed`, closes connections and the port. */
  close(): Promise<void>;
}
