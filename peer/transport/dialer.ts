/** Keeps a connection open to one peer: dials, and again after a pause whenever that fails or ends. */
import { status } from '@grpc/grpc-js';
import { backoffMs } from './backoff.js';
import { DialAttempt, type DialOptions } from './dial-attempt.js';
import type { Refusal } from './hello.js';
import type { TransportLog } from './log.js';
import type { PeerEndpoint } from './transport.js';

/** A connection that was open this long was a good one: the pauses begin anew. */
const GOOD_MS = 1000;

export class Dialer {
  private failures = 0;
  private loggedCode: status | null = null;
  private timer: NodeJS.Timeout | undefined;
  private attempt: DialAttempt | null = null;
  private wanted = true;
  private finished: (() => void) | null = null;

  constructor(
    private endpoint: PeerEndpoint,
    private readonly options: DialOptions & { readonly log: TransportLog },
  ) {
    this.dial();
  }

  /** Where to dial from now on; a connection that is open stays. */
  aim(endpoint: PeerEndpoint): void {
    const { attempt } = this;
    const known = this.endpoint;
    const moved = endpoint.host !== known.host || endpoint.peerPort !== known.peerPort;
    const isNews = moved || endpoint.process !== known.process || !this.wanted;
    this.endpoint = endpoint;
    this.wanted = true;
    if (!isNews || attempt?.isOpen) return;
    this.failures = 0;
    if (attempt === null) this.dial();
    else if (moved) attempt.end({ code: status.CANCELLED, reason: 'the peer has moved' });
  }

  /** Dials no more; a connection that is open stays. */
  release(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    if (!this.attempt?.isOpen) this.stop();
  }

  /** Ends the attempt, or the connection that is open, now, and dials no more. */
  stop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    this.attempt?.end({ code: status.CANCELLED, reason: 'no longer wanted' });
  }

  /** Dials no more; a connection that is ending may come to its end, for `drainMs` at most. */
  async finish(drainMs: number): Promise<void> {
    this.release();
    if (this.attempt) {
      await new Promise<void>((resolve) => {
        this.finished = resolve;
        this.timer = setTimeout(resolve, drainMs);
      });
    }
    this.stop();
  }

  private dial(): void {
    clearTimeout(this.timer);
    this.attempt = new DialAttempt(this.endpoint, this.options, (why, openMs) => {
      this.attempt = null;
      if (openMs !== null) this.loggedCode = null;
      if (openMs !== null && openMs >= GOOD_MS) this.failures = 0;
      this.finished?.();
      if (this.wanted) this.dialAgain(why);
    });
  }

  private dialAgain({ code, reason }: Refusal): void {
    this.failures++;
    // Reasons hold times and ports: what tells one trouble from another is the code.
    if (code !== this.loggedCode) {
      this.loggedCode = code;
      this.options.log.warn({ peer: this.endpoint.id, reason }, 'no connection to a peer; trying again');
    }
    this.timer = setTimeout(() => this.dial(), backoffMs(this.failures, this.options.clock.random()));
  }
}
