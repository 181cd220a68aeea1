/**
 * What a client is told where the store did not answer, or several keys cannot be served together.
 *
 * Invariant: an error that begins with UNKNOWN is the only one after which a write may have taken effect, or may yet.
 * TRYAGAIN and CLUSTERDOWN say that nothing was done; cluster-aware clients repeat the command by themselves.
 */
import { MAX_TRANSACTION_BYTES, MAX_TRANSACTION_KEYS } from '../replication/commands.js';
import type { GiveUpReason, ReadAnswer, WriteAnswer } from '../requests/rim.js';
import { failure, type Reply } from './replies.js';
import type { Uncommitted } from './store.js';

export const CROSS_SLOT: Reply = failure("CROSSSLOT Keys in request don't hash to the same slot");

export const TOO_BUSY: Reply = failure(
  'TRYAGAIN the key was changed by others at each attempt; nothing was written',
);

const TOO_LARGE_TRANSACTION: Reply = failure(
  `ERR too much to be done as one: at most ${MAX_TRANSACTION_KEYS} keys of one partition, and ` +
    `${MAX_TRANSACTION_BYTES} bytes; nothing was written; send fewer keys at a time`,
);

export const TOO_LARGE_ANSWER: Reply = failure(
  'ERR the values asked for are too large for one answer; ask for fewer keys at a time',
);

/** A read without an answer. */
export function readRefusal(answer: Exclude<ReadAnswer, { kind: 'row' }>): Reply {
  return refusal(answer.reason, 'nothing was read');
}

/** A write without a result. */
export function writeRefusal(answer: Exclude<WriteAnswer, { kind: 'result' }>): Reply {
  if (answer.kind === 'unknown') return unknown(answer.request);
  if (answer.kind === 'not-applied') return refusal(answer.reason, 'nothing was written');
  return failure(`ERR ${answer.reason}; nothing was written`);
}

/** A transaction that was not committed. */
export function transactionRefusal(answer: Uncommitted): Reply {
  switch (answer.kind) {
    case 'conflict':
      return TOO_BUSY;
    case 'too-large':
      return TOO_LARGE_TRANSACTION;
    case 'not-applied':
      return refusal(answer.reason, 'nothing was written');
    case 'unknown':
      return unknown(answer.request);
  }
}

/** Of `asked` writes, each by itself, those that were begun; some have no result: the worst that befell one of them. */
export function severalRefusal(answers: readonly WriteAnswer[], asked: number): Reply {
  const failed = answers.filter((answer) => answer.kind !== 'result');
  const written = answers.length - failed.length;
  const worst = failed.find((answer) => answer.kind === 'unknown') ?? failed[0];
  if (worst?.kind === 'not-applied' && written > 0) {
    return refusal(worst.reason, `${asked - written} of ${asked} keys were not written`);
  }
  return writeRefusal(worst as Exclude<WriteAnswer, { kind: 'result' }>);
}

/** Part of the cluster did not answer. */
export const NOT_ALL_ANSWERED: Reply = failure('TRYAGAIN a part of the cluster did not answer in time');

function refusal(reason: GiveUpReason, effect: string): Reply {
  const down = reason === 'no-partition' || reason === 'no-primary' || reason === 'data-lost';
  return down
    ? failure(`CLUSTERDOWN Hash slot not served (${reason}); ${effect}`)
    : failure(`TRYAGAIN not answered in time (${reason}); ${effect}`);
}

function unknown(request: string): Reply {
  return failure(
    `UNKNOWN the write may or may not have taken effect, now or later (request ${request}); read the key to find out`,
  );
}
