/** Keeps a stream open to one peer at one address: dials, and again after a pause whenever that fails or ends. */
import { status } from '@grpc/grpc-js';
import { backoffMs } from './backoff.js';
import { DialAttempt, type DialOptions } from './dial-attempt.js';
import type { Refusal } from './hello.js';
import type { TransportLog } from './log.js';
import type { PeerAddress } from './transport.js';

/** A stream that was open this long was a good one: the pauses begin anew. */
const GOOD_MS = 1000;

export class Dialer {
  private failures = 0;
  private loggedCode: status | null = null;
  private timer: NodeJS.Timeout | undefined;
  private attempt: DialAttempt | null = null;
  private stopped = false;
  private finished: (() => void) | null = null;

  constructor(
    readonly address: PeerAddress,
    private readonly options: DialOptions & { readonly log: TransportLog },
  ) {
    this.dial();
  }

  /** Ends the attempt, or the stream that is open, now, and dials no more. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.attempt?.end({ code: status.CANCELLED, reason: 'no longer wanted' });
  }

  /** Dials no more; a stream that is ending may come to its end, for `drainMs` at most. */
  async finish(drainMs: number): Promise<void> {
    if (this.attempt?.isOpen) {
      this.stopped = true;
      await new Promise<void>((resolve) => {
        this.finished = resolve;
        this.timer = setTimeout(resolve, drainMs);
      });
    }
    this.stop();
  }

  private dial(): void {
    this.attempt = new DialAttempt(this.address, this.options, (why, openMs) => {
      this.attempt = null;
      if (openMs !== null) this.loggedCode = null;
      if (openMs !== null && openMs >= GOOD_MS) this.failures = 0;
      if (this.stopped) this.finished?.();
      else this.dialAgain(why);
    });
  }

  private dialAgain({ code, reason }: Refusal): void {
    this.failures++;
    // Reasons hold times and ports: what tells one trouble from another is the code.
    if (code !== this.loggedCode) {
      this.loggedCode = code;
      this.options.log.warn({ peer: this.address.id, reason }, 'no connection to a peer; trying again');
    }
    this.timer = setTimeout(() => this.dial(), backoffMs(this.failures, this.options.clock.random()));
  }
}
