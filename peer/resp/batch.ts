/** Several reads or writes at once, a bounded number of them under way together. */
import type { Command, Result } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import type { ReadAnswer, WriteAnswer } from '../requests/rim.js';
import type { RespLimits } from './limits.js';
import { readRefusal, severalRefusal, TOO_LARGE_ANSWER, writeRefusal } from './refusals.js';
import type { Reply } from './replies.js';
import type { RespStore } from './store.js';

/** Rows in the order of their keys; or what to answer instead. */
export type Rows =
  | { readonly rows: readonly (Row | null)[] }
  | { readonly rows: null; readonly refusal: Reply };

/** Reads keys, each by itself; together they may hold `answerBytes`. */
export function readAll(
  store: RespStore,
  keys: readonly string[],
  limits: RespLimits,
  done: (rows: Rows) => void,
): void {
  const rows: (Row | null)[] = new Array(keys.length);
  let bytes = 0;
  const read = (key: string, given: (answer: ReadAnswer) => void) => store.read(key, given);
  const take = (answer: ReadAnswer, at: number): Reply | undefined => {
    if (answer.kind !== 'row') return readRefusal(answer);
    const row = liveRow(answer.row);
    bytes += row?.value?.bytes.length ?? 0;
    rows[at] = row;
    return bytes > limits.answerBytes ? TOO_LARGE_ANSWER : undefined;
  };
  each(keys, limits.running, read, take, (refusal) =>
    done(refusal === undefined ? { rows } : { rows: null, refusal }),
  );
}

/** The results of writes, in any order; or what to answer instead. */
export type Written =
  | { readonly results: readonly Result[] }
  | { readonly results: null; readonly refusal: Reply };

/** Writes, each by itself. Once one has no result the rest is not begun, so that all of it takes about as long as the slowest. */
export function writeAll(
  store: RespStore,
  commands: readonly Command[],
  limits: RespLimits,
  done: (written: Written) => void,
): void {
  const answers: WriteAnswer[] = [];
  const write = (command: Command, given: (answer: WriteAnswer) => void) => store.write(command, given);
  const results: Result[] = [];
  const take = (answer: WriteAnswer): Reply | undefined => {
    answers.push(answer);
    if (answer.kind !== 'result') return writeRefusal(answer);
    results.push(answer.result);
    return undefined;
  };
  each(commands, limits.running, write, take, (refusal) =>
    done(
      refusal === undefined
        ? { results }
        : { results: null, refusal: severalRefusal(answers, commands.length) },
    ),
  );
}

/** A row with a value, or null. */
export function liveRow(row: Row | null | undefined): Row | null {
  return row == null || row.value === null ? null : row;
}

/** Starts all items, at most `window` of them under way; what `take` returns stops the rest and is given to `done`. */
function each<Item, Answer>(
  items: readonly Item[],
  window: number,
  start: (item: Item, given: (answer: Answer) => void) => void,
  take: (answer: Answer, at: number) => Reply | undefined,
  done: (stopped: Reply | undefined) => void,
): void {
  let next = 0;
  let running = 0;
  let stopped: Reply | undefined;
  let ended = false;
  let pumping = false;
  const pump = () => {
    if (pumping) return;
    pumping = true;
    while (stopped === undefined && next < items.length && running < window) {
      const at = next++;
      running++;
      start(items[at] as Item, (answer) => {
        running--;
        stopped ??= take(answer, at);
        pump();
      });
    }
    pumping = false;
    if (running > 0 || ended || (stopped === undefined && next < items.length)) return;
    ended = true;
    done(stopped);
  };
  pump();
}
