/**
 * Writes at the primary: exactly once, judged against the log, and refused early when there is too much
 * under way, or too few copies to be safe (W1, W6, D2).
 *
 * Kept true: only an active primary looks at a write. A request that was seen before is never judged again: it
 * waits for the entry that it made, or gets the result that was remembered, or, if its gateway has finished it
 * long ago, nothing. "Refused" is said only of an attempt that has no effect, ever (D5).
 */

import type { Transaction, Version, Write } from './commands.js';
import { append, leadOf, uncommitted, waitFor } from './commit.js';
import type { Core } from './core.js';
import type { IdempotencyTag, RequestTag, Row } from './entry.js';
import {
  evaluate,
  evaluateTransaction,
  isTooLarge,
  type Judgement,
  readsValue,
  TOO_LARGE,
} from './evaluate.js';
import { expireIfDue } from './expiry.js';
import { DAMAGED, type Damaged } from './machine.js';
import type { WriteRefusal } from './messages.js';
import type { Partition } from './partition.js';
import { parseSession } from './sessions.js';
import type { Origin } from './waiters.js';

/** A write as it reached this peer. */
export interface IncomingWrite {
  readonly tag: RequestTag;
  readonly command: Write;
  readonly idempotency: IdempotencyTag | undefined;
}

/** Takes a write in; it is answered now, at its commit, or when the epoch ends. */
export function onWrite(
  core: Core,
  partition: Partition | undefined,
  origin: Origin,
  write: IncomingWrite,
): void {
  if (partition?.role === 'active') judge(core, partition, origin, write);
  else if (partition?.role === 'starting') enqueue(core, partition, origin, write);
  else refuse(core, origin, 'not-primary');
}

/** When time passes: refuses what has waited too long for the activation. */
export function tickQueue(core: Core, partition: Partition): void {
  const lead = leadOf(partition);
  if (lead.queue.length === 0) return;
  const since = core.leaseMs - core.settings.queueMs;
  const late = lead.queue.filter((request) => request.atMs < since);
  lead.queue = lead.queue.filter((request) => request.atMs >= since);
  for (const request of late) request.answer({ kind: 'refused', reason: 'starting' });
}

function enqueue(core: Core, partition: Partition, origin: Origin, write: IncomingWrite): void {
  const { queue } = leadOf(partition);
  if (queue.length >= core.settings.maxQueuedRequests) {
    refuse(core, origin, 'starting');
    return;
  }
  queue.push({
    atMs: core.leaseMs,
    run: () => judge(core, partition, origin, write),
    answer: (outcome) => core.answerWrite(origin, outcome),
  });
}

function judge(core: Core, partition: Partition, origin: Origin, write: IncomingWrite): void {
  const { command, tag, idempotency } = write;
  if (!sessionLives(core, partition, tag)) {
    refuse(core, origin, 'unknown-session');
    return;
  }
  if (repeated(core, partition, origin, tag) || tokenSeen(core, partition, origin, idempotency)) return;
  if (hasTooFewCopies(core, partition)) {
    refuse(core, origin, 'too-few-copies');
    return;
  }
  if (hasTooMuchUncommitted(core, partition)) {
    refuse(core, origin, 'overloaded');
    return;
  }
  const judgement = judgementOf(core, partition, command);
  if (judgement === DAMAGED) {
    refuse(core, origin, 'damaged');
    return;
  }
  const { effect, result } = judgement;
  const key = command.kind === 'transaction' ? '' : command.key;
  const entry = append(core, partition, { key, effect, result, request: tag, idempotency });
  waitFor(partition, entry.seq, origin);
}

/** What is to be logged; DAMAGED: that cannot be told. */
function judgementOf(core: Core, partition: Partition, command: Write): Judgement | Damaged {
  if (command.kind === 'transaction') return judgeTogether(core, partition, command);
  const row = expireIfDue(core, partition, command.key, readsValue(command));
  return row === DAMAGED ? DAMAGED : evaluate(command, row, nextVersion(partition), core.wallMs);
}

