/** Calls over HTTP as whoever has the secret of a test cluster makes them. */
import { bearer } from '../common/secret.js';

export const SECRET = 'a-secret-for-tests-only';

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

/** Asks as anybody; a JSON answer is read, any other is text. */
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
