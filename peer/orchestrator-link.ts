/**
 * This peer's side of the control channel: obeys the orchestrator, answers it, and reports to it.
 *
 * Invariants: nothing here keeps the peer from serving; at most one call is under way, and what waits behind it is
 * bounded: of each report only the newest (a report that fails is dropped, as the core repeats what it still needs);
 * a peer that was never taken is told for good why not, one that was taken goes on whatever the orchestrator says.
 */
import { Agent } from 'node:http';
import got, { type Got, HTTPError } from 'got';
import type { Clock } from '../common/clock.js';
import { MAX_REPORTS, reportsText } from '../common/control.js';
import type { OrchestratorEnvelope, ReportEnvelope } from '../common/control-messages.js';
import type { Delivery } from '../common/control-stream.js';
import type { Logger } from '../common/log.js';
import type { Roster } from '../common/roster.js';
import { bearer } from '../common/secret.js';
import { atEndOfTurn } from './end-of-turn.js';

const CALL_MS = 2_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
/** Of warnings that the orchestrator cannot be reached, one in this time. */
const WARN_EVERY_MS = 10_000;
/** Reports that wait; the oldest goes for one more. */
const MAX_WAITING = MAX_REPORTS;

/** Refusals that no patience mends: the peer is set up wrongly, or a later process has taken its place. */
const FATAL: ReadonlySet<string> = new Set([
  'wrong-cluster',
  'stale-instance',
  'invalid-registration',
  'unauthorized',
]);

export interface OrchestratorLinkOptions {
  /** http://host:port, without a path. */
  readonly orchestrator: string;
  readonly secret: string | null;
  /** This peer's share of the copies next to the others'; 0 holds none. */
  readonly weight: number;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Takes a message of an orchestrator; what it has to say to it comes by `report`, this turn or later. */
  readonly obey: (envelope: OrchestratorEnvelope) => void;
  /** The orchestrator will never take this peer; the line says why and what to do. */
  readonly refused: (line: string) => void;
}

export class OrchestratorLink {
  private readonly http: Got;
  private readonly agent = new Agent({ keepAlive: true });
  /** The answers that are being collected, by orchestrator. */
  private readonly collecting = new Map<string, ReportEnvelope[]>();
  private readonly waiting = new Map<string, ReportEnvelope>();
  private told: Roster | null = null;
  private heardAtMs = Number.NEGATIVE_INFINITY;
  private warnedAtMs = Number.NEGATIVE_INFINITY;
  private pauseMs = FIRST_PAUSE_MS;
  private pause: NodeJS.Timeout | undefined;
  private sending = false;
  private taken = false;
  private stopped = false;

  constructor(private readonly options: OrchestratorLinkOptions) {
    this.http = got.extend({
      prefixUrl: options.orchestrator,
      method: 'POST',
      agent: { http: this.agent },
      headers: { authorization: bearer(options.secret), 'content-type': 'application/json' },
      retry: { limit: 0 },
      followRedirect: false,
      timeout: { request: CALL_MS },
    });
  }

  /** Who is there, as the orchestrator told last; null before it did. */
  get roster(): Roster | null {
    return this.told;
  }

  /** How long ago the orchestrator last spoke to this peer, in ms; Infinity if it never did. */
  get silentMs(): number {
    return this.options.clock.monotonicMs() - this.heardAtMs;
  }

  /** Tells one orchestrator, or all of them: within its own call while that is being answered, else by a call. */
  report(to: string | undefined, envelope: ReportEnvelope): void {
    if (this.stopped) return;
    const answer = to === undefined ? undefined : this.collecting.get(to);
    if (answer !== undefined && answer.length < MAX_REPORTS) {
      answer.push(envelope);
      return;
    }
    this.enqueue(envelope);
    if (!this.sending && this.pause === undefined) void this.send();
  }

