/** An orchestrator in this process on a free port, and peers that only answer probes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { systemClock } from '../../common/clock.js';
import { bearer } from '../../common/secret.js';
import type { View } from '../../common/view.js';
import {
  type Orchestrator,
  type OrchestratorOptions,
  startOrchestrator,
} from '../../orchestrator/orchestrator.js';

export const SECRET = 'a-secret-for-tests-only';
const EVENTUALLY_MS = 8_000;
const LOOK_MS = 20;

/** What every refusal holds. */
export interface ProblemBody {
  readonly code: string;
  readonly detail: string;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export function start(options: Partial<OrchestratorOptions> = {}): Promise<Orchestrator> {
  return startOrchestrator(
    {
      ...{ host: '127.0.0.1', port: 0, data: null, cluster: 'covey', copies: 3, repairAfterMs: 60_000 },
      secret: SECRET,
      ...options,
    },
    systemClock,
    pino({ level: 'silent' }),
  );
}

export async function ask<T = ProblemBody>(url: string, init: RequestInit = {}): Promise<Answer<T>> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  const isJson = text !== '' && answer.headers.get('content-type')?.includes('json') === true;
  return { status: answer.status, headers: answer.headers, body: (isJson ? JSON.parse(text) : text) as T };
}

/** Asks as one of the inside. */
export function post<T = ProblemBody>(
  url: string,
  body: unknown,
  secret: string | null = SECRET,
): Promise<Answer<T>> {
  return ask<T>(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(secret === null ? {} : { authorization: bearer(secret) }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Repeats until it does not throw. */
export async function eventually<T>(attempt: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + EVENTUALLY_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(LOOK_MS);
    }
  }
}

type Responder = (request: IncomingMessage, response: ServerResponse) => void;

/** A peer that has no data: answers probes and remembers the views it is told. */
export class FakePeer {
  readonly views: View[] = [];
  readonly authorizations = new Set<string | undefined>();
  probes = 0;
  instance = 1;
  /** What it says it still fetches. */
  fetching: number[] = [];
  /** Answers a probe in another way than a good peer. */
  misbehave: Responder | null = null;
  readonly #server: Server;

  private constructor(readonly id: string) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(id: string): Promise<FakePeer> {
    const peer = new FakePeer(id);
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get view(): View | undefined {
    return this.views.at(-1);
  }

  registration(changes: object = {}): object {
    const { id, port, instance } = this;
    return {
      ...{ cluster: 'covey', id, host: '127.0.0.1', port, peerPort: port, instance, weight: 1, view: null },
      ...changes,
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.authorizations.add(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === '/view') {
      this.views.push(JSON.parse(Buffer.concat(chunks).toString()) as View);
      response.writeHead(204).end();
      return;
    }
    this.probes++;
    if (this.misbehave !== null) this.misbehave(request, response);
    else response.end(this.health());
  }

  health(changes: object = {}): string {
    const { id, instance, fetching } = this;
    return JSON.stringify({
      cluster: 'covey',
      id,
      instance,
      epoch: this.view?.epoch ?? 0,
      fetching,
      ...changes,
    });
  }
}
