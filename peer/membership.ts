/**
 * This peer's ties to the orchestrator: registers, registers again when it seems forgotten, says goodbye.
 *
 * Invariants: at most one registration is under way; pauses between failed ones grow to a limit; losing the orchestrator
 * never keeps the peer from serving by the last view it knows.
 */
import got, { type Got, HTTPError } from 'got';
import type { Clock } from '../common/clock.js';
import type { Leaving, Registration } from '../common/control.js';
import type { Logger } from '../common/log.js';
import { bearer } from '../common/secret.js';
import { type View, viewSchema } from '../common/view.js';

const CALL_MS = 2_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** Without a word from the orchestrator for this long, the peer registers again. */
const FORGOTTEN_MS = 3_000;
const CHECK_MS = 250;

/** Refusals that no patience mends: the peer is set up wrongly, or another process has taken its place. */
const FATAL = new Set(['wrong-cluster', 'stale-instance', 'invalid-registration', 'unauthorized']);

export interface MembershipOptions {
  /** http://host:port, without a path. */
  readonly orchestrator: string;
  readonly secret: string | null;
  /** What is told at each registration; the view is added. */
  readonly self: Omit<Registration, 'view'>;
}

export interface MembershipHooks {
  view(): View | null;
  /** Whether the view names this process. */
  isMember(): boolean;
  adopt(view: View): void;
  /** The registration was refused for good; the line says why and what to do. */
  refused(line: string): void;
}

export class Membership {
  private readonly http: Got;
  private heardAtMs: number;
  private pauseMs = FIRST_PAUSE_MS;
  private nextTryAtMs = 0;
  private registering = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: MembershipOptions,
    private readonly hooks: MembershipHooks,
    private readonly clock: Clock,
    private readonly log: Pick<Logger, 'info' | 'warn' | 'error'>,
  ) {
    this.heardAtMs = clock.monotonicMs();
    this.http = got.extend({
      prefixUrl: options.orchestrator,
      headers: { authorization: bearer(options.secret) },
      retry: { limit: 0 },
      followRedirect: false,
      timeout: { request: CALL_MS },
      responseType: 'json',
    });
  }

  start(): void {
    this.timer = setInterval(() => this.check(), CHECK_MS);
    this.check();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  /** The orchestrator spoke to this peer. */
  heard(): void {
    this.heardAtMs = this.clock.monotonicMs();
  }

  /**
   * Asks for all partitions to be given to others.
   * @returns null where the orchestrator agreed, else why not
   */
  async leave(): Promise<string | null> {
    const { cluster, id, instance } = this.options.self;
    const leaving: Leaving = { cluster, id, instance };
    try {
      const answer = await this.http.post('leave', { json: leaving });
      this.hooks.adopt(viewSchema.parse(answer.body));
      return null;
    } catch (error) {
      return describe(error).line;
    }
  }

  private check(): void {
    const now = this.clock.monotonicMs();
    const forgotten = now - this.heardAtMs > FORGOTTEN_MS;
    if (this.registering || now < this.nextTryAtMs || (this.hooks.isMember() && !forgotten)) return;
    void this.register();
  }

  private async register(): Promise<void> {
    this.registering = true;
    try {
      const registration: Registration = { ...this.options.self, view: this.hooks.view() };
      const answer = await this.http.post('register', { json: registration });
      this.hooks.adopt(viewSchema.parse(answer.body));
      this.heard();
      if (this.pauseMs > FIRST_PAUSE_MS) this.log.info('the orchestrator answers again');
      this.pauseMs = FIRST_PAUSE_MS;
      this.nextTryAtMs = this.clock.monotonicMs() + FIRST_PAUSE_MS;
    } catch (error) {
      this.failed(error);
    } finally {
      this.registering = false;
    }
  }

  private failed(error: unknown): void {
    if (this.stopped) return;
    const { code, line } = describe(error);
    if (FATAL.has(code)) {
      this.stop();
      this.hooks.refused(`the orchestrator at ${this.options.orchestrator} refuses this peer: ${line}`);
      return;
    }
    const pauseMs = Math.round(this.pauseMs * (0.5 + this.clock.random()));
    this.nextTryAtMs = this.clock.monotonicMs() + pauseMs;
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.log.warn({ pauseMs }, `not registered at ${this.options.orchestrator}: ${line}; trying again`);
  }
}

function describe(error: unknown): { code: string; line: string } {
  if (error instanceof HTTPError) {
    const body: unknown = error.response.body;
    if (typeof body === 'object' && body !== null && 'code' in body && 'detail' in body) {
      return { code: String(body.code), line: String(body.detail).replace(/\.$/, '') };
    }
    return { code: 'http', line: `it answers ${error.response.statusCode}` };
  }
  const line = error instanceof Error ? error.message : String(error);
  return { code: 'unreachable', line: line.split('\n', 1)[0] ?? '' };
}