  /** Takes what an orchestrator says; resolves at the end of the turn with what there is to say to it by then, as JSON text. */
  async deliver({ envelopes, roster }: Delivery): Promise<string> {
    if (this.stopped) return reportsText([]);
    this.heardAtMs = this.options.clock.monotonicMs();
    if (roster !== undefined) this.told = roster;
    const from = new Set(envelopes.map((envelope) => envelope.from));
    for (const id of from) if (!this.collecting.has(id)) this.collecting.set(id, []);
    for (const envelope of envelopes) this.options.obey(envelope);
    // After the driver, which asked for the end of this turn before us.
    await new Promise<void>((resolve) => atEndOfTurn(resolve));
    const reports = [...from].flatMap((id) => this.collecting.get(id) ?? []);
    for (const id of from) this.collecting.delete(id);
    return reportsText(reports);
  }

  /** Nothing is sent or heard from here on. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.pause);
    this.waiting.clear();
    this.agent.destroy();
  }

  private enqueue(envelope: ReportEnvelope): void {
    const key = keyOf(envelope);
    this.waiting.delete(key);
    this.waiting.set(key, envelope);
    if (this.waiting.size <= MAX_WAITING) return;
    const [oldest] = this.waiting.keys();
    this.waiting.delete(oldest as string);
  }

  private async send(): Promise<void> {
    this.sending = true;
    try {
      // What else is reported in this turn shares the call.
      await Promise.resolve();
      while (this.waiting.size > 0 && !this.stopped) await this.sendWaiting();
    } catch (error) {
      this.failed(error);
    } finally {
      this.sending = false;
    }
  }

  private async sendWaiting(): Promise<void> {
    const reports = [...this.waiting.values()];
    this.waiting.clear();
    const others = reports.filter(({ body }) => body.type !== 'register');
    for (const { body, ...head } of reports) {
      if (body.type !== 'register') continue;
      await this.http('register', { json: { ...head, body: { ...body, weight: this.options.weight } } });
    }
    if (others.length > 0) await this.http('reports', { body: reportsText(others) });
    if (this.pauseMs > FIRST_PAUSE_MS)
      this.options.log.info(`the orchestrator at ${this.options.orchestrator} answers again`);
    this.pauseMs = FIRST_PAUSE_MS;
    this.warnedAtMs = Number.NEGATIVE_INFINITY;
    this.taken = true;
  }

  private failed(error: unknown): void {
    if (this.stopped) return;
    const { code, line } = describe(error);
    if (FATAL.has(code) && !this.taken) {
      this.stop();
      this.options.refused(`the orchestrator at ${this.options.orchestrator} refuses this peer: ${line}`);
      return;
    }
    const now = this.options.clock.monotonicMs();
    if (now - this.warnedAtMs >= WARN_EVERY_MS) {
      this.warnedAtMs = now;
      this.options.log.warn(
        `cannot report to the orchestrator at ${this.options.orchestrator}: ${line}; trying again`,
      );
    }
    const pauseMs = Math.round(this.pauseMs * (0.5 + this.options.clock.random()));
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.pause = setTimeout(() => {
      this.pause = undefined;
      void this.send();
    }, pauseMs);
  }
}

/** Reports with the same key say the same of the same thing, so only the newest counts. */
function keyOf({ body }: ReportEnvelope): string {
  switch (body.type) {
    case 'add':
      return `add ${body.partition}`;
    case 'accuse':
      return `accuse ${body.who} ${body.why} ${body.why === 'no-ack' ? body.cases[0]?.partition : ''}`;
    default:
      return body.type;
  }
}

function describe(error: unknown): { code: string; line: string } {
  if (!(error instanceof HTTPError)) {
    const line = error instanceof Error ? error.message : String(error);
    return { code: 'unreachable', line: line.split('\n', 1)[0] ?? '' };
  }
  const plain = { code: 'http', line: `it answers ${error.response.statusCode}` };
  try {
    const { code, detail } = JSON.parse(String(error.response.body)) as Record<string, unknown>;
    if (typeof code !== 'string' || typeof detail !== 'string') return plain;
    return { code, line: detail.replace(/\.$/, '') };
  } catch {
    return plain;
  }
}
