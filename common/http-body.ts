/**
 * Bodies of requests, read under a limit.
 *
 * Invariants: never more than the limit (and one chunk) is held; what is beyond is not read; a body that
 * announces its length is refused before a byte of it is read, and before `100 Continue` asks for it; all bodies that are
 * arriving together never hold more than ARRIVING_MAX_BYTES; JSON is measured before it is parsed, so that a few bytes
 * cannot become many objects.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { JSON_MAX_DEPTH, shapeOf } from './json-shape.js';
import { Problem, type ProblemCode } from './problems.js';

/** What all bodies that are arriving may hold together; past it, the one that grows is refused with 429. */
export const ARRIVING_MAX_BYTES = 256 * 1024 * 1024;

const arriving = { bytes: 0 };

export interface JsonLimits {
  readonly maxBytes: number;
  /** How many items the outermost array may have. */
  readonly maxItems?: number;
}

/** Requests whose client waits for `100 Continue` before it sends the body. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Remembers that the client of this request waits until its body is wanted. */
export function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, response);
}

/**
 * The whole body.
 * @throws Problem with `tooLarge` past `maxBytes`, `unsupported-content-encoding` where it is compressed.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  tooLarge: ProblemCode,
): Promise<Buffer> {
  const coding = request.headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new Problem('unsupported-content-encoding', 'Send the body as it is, without a Content-Encoding.');
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw refuse(maxBytes, tooLarge);
  if (request.headers.expect !== undefined) waiting.get(request)?.writeContinue();
  return collect(request, maxBytes, tooLarge);
}

/**
 * The body as the text of one JSON value that is yet to be parsed.
 * @throws Problem `invalid-json` where it is not UTF-8 or nested too deep, `too-many-items`; else as readBody.
 */
export async function readJsonText(request: IncomingMessage, limits: JsonLimits): Promise<string> {
  const body = await readBody(request, limits.maxBytes, 'body-too-large');
  requireShape(body, limits.maxItems);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem('invalid-json', 'The body is not UTF-8 text.');
  }
}

/** @throws Problem `invalid-json` that says what is wrong. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(
      'invalid-json',
      `The body is not JSON: ${(error as SyntaxError).message.slice(0, 200)}.`,
    );
  }
}

/**
 * The body as JSON.
 * @throws Problem as readJsonText and parseJson.
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return parseJson(await readJsonText(request, { maxBytes }));
}

/**
 * Events, not `for await`, which costs about 10 µs a request more. A body that came to its end leaves its listeners where
 * they are, as no event follows that they would act on; taking them off would cost as much as the reading.
 */
function collect(request: IncomingMessage, maxBytes: number, tooLarge: ProblemCode): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    let settled = false;
    const settle = () => {
      arriving.bytes -= total;
      settled = true;
    };
    const onData = (chunk: Buffer) => {
      total += chunk.length;
      arriving.bytes += chunk.length;
      const problem = refusalOf(total, maxBytes, tooLarge);
      if (problem === null) {
        chunks.push(chunk);
        return;
      }
      settle();
      request.off('data', onData);
      request.pause();
      reject(problem);
    };
    const onEnd = () => {
      if (settled) return;
      settle();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total));
    };
    // A connection that breaks closes the request; `error` comes only where someone listens for it.
    const onClose = () => {
      if (settled) return;
      settle();
      reject(new Problem('invalid-request', 'The connection ended before the whole body was there.'));
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

function refusalOf(total: number, maxBytes: number, tooLarge: ProblemCode): Problem | null {
  if (total > maxBytes) return refuse(maxBytes, tooLarge);
  if (arriving.bytes <= ARRIVING_MAX_BYTES) return null;
  return new Problem('too-many-requests', 'Too many large requests arrive at once; send this one again.', {
    'Retry-After': '1',
    Connection: 'close',
  });
}

function refuse(maxBytes: number, code: ProblemCode): Problem {
  return new Problem(code, `At most ${maxBytes} bytes are taken here.`, { Connection: 'close' });
}

function requireShape(body: Buffer, maxItems: number | undefined): void {
  switch (shapeOf(body, JSON_MAX_DEPTH, maxItems)) {
    case 'fits':
      return;
    case 'too-deep':
      throw new Problem('invalid-json', `At most ${JSON_MAX_DEPTH} levels of nesting are taken.`);
    case 'too-many-items':
      throw new Problem(
        'too-many-items',
        `At most ${maxItems} items are taken in one request; send several.`,
      );
  }
}
