/** The limits of the transport: what they are, and what happens at each. */

export interface TransportLimits {
  /** Calls to one peer that have no answer yet; a further one fails with `overloaded`. */
  readonly maxCalls: number;
  /** Bytes of requests to one peer that wait to be sent; at the limit a further call fails with `overloaded`. */
  readonly maxWaitingBytes: number;
  /** Requests of one peer being answered; a further one is declined, and fails there with `overloaded`. */
  readonly maxAnswering: number;
  /** Bytes of replies to one peer that wait to be sent; at the limit its further requests are declined. */
  readonly maxReplyBytes: number;
  /** One request or reply; a larger request fails with `overloaded`, a larger reply is a broken invariant. */
  readonly maxFrameBytes: number;
  /** A batch is closed at this size; a larger frame travels alone. */
  readonly maxBatchBytes: number;
  /** Bytes handed to gRPC and not flushed; the rest waits in our queue, where it can still be taken back. */
  readonly maxUnflushedBytes: number;
  /** Connected peers that no view has named yet; a further one is refused and tries again. */
  readonly maxGuests: number;
  /** How long a call waits for a connection before it fails with `not-connected`. */
  readonly connectWaitMs: number;
  /** How long one attempt to connect may take; then comes the next. */
  readonly dialMs: number;
  /** How long a closing transport waits for its last replies to be flushed. */
  readonly drainMs: number;
}

const MiB = 1024 * 1024;

export const DEFAULT_LIMITS: TransportLimits = {
  maxCalls: 8192,
  maxWaitingBytes: 64 * MiB,
  maxAnswering: 8192,
  maxReplyBytes: 64 * MiB,
  maxFrameBytes: 48 * MiB,
  maxBatchBytes: 1 * MiB,
  maxUnflushedBytes: 4 * MiB,
  maxGuests: 64,
  connectWaitMs: 1000,
  dialMs: 2000,
  drainMs: 250,
};
