/**
 * The answers that say no: every code a client can meet, with its HTTP status. One funnel (`http-server.ts`) turns a
 * Problem into `application/problem+json` (RFC 9457).
 *
 * Invariants: a code never changes its meaning; a detail tells a person what to do and holds no stack, no file path
 * and no other client's data.
 */
export const PROBLEM_STATUS = {
  'invalid-request': 400,
  'invalid-json': 400,
  'invalid-key': 400,
  'invalid-value': 400,
  'invalid-encoding': 400,
  'invalid-query': 400,
  'invalid-ttl': 400,
  'too-many-items': 400,
  'invalid-registration': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'key-not-found': 404,
  'node-not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'wrong-cluster': 409,
  'id-taken': 409,
  'stale-instance': 409,
  'change-refused': 409,
  'idempotency-key-expired': 409,
  'precondition-failed': 412,
  'value-too-large': 413,
  'body-too-large': 413,
  'answer-too-large': 413,
  'uri-too-long': 414,
  'unsupported-content-encoding': 415,
  'idempotency-key-reused': 422,
  'too-many-requests': 429,
  'headers-too-large': 431,
  'internal-error': 500,
  'partition-unavailable': 503,
  'not-ready': 503,
  'outcome-unknown': 504,
} as const;

export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** A refusal on its way to the client. Thrown by handlers, caught by the one funnel. */
export class Problem extends Error {
  readonly status: number;

  constructor(
    readonly code: ProblemCode,
    /** One sentence for a person: what is wrong, and what to do. */
    readonly detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code}: ${detail}`);
    this.name = 'Problem';
    this.status = PROBLEM_STATUS[code];
  }

  /** The body as RFC 9457 has it. */
  toJSON(): ProblemDocument {
    return problemDocument(this.code, this.detail);
  }
}

/** A refusal as RFC 9457 has it. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** The document alone, for a refusal so common that an Error, which records its stack, would cost too much. */
export function problemDocument(code: ProblemCode, detail: string): ProblemDocument {
  const title = code.replaceAll('-', ' ');
  return { type: 'about:blank', title, status: PROBLEM_STATUS[code], code, detail };
}
