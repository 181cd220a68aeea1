/**
 * Bodies of requests, read under a limit.
 *
 * Invariants: never more than the limit (and one chunk) is held; what is beyond is not read; a body that
 * announces its length is refused before a byte of it is read.
 */
import type { IncomingMessage } from 'node:http';
import { Problem, type ProblemCode } from './problems.js';

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
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    total += (chunk as Buffer).length;
    if (total > maxBytes) throw refuse(maxBytes, tooLarge);
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total);
}

/**
 * The body as JSON.
 * @throws Problem `invalid-json` where it is not, or not UTF-8; else as readBody.
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const body = await readBody(request, maxBytes, 'body-too-large');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem('invalid-json', 'The body is not UTF-8 text.');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(
      'invalid-json',
      `The body is not JSON: ${(error as SyntaxError).message.slice(0, 200)}.`,
    );
  }
}

function refuse(maxBytes: number, code: ProblemCode): Problem {
  return new Problem(code, `At most ${maxBytes} bytes are taken here.`, { Connection: 'close' });
}