function judgeTogether(core: Core, partition: Partition, transaction: Transaction): Judgement | Damaged {
  if (isTooLarge(transaction)) return TOO_LARGE;
  const rows = new Map<string, Row | undefined>();
  let damaged = false;
  for (const { key } of [...transaction.reads, ...transaction.changes]) {
    if (rows.has(key)) continue;
    const row = expireIfDue(core, partition, key, false);
    if (row === DAMAGED) damaged = true;
    else rows.set(key, row);
  }
  return damaged ? DAMAGED : evaluateTransaction(transaction, rows, nextVersion(partition));
}

function nextVersion({ epoch, prep }: Partition): Version {
  return { epoch, seq: prep + 1 };
}

/** Clients' writes wait for more copies; what the primary appends by itself is asked for by nobody, and goes on. */
function hasTooFewCopies({ map }: Core, { config }: Partition): boolean {
  return (config?.members.size ?? 0) < (map.minInSync ?? 1);
}

/** W6. */
function hasTooMuchUncommitted({ settings, ledUncommitted }: Core, partition: Partition): boolean {
  if (uncommitted(partition) >= settings.maxUncommittedEntries) return true;
  if (partition.uncommittedBytes >= settings.maxUncommittedBytes) return true;
  return ledUncommitted >= settings.maxUncommittedTotalBytes;
}

/**
 * D2: whether this request was seen before, by its number; then everything about it is done. Most are above all that were
 * seen of their session, and so above what it has finished, too: nothing else has to be looked at.
 */
function repeated(core: Core, partition: Partition, origin: Origin, { session, n }: RequestTag): boolean {
  const { sessions } = partition;
  if (n > Math.max(leadOf(partition).newest.get(session) ?? 0, sessions.newest(session))) return false;
  let fi = sessions.firstOpen(session);
  for (let seq = partition.com + 1; seq <= partition.prep; seq++) {
    const { request } = partition.log.at(seq);
    if (request?.session !== session) continue;
    if (request.n === n) {
      waitFor(partition, seq, origin);
      return true;
    }
    fi = Math.max(fi, request.fi);
  }
  const known = sessions.result(session, n);
  if (known !== undefined) {
    core.answerWrite(origin, { kind: 'result', result: known.result });
    return true;
  }
  // A zombie: its gateway finished it long ago and has no ear for an answer.
  return n < fi;
}

/** D6: whether this request was seen before, by its client's own key; then everything about it is done. */
function tokenSeen(
  core: Core,
  partition: Partition,
  origin: Origin,
  idempotency: IdempotencyTag | undefined,
): boolean {
  if (idempotency === undefined) return false;
  const seq = leadOf(partition).openTokens.get(idempotency.token);
  if (seq !== undefined) {
    const same = partition.log.at(seq).idempotency?.fingerprint === idempotency.fingerprint;
    if (same) waitFor(partition, seq, origin);
    else core.answerWrite(origin, { kind: 'conflict', reason: 'idempotency-key-reused' });
    return true;
  }
  const known = partition.sessions.token(idempotency.token);
  if (known === undefined) return false;
  if (known.fingerprint !== idempotency.fingerprint) {
    core.answerWrite(origin, { kind: 'conflict', reason: 'idempotency-key-reused' });
  } else if (known.result === null) {
    core.answerWrite(origin, { kind: 'conflict', reason: 'idempotency-key-expired' });
  } else core.answerWrite(origin, { kind: 'result', result: known.result });
  return true;
}

/** D2, D4: only the process that the map names under the session's peer may write, and none below a logged floor. */
function sessionLives(core: Core, partition: Partition, tag: RequestTag): boolean {
  const name = parseSession(tag.session);
  if (name === undefined) return false;
  const record = core.map.peers.get(name.peer);
  if (record === undefined || record.storeId !== name.storeId || record.inc !== name.inc) return false;
  return !partition.sessions.isRetired(name);
}

function refuse(core: Core, origin: Origin, reason: WriteRefusal): void {
  core.answerWrite(origin, { kind: 'refused', reason });
}
