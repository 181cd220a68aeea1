/** The limits of the transport: what they are, and what happens at each. */

export interface TransportLimits {
  /** Bytes of urgent messages that wait for one peer, or for the wire to it; beyond it, `send` refuses them. */
  readonly maxUrgentBytes: number;
  /** The same for all others, replies among them; beyond it, a request fails with `overloaded`, a reply is dropped. */
  readonly maxBulkBytes: number;
  /** One message, request or reply; `send` refuses a larger one, and a call with it fails with `overloaded`. */
  readonly maxFrameBytes: number;
  /** A batch is closed at this size; a larger message makes it longer. */
  readonly maxBatchBytes: number;
  /** Calls to one peer that have no answer yet; a further one fails with `overloaded`. */
  readonly maxCalls: number;
  /** Requests of one peer being answered; a further one is declined, and fails there with `overloaded`. */
  readonly maxAnswering: number;
  /** Connected peers that no map has named yet, or none names any more; a further one is refused and tries again. */
  readonly maxGuests: number;
  /** Streams whose other lane has not come yet; a further one is refused, and the dialer tries again. */
  readonly maxHalves: number;
  /** How long a call waits for a connection before it fails with `not-connected`. */
  readonly connectWaitMs: number;
  /**
   * How long one attempt to connect may take; then comes the next. Short, because behind a cut that has healed the
   * system itself asks for a connection again only after 1, 3, 7, … seconds.
   */
  readonly dialMs: number;
  /** Something is sent at least this often: an empty batch, if there is nothing else. */
  readonly heartbeatMs: number;
  /**
   * A connection on which nothing came for this long is replaced: behind a cut that has healed, the system itself
   * sends again only after a pause as long as the cut was.
   */
  readonly silenceMs: number;
  /** How long a connection to a peer that is no longer named stays: what it says may still be needed. */
  readonly graceMs: number;
  /** How long a closing transport waits for what it sent last to be flushed. */
  readonly drainMs: number;
}

const MiB = 1024 * 1024;

export const DEFAULT_LIMITS: TransportLimits = {
  maxUrgentBytes: 8 * MiB,
  maxBulkBytes: 64 * MiB,
  maxFrameBytes: 48 * MiB,
  maxBatchBytes: 1 * MiB,
  maxCalls: 1024,
  maxAnswering: 1024,
  maxGuests: 64,
  maxHalves: 64,
  connectWaitMs: 1000,
  dialMs: 1500,
  heartbeatMs: 500,
  silenceMs: 2000,
  graceMs: 10_000,
  drainMs: 250,
};
