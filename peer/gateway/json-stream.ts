/**
 * JSON answers of any length, written piece by piece.
 *
 * Invariants: no more than one chunk and one piece are held beside what the socket holds; where the client does not
 * keep up, the pieces are not made; where it leaves, their source is closed. After each chunk everybody else has a turn:
 * the system takes several megabytes of an answer at once, and to make so much at a stretch would hold up leases.
 */
import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type Koa from 'koa';
import { type HeaderList, JSON_HEADERS } from './answers.js';

const CHUNK_CHARS = 64 * 1024;

/** Answers with the pieces one after another; to HEAD, with the headers alone. */
export async function streamJson(
  ctx: Koa.Context,
  status: number,
  pieces: Iterable<string>,
  headers: HeaderList = [],
): Promise<void> {
  const { res } = ctx;
  ctx.respond = false;
  res.writeHead(status, [...headers, ...JSON_HEADERS]);
  if (ctx.req.method === 'HEAD') {
    res.end();
    return;
  }
  let chunk = '';
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_CHARS) continue;
    if (!(await taken(res, chunk))) return;
    chunk = '';
  }
  res.end(chunk);
}

/** Writes a chunk and waits for a turn in which there is room for another; false where the client has left. */
async function taken(res: ServerResponse, chunk: string): Promise<boolean> {
  if (res.destroyed) return false;
  if (!res.write(chunk)) await room(res);
  await nextTurn();
  return !res.destroyed;
}

/** Resolves when there is room, or nobody is left to read. */
function room(res: ServerResponse): Promise<void> {
  return new Promise<void>((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.on('drain', done).on('close', done);
  });
}

/** `open`, the items with commas between, `close`. */
export function* joined(open: string, items: Iterable<string>, close: string): Iterable<string> {
  yield open;
  let comma = '';
  for (const item of items) {
    yield comma + item;
    comma = ',';
  }
  yield close;
}
