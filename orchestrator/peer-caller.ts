/**
 * What the orchestrator asks of one peer, over HTTP.
 *
 * Invariants: a call ends within its time limit; it goes to the address that was registered and follows no redirect;
 * no more of an answer is read than its limit.
 */
import { Agent } from 'node:http';
import got, { type Got } from 'got';
import { type Health, healthSchema } from '../common/control.js';
import { hostPort } from '../common/names.js';
import { bearer } from '../common/secret.js';
import type { Member } from '../common/view.js';

/** Below the time between two rounds, so that a peer that hangs is asked again in each. */
export const CALL_MS = 900;
/** A health answer that lists all 256 partitions takes less than 2 KiB. */
const MAX_ANSWER_BYTES = 4 * 1024;

export class PeerCaller {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 2 });
  readonly #http: Got;

  constructor(secret: string | null) {
    this.#http = got.extend({
      agent: { http: this.#agent },
      headers: { authorization: bearer(secret) },
      retry: { limit: 0 },
      followRedirect: false,
      decompress: false,
      throwHttpErrors: false,
      timeout: { request: CALL_MS },
    });
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** How the peer is; null where it gives no answer, or not a right one. */
  async health(member: Member): Promise<Health | null> {
    const answer = await this.#call(member, 'GET', '/health');
    if (answer?.status !== 200) return null;
    try {
      return healthSchema.parse(JSON.parse(answer.body));
    } catch {
      return null;
    }
  }

  /** Tells the peer a view, given as JSON; false where it did not take it. */
  async tell(member: Member, view: string): Promise<boolean> {
    const answer = await this.#call(member, 'POST', '/view', view);
    return answer?.status === 204;
  }

  async #call(
    member: Member,
    method: 'GET' | 'POST',
    path: string,
    json?: string,
  ): Promise<{ status: number; body: string } | null> {
    const stop = new AbortController();
    const request = this.#http(`http://${hostPort(member.host, member.port)}${path}`, {
      method,
      signal: stop.signal,
      ...(json === undefined ? {} : { body: json, headers: { 'content-type': 'application/json' } }),
    });
    void request.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_ANSWER_BYTES) stop.abort();
    });
    try {
      const { statusCode, body } = await request;
      return { status: statusCode, body };
    } catch {
      // Whatever went wrong (refused, reset, too slow, too long), it is no answer; the registry decides what that means.
      return null;
    }
  }
}
