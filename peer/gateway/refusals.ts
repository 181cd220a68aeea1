/**
 * What a client is told of a request that the cluster did not serve.
 *
 * Invariants: a refusal says whether a write may have taken effect (`Kv-Outcome`), and never claims more than the store
 * does; each reason has its words.
 */
import { Problem } from '../../common/problems.js';
import type { GiveUpReason, ReadAnswer, WriteAnswer } from '../requests/rim.js';
import type { AnswerFull } from './store.js';

/** Seconds after which a failed request is worth repeating: a partition that loses its primary has another by then. */
const RETRY_AFTER = '1';

const WHY: Readonly<Record<GiveUpReason, string>> = {
  overloaded: 'Too many requests are under way here or at the node that leads this partition.',
  'no-partition':
    'No node was given this partition yet: this peer has not heard from the orchestrator, or the cluster is just forming.',
  'no-primary': 'The node that leads this partition cannot be reached; if it stays away, another takes over.',
  'data-lost':
    'Every node that held this partition has come back with an empty disk, so its data is lost, unless an old data folder is ' +
    "put back. The orchestrator's GET /status names all such partitions.",
  'not-primary': 'The partition is being handed to another node.',
  starting: 'The node that leads this partition has just taken over, and is not ready yet.',
  'unknown-session':
    'The cluster does not know this process: it is not registered yet, or a newer one replaced it.',
  'not-member': 'The partition is moving between nodes, and the ones that were asked do not hold it.',
  'not-leased':
    'The nodes that hold this partition have lost touch with each other; a new set of them is being chosen.',
  damaged:
    'What is stored of this key is damaged at the node that was asked. It is fetched anew from another copy, if there is one.',
  changing: 'The nodes of this partition are just changing.',
  timeout: 'The nodes that hold this partition did not answer in time.',
  'too-few-copies':
    'Fewer copies of this partition are in sync than a write needs (--min-in-sync of the orchestrator); reads go on. ' +
    'GET /all-nodes shows which nodes are missing.',
};

/** The refusal of a write that has no result. */
export function writeRefusal(answer: Exclude<WriteAnswer, { kind: 'result' }>, servedBy: string): Problem {
  if (answer.kind === 'conflict') return conflict(answer.reason, servedBy);
  if (answer.kind === 'not-applied') {
    const headers = { 'Kv-Served-By': servedBy, 'Kv-Outcome': 'not-applied' };
    return unavailable(answer.reason, headers, ' Nothing was written.');
  }
  return new Problem(
    'outcome-unknown',
    'No answer came in time, so this may or may not take effect; reading the key again tells. ' +
      'A repeat is safe with the same Idempotency-Key, if it came with one.',
    { 'Kv-Served-By': servedBy, 'Kv-Outcome': 'unknown' },
  );
}

/** The refusal of a read that was not answered. */
export function readRefusal(
  answer: Exclude<ReadAnswer, { kind: 'row' }> | AnswerFull,
  servedBy: string,
): Problem {
  const headers = { 'Kv-Served-By': servedBy };
  if (answer.kind === 'unavailable') return unavailable(answer.reason, headers);
  const detail = 'The values before it fill the answer; ask for fewer keys at a time.';
  return new Problem('answer-too-large', detail, headers);
}

/** Part of the cluster did not answer a request that needs all of it. */
export function incomplete(): Problem {
  return unavailable('timeout', {});
}

function unavailable(reason: GiveUpReason, headers: Readonly<Record<string, string>>, effect = ''): Problem {
  const code = reason === 'overloaded' ? 'too-many-requests' : 'partition-unavailable';
  if (reason === 'data-lost') return new Problem(code, WHY[reason] + effect, headers);
  const detail = `${WHY[reason]}${effect} Send it again.`;
  return new Problem(code, detail, { ...headers, 'Retry-After': RETRY_AFTER });
}

function conflict(reason: Extract<WriteAnswer, { kind: 'conflict' }>['reason'], servedBy: string): Problem {
  const detail =
    reason === 'idempotency-key-reused'
      ? 'This Idempotency-Key came before with another request; nothing was done. Take a new one for each request.'
      : 'This Idempotency-Key came before, more than 10 minutes or very many writes ago, and its answer is forgotten; ' +
        'nothing was done now. ' +
        'Read the key, and take a new one to write again.';
  return new Problem(reason, detail, { 'Kv-Served-By': servedBy });
}
