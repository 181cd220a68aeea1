/**
 * How a client tries again: which peer, when, and what it may say in the end.
 *
 * Keeps true:
 * - a write without an Idempotency-Key is sent again only when it certainly had no effect: the connection could
 *   not be made, or the answer said `not-applied`. With a key it is also sent again after an unknown outcome,
 *   under the same key, since it runs at most once;
 * - once an attempt's outcome was unknown, only an answer under the same key can make it known. A later
 *   `not-applied` speaks of the later attempt, not of that one;
 * - attempts, waiting times and the total time are bounded; each peer is tried before any is tried again.
 * Pure: no timer, no clock, no randomness (`spread` is handed in). The simulator's clients run it; a client for
 * programs is to.
 */

/** What came of one attempt, as the client saw it. */
export type Seen =
  /** A definite answer: a result, 404, 412, or any refusal that trying again cannot change. */
  | { readonly kind: 'answered' }
  /** 503 with `not-applied`, 429, or no connection: nothing was done. `retryAfterMs` as the peer asked, if it did. */
  | { readonly kind: 'not-applied'; readonly retryAfterMs?: number | undefined }
  /** 504, a reset connection, or silence: it may have been done. */
  | { readonly kind: 'unknown' };

/** What kind of request it is. */
export interface RetriedRequest {
  /** A read may be repeated whatever happened. */
  readonly kind: 'read' | 'write';
  /** The write carries an Idempotency-Key. */
  readonly keyed: boolean;
}

/** The limits of a client's patience; times in ms. */
export interface RetrySettings {
  readonly maxAttempts: number;
  readonly deadlineMs: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
}

/** Usual patience. */
export const DEFAULT_RETRY: RetrySettings = {
  maxAttempts: 10,
  deadlineMs: 15_000,
  pauseMinMs: 20,
  pauseMaxMs: 1_000,
};

/** What to do next. */
export type RetryStep =
  /** Ask peer number `peer` (of `peers`) after `afterMs`. */
  | { readonly kind: 'ask'; readonly peer: number; readonly afterMs: number }
  /** The last attempt's answer is the answer. */
  | { readonly kind: 'done' }
  /** Nothing was done, for certain. */
  | { readonly kind: 'not-applied' }
  /** It may have been done. */
  | { readonly kind: 'unknown' };

/** One request of a client, over all of its attempts. */
export class Retry {
  readonly #request: RetriedRequest;
  readonly #settings: RetrySettings;
  readonly #peers: number;
  readonly #startedMs: number;
  #peer: number;
  #attempts = 0;
  #doubtful = false;

  /**
   * @param peers how many peers the client knows, at least 1
   * @param spread where in the list it begins, any whole number >= 0: different for different requests
   */
  constructor(
    request: RetriedRequest,
    settings: RetrySettings,
    peers: number,
    spread: number,
    nowMs: number,
  ) {
    this.#request = request;
    this.#settings = settings;
    this.#peers = peers;
    this.#peer = spread % peers;
    this.#startedMs = nowMs;
  }

  /** The first attempt. */
  first(): RetryStep {
    this.#attempts = 1;
    return { kind: 'ask', peer: this.#peer, afterMs: 0 };
  }

  /** What follows from what came of the attempt before. */
  next(nowMs: number, seen: Seen): RetryStep {
    if (seen.kind === 'answered') return { kind: 'done' };
    const isRead = this.#request.kind === 'read';
    if (seen.kind === 'unknown' && !isRead) this.#doubtful = true;
    if (this.#doubtful && !this.#request.keyed) return { kind: 'unknown' };
    const afterMs = Math.max(this.#pauseMs(), seen.kind === 'not-applied' ? (seen.retryAfterMs ?? 0) : 0);
    const late = nowMs + afterMs - this.#startedMs >= this.#settings.deadlineMs;
    if (late || this.#attempts >= this.#settings.maxAttempts) {
      return { kind: this.#doubtful ? 'unknown' : 'not-applied' };
    }
    this.#attempts++;
    this.#peer = (this.#peer + 1) % this.#peers;
    return { kind: 'ask', peer: this.#peer, afterMs };
  }

  /** No wait while there are peers that were not tried; then longer and longer. */
  #pauseMs(): number {
    const rounds = Math.floor(this.#attempts / this.#peers);
    if (rounds === 0) return 0;
    const { pauseMinMs, pauseMaxMs } = this.#settings;
    return Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(rounds - 1, 20));
  }
}
