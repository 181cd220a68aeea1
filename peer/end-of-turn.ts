/**
 * The end of a turn of the event loop: what comes in until then is taken in together, and goes on together.
 *
 * Kept true: tasks run in the order in which they were asked for. They run one look at the sockets later than they could:
 * what arrived while the turn's inputs were taken in shares its messages and its flush, which costs less than a turn of
 * its own. A look takes some microseconds where nothing came.
 */

let tasks: (() => void)[] = [];

/** Runs `task` when the turn is over. */
export function atEndOfTurn(task: () => void): void {
  if (tasks.push(task) === 1) setImmediate(() => setImmediate(runAll));
}

function runAll(): void {
  const ending = tasks;
  tasks = [];
  for (const task of ending) task();
}
