/** An orchestrator in this process on a free port, and ways to ask it. */
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { systemClock } from '../../common/clock.js';
import { bearer } from '../../common/secret.js';
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

/** Starts one with short times; what it logs goes to `lines`. */
export function start(
  options: Partial<OrchestratorOptions> = {},
  lines: string[] = [],
): Promise<Orchestrator> {
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return startOrchestrator(
    {
      ...{
        host: '127.0.0.1',
        port: 0,
        data: null,
        cluster: 'covey',
        copies: 3,
        minInSync: 2,
        bootstrapPeers: 3,
      },
      ...{ repairAfterMs: 60_000, failureDetection: 'fast', registryMayBeOld: false, secret: SECRET },
      ...options,
    },
    systemClock,
    log,
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
