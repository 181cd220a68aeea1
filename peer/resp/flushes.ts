/**
 * Writes at the end of the turn of the event loop, all that there are together: a client on the other side is woken by the first
 * and finds the others, instead of falling asleep between them.
 *
 * Invariant: what is handed in is called once, in the turn in which it was handed in.
 */
let waiting: (() => void)[] = [];

/** Calls `flush` when this turn ends. */
export function flushTogether(flush: () => void): void {
  if (waiting.push(flush) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const flushes = waiting;
  waiting = [];
  for (const flush of flushes) flush();
}
