/**
 * One request to one peer, and what it says about the operation.
 *
 * Invariants: nothing is repeated in here; an answer counts as `not-applied` only where the peer says so or no byte can have
 * reached it; everything else that is not an answer of the contract is `unknown`.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';

/** The gateway gives up after 5 s; a client waits a little longer for its word. */
const ANSWER_WITHIN_MS = 7_000;
/** Connections a client keeps to one peer: it has one request at a time, plus what timed out and is being closed. */
const MOST_SOCKETS = 256;

export interface Asked {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Told =
  | {
      readonly type: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
    }
  /** Nothing listened: the request never left. */
  | { readonly type: 'refused'; readonly code: string }
  | { readonly type: 'lost'; readonly code: string };

/** Asks peers, over connections that are kept. */
export class HttpClient {
  private readonly watched = new WeakSet<Socket>();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS, scheduling: 'lifo' });

  constructor(private readonly answerWithinMs = ANSWER_WITHIN_MS) {}

  ask(url: string, { method, path, headers = {}, body }: Asked): Promise<Told> {
    return new Promise((resolve) => {
      const sent = request(`${url}${path}`, {
        agent: this.agent,
        method,
        headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
      });
      const lost = (code: string) => {
        clearTimeout(timer);
        resolve({ type: code === 'ECONNREFUSED' ? 'refused' : 'lost', code });
      };
      const timer = setTimeout(() => {
        lost('timeout');
        sent.destroy();
      }, this.answerWithinMs);
      sent.on('error', (error: NodeJS.ErrnoException) => lost(error.code ?? error.message));
      sent.on('socket', (socket) => this.watch(socket));
      sent.on('response', (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', (error: NodeJS.ErrnoException) => lost(error.code ?? error.message));
        answer.on('close', () => lost('cut short'));
        answer.on('end', () => {
          clearTimeout(timer);
          const { statusCode: status = 0, headers: told } = answer;
          resolve({ type: 'answer', status, headers: told, body: Buffer.concat(parts).toString() });
        });
      });
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }

  /** An answer may come before the request was sent whole; what breaks afterwards belongs to no request any more. */
  private watch(socket: Socket): void {
    if (this.watched.has(socket)) return;
    this.watched.add(socket);
    socket.on('error', () => socket.destroy());
  }
}

/** What an answer means for a write. */
export type WriteVerdict = 'done' | 'absent' | 'mismatch' | 'not-applied' | 'unknown';

/** Judges what was told about a write by the contract (`api.md`). */
export function judgeWrite(told: Told): WriteVerdict {
  if (told.type === 'refused') return 'not-applied';
  if (told.type === 'lost') return 'unknown';
  const { status, headers } = told;
  if (status === 200 || status === 201 || status === 204) return 'done';
  if (status === 404) return 'absent';
  if (status === 412) return 'mismatch';
  if (headers['kv-outcome'] === 'not-applied') return 'not-applied';
  return 'unknown';
}

/** The version that the answer's ETag names, without quotes. */
export function versionOf(told: Told): string | undefined {
  if (told.type !== 'answer') return undefined;
  const tag = told.headers.etag;
  return tag === undefined ? undefined : /"([^"]+)"/.exec(tag)?.[1];
}

/** A short word for what came back. */
export function answerOf(told: Told): string {
  return told.type === 'answer' ? String(told.status) : told.code;
}

/** What came back, as a line for a person. */
export function describeTold(told: Told): string {
  return told.type === 'answer' ? `${told.status} ${told.body.slice(0, 300)}` : told.code;
}
