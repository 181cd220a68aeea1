/**
 * The numbers that a cluster may choose: times, and the limits of every queue and message.
 *
 * Kept true: safety needs only three of them, `leaseHoldMs`, `maxLeaseHoldMs` and `clockRateError` (rule L4): a grantor
 * counts a lease for longer than its holder uses it, whatever the rates of their clocks. How long it is used travels
 * with it, so that peers may differ in `leaseHoldMs`, and change it one after another; none may ask for more than
 * `maxLeaseHoldMs`, which is the same at all of them, for ever. Everything else is policy.
 */

/** See `DEFAULT_SETTINGS` for usual values. Times are in ms of the lease clock. */
export interface Settings {
  /** How often `tick` is given. */
  readonly tickMs: number;
  /** A holder uses a lease for this long, counted from when it SENT the request (L1). */
  readonly leaseHoldMs: number;
  /** The longest lease that is granted. A process that has just started counts everybody as granted for so long (L2). */
  readonly maxLeaseHoldMs: number;
  /** How often leases are asked for anew. */
  readonly leaseRenewMs: number;
  /** No clock's rate is further from true time than this share (section 3). */
  readonly clockRateError: number;
  /** ALIGN, snapshot parts and JOIN are repeated after this long, large ones later: see `retryAfterMs`. */
  readonly retryMs: number;
  /** Entries that are not acknowledged are sent again after this long. */
  readonly resendMs: number;
  /** A member that owes an acknowledgement for this long, or is silent for it, is accused (E9). */
  readonly accuseAfterMs: number;
  /** If ticks are further apart than this, our own event loop stood still: nobody is accused for a while. */
  readonly stallMs: number;
  /** A map is pulled from a peer, and given to one that did not ask, at most this often. */
  readonly pullMs: number;
  /** Requests that arrive while this primary starts wait this long, at most `maxQueuedRequests` of them; then `starting`. */
  readonly queueMs: number;
  readonly maxQueuedRequests: number;
  /** One attempt of a read waits this long for other members, then `timeout`. */
  readonly readTimeoutMs: number;
  /** Reads of one partition that wait for other members; beyond it `overloaded`. */
  readonly maxWaitingReads: number;
  /** W6: beyond either, a partition's writes are refused with `overloaded`. */
  readonly maxUncommittedEntries: number;
  readonly maxUncommittedBytes: number;
  /** And all partitions that a peer leads together have at most this much uncommitted: its memory, if its disk hangs. */
  readonly maxUncommittedTotalBytes: number;
  /** One message carries at most this much, or one entry or row if that is larger. */
  readonly maxMessageEntries: number;
  readonly maxMessageBytes: number;
  /**
   * A partition keeps this much of its committed log, by `sizeOf`, for peers that come back (C4): 64 KiB are 100 small
   * entries, and 17 MB in a peer that holds 256 partitions.
   */
  readonly retainedLogBytes: number;
  /** For so long after a member left; without that nobody is away who could come back, and `settledLogBytes` are kept. */
  readonly retainLogMs: number;
  /**
   * Usually enough for a member that leaves now: it may know less to be committed than it holds. One that lacks more, of a
   * partition that is written often, gets a copy.
   */
  readonly settledLogBytes: number;
  /** If a partition's log grows beyond this because learners are slow, they are accused: catching up begins anew. */
  readonly maxCatchUpBytes: number;
  /** A learner this close to the end of the log is added (C3). */
  readonly addWithinEntries: number;
  /** ADD is repeated after this long. */
  readonly addRepeatMs: number;
  /** Changes that nobody waits for are stored after this long, or when there are this many. */
  readonly lazyStoreMs: number;
  readonly lazyStoreOps: number;
  /** A replica asks the primary about a key that by its own clock expires within this time (section 8). */
  readonly wallSkewMs: number;
  /** What is stored of a partition that others hold without this peer is deleted after this long. */
  readonly keepUnusedMs: number;
  /** Damaged rows are looked for this often, in one partition at a time, this many rows and bytes of it. */
  readonly scrubEveryMs: number;
  readonly scrubRows: number;
  readonly scrubBytes: number;
  /** Expired keys removed of one partition at once; it is looked at as often as leases are asked for. */
  readonly maxExpiriesPerTick: number;
}

/** The product's numbers (`--failure-detection normal`). */
export const DEFAULT_SETTINGS: Settings = {
  tickMs: 50,
  leaseHoldMs: 1_000,
  maxLeaseHoldMs: 3_000,
  leaseRenewMs: 200,
  clockRateError: 0.01,
  retryMs: 100,
  resendMs: 150,
  accuseAfterMs: 1_000,
  stallMs: 300,
  pullMs: 50,
  queueMs: 50,
  maxQueuedRequests: 50,
  readTimeoutMs: 500,
  maxWaitingReads: 1_024,
  maxUncommittedEntries: 1_024,
  maxUncommittedBytes: 8 * 1024 * 1024,
  maxUncommittedTotalBytes: 64 * 1024 * 1024,
  maxMessageEntries: 256,
  maxMessageBytes: 1024 * 1024,
  retainedLogBytes: 64 * 1024,
  retainLogMs: 600_000,
  settledLogBytes: 8 * 1024,
  maxCatchUpBytes: 64 * 1024 * 1024,
  addWithinEntries: 5,
  addRepeatMs: 200,
  lazyStoreMs: 100,
  lazyStoreOps: 1_024,
  wallSkewMs: 1_000,
  keepUnusedMs: 60_000,
  scrubEveryMs: 100,
  scrubRows: 64,
  scrubBytes: 256 * 1024,
  maxExpiriesPerTick: 64,
};

/** For a local network with quiet machines: finds a dead peer in about half the time. */
export const FAST_SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  leaseHoldMs: 500,
  leaseRenewMs: 100,
  accuseAfterMs: 500,
};

/** For machines that stand still now and then: three times as slow to call a peer dead. */
export const PATIENT_SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  leaseHoldMs: 3_000,
  leaseRenewMs: 500,
  accuseAfterMs: 3_000,
  stallMs: 900,
};

/** The numbers behind the words of `--failure-detection`. */
export function detectionSettings(word: 'fast' | 'normal' | 'patient'): Settings {
  return { fast: FAST_SETTINGS, normal: DEFAULT_SETTINGS, patient: PATIENT_SETTINGS }[word];
}

/** What a network of the slowest kind carries in `retryMs`. */
const RETRY_BYTES = 1024 * 1024;

/** After how long a message of this size is repeated: not while it may still be on its way. */
export function retryAfterMs(bytes: number, { retryMs }: Settings): number {
  return retryMs * (1 + Math.floor(bytes / RETRY_BYTES));
}

/** L4: how long a grantor counts a lease of `holdMs` as held, in ms of its own clock from when it granted. */
export function leaseGrantMs(holdMs: number, { clockRateError: rho }: Settings): number {
  return Math.ceil((holdMs * (1 + rho)) / (1 - rho)) + 1;
}
