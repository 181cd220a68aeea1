/** The gateway's numbers: how long it tries, and how much it holds. Times in ms of the monotonic clock. */
export interface GatewaySettings {
  /** A request that has no answer by then gets `not-applied` or `unknown` (writes), or `unavailable` (reads). */
  readonly writeDeadlineMs: number;
  readonly readDeadlineMs: number;
  /** An attempt of a write without an answer for this long is followed by another, with the same id. */
  readonly writeAttemptMs: number;
  /** A read without an answer for this long is also tried elsewhere; the first answer counts. */
  readonly readHedgeMs: number;
  /** A peer that was asked this long ago may be asked again: its answer may have been lost. */
  readonly reaskMs: number;
  /** After a refusal the next attempt waits this long, doubled each time, up to the maximum. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** A write that is refused because its partition has too few copies is tried again for this long. */
  readonly tooFewCopiesMs: number;
  /** A peer that left a read without an answer is asked last for this long. */
  readonly avoidMs: number;
  /** Requests in progress; beyond it one is turned away at once, with nothing applied. */
  readonly maxOpenWrites: number;
  readonly maxOpenReads: number;
}

/** The product's numbers (`--failure-detection normal`). */
export const DEFAULT_GATEWAY_SETTINGS: GatewaySettings = {
  writeDeadlineMs: 5_000,
  readDeadlineMs: 3_000,
  writeAttemptMs: 500,
  readHedgeMs: 100,
  reaskMs: 1_000,
  retryMinMs: 10,
  retryMaxMs: 160,
  tooFewCopiesMs: 1_000,
  avoidMs: 1_000,
  maxOpenWrites: 10_000,
  maxOpenReads: 10_000,
};
