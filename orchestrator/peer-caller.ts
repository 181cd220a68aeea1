/**
 * One call to one peer, over HTTP.
 *
 * Invariants: a call ends within its time limit; it goes to the address that was given and follows no redirect; no
 * more of an answer is read than its limit.
 */
import { Agent } from 'node:http';
import got, { type Got } from 'got';
import { MAX_CONTROL_BYTES, reportsSchema } from '../common/control.js';
import type { ReportEnvelope } from '../common/control-messages.js';
import { hostPort } from '../common/names.js';
import type { PeerAddress } from '../common/peer-address.js';
import { bearer } from '../common/secret.js';

/** A peer that hangs is asked again after this. */
export const CALL_MS = 900;
/** Connections kept to one peer: one call at a time, and one that is just ending. */
const FREE_SOCKETS = 2;

/** Why a call came to nothing; the peer may have heard it all the same. */
export interface NoAnswer {
  readonly fault: string;
}

export class PeerCaller {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: FREE_SOCKETS });
  readonly #http: Got;

  constructor(secret: string | null) {
    this.#http = got.extend({
      method: 'POST',
      agent: { http: this.#agent },
      headers: { authorization: bearer(secret), 'content-type': 'application/json' },
      retry: { limit: 0 },
      followRedirect: false,
      decompress: false,
      throwHttpErrors: false,
      timeout: { request: CALL_MS },
    });
  }

  /** Hands a delivery, as JSON text, to a peer: what it answers at once, or why there is no answer. */
  async control(
    { host, port }: PeerAddress,
    delivery: string,
  ): Promise<readonly ReportEnvelope[] | NoAnswer> {
    const stop = new AbortController();
    const request = this.#http(`http://${hostPort(host, port)}/control`, {
      body: delivery,
      signal: stop.signal,
    });
    void request.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_CONTROL_BYTES) stop.abort();
    });
    try {
      const { statusCode, body } = await request;
      if (statusCode !== 200) return { fault: `it answers ${statusCode}` };
      const answer = reportsSchema.safeParse(JSON.parse(body));
      return answer.success ? answer.data.reports : { fault: 'its answer is no list of reports' };
    } catch (error) {
      return { fault: (error as Error).message };
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }
}
