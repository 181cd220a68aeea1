/**
 * Sends answers at the end of the turn of the event loop, all that there are together: a client on the other side is woken by
 * the first and finds the others, instead of falling asleep between them.
 *
 * Invariant: an answer leaves after its head was written (`writeHead`), once, in the turn in which it was handed in.
 */
import type { ServerResponse } from 'node:http';

interface Answer {
  readonly res: ServerResponse;
  readonly body: Buffer | string | undefined;
}

/** Up to this size head and body leave as one string: one write instead of two, for the price of a copy. */
const ONE_PIECE_BYTES = 4_096;

let answers: Answer[] = [];

/** Ends the response with this body, or without one, when this turn ends. */
export function endTogether(res: ServerResponse, body?: Buffer | string): void {
  if (answers.push({ res, body }) === 1) setImmediate(sendAll);
}

function sendAll(): void {
  const ending = answers;
  answers = [];
  for (const { res, body } of ending) {
    if (body === undefined) res.end();
    else if (typeof body === 'string' || body.length > ONE_PIECE_BYTES) res.end(body);
    else res.end(body.toString('latin1'), 'latin1');
  }
}
