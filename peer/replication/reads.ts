/**
 * Reads at any member (R1 to R5).
 *
 * Kept true: a clean key is answered from the own rows only under a lease of every other member, looked at in
 * the same step as the value (L6). A dirty key, or one whose time to live seems over, is answered as of a
 * committed position that the primary named after the read arrived. A strict read needs no clock: every member
 * says, after the read arrived, that it is still in this epoch, and one of them is any later epoch's primary.
 * A question goes out at the end of the turn and answers only reads that came before it: reads never join one
 * that is in flight, because the position that it brings may be older than they are.
 */

import type { PeerId } from '../../common/configuration.js';
import { commitThrough, waitFor } from './commit.js';
import type { Core } from './core.js';
import type { Row } from './entry.js';
import { afterExpiry, expireIfDue, isExpired } from './expiry.js';
import { broken } from './invariant.js';
import { leased } from './leases.js';
import { DAMAGED, type ReadRow } from './machine.js';
import { find } from './mending.js';
import type {
  CommittedQuery,
  CommittedReply,
  Confirm,
  Confirmed,
  Consistency,
  ReadOutcome,
  ReadRefusal,
} from './messages.js';
import type { Partition, Question, WaitingRead } from './partition.js';
import type { Origin } from './waiters.js';

/** A read as it reached this peer. */
export interface IncomingRead {
  readonly origin: Origin;
  readonly key: string;
  readonly consistency: Consistency;
}

/** R2: a linearizable read that needs nobody else, from the own rows; undefined where it is not that simple. */
export function readNow(core: Core, partition: Partition | undefined, key: string): ReadRow | undefined {
  if (partition === undefined || !partition.isMember || !leased(core, partition)) return undefined;
  const isActive = partition.role === 'active';
  if (!isActive && partition.dirty.has(key)) return undefined;
  const row = partition.rows.find(key);
  if (row === DAMAGED) return undefined;
  if (isExpired(row, core.wallMs, isActive ? 0 : core.settings.wallSkewMs)) return undefined;
  return outcomeOf(partition, row);
}

/** Takes a read in; it is answered now or when others have answered. */
export function onRead(core: Core, partition: Partition | undefined, read: IncomingRead): void {
  const simple = read.consistency === 'linearizable' ? readNow(core, partition, read.key) : undefined;
  if (simple !== undefined) {
    core.answerRead(read.origin, simple);
    return;
  }
  const refuse = (reason: ReadRefusal): void => core.answerRead(read.origin, { kind: 'refused', reason });
  if (partition === undefined || (read.consistency !== 'stale' && !partition.isMember)) {
    refuse('not-member');
    return;
  }
  if (read.consistency === 'linearizable' && !leased(core, partition)) {
    refuse('not-leased');
    return;
  }
  const row = find(core, partition, read.key);
  if (row === DAMAGED) {
    refuse('damaged');
    return;
  }
  if (read.consistency === 'stale') {
    core.answerRead(read.origin, outcomeOf(partition, row));
    return;
  }
  if (partition.waitingReads >= core.settings.maxWaitingReads) {
    refuse('overloaded');
    return;
  }
  if (read.consistency === 'strict') {
    readStrict(core, partition, read, row);
    return;
  }
  readLeased(core, partition, read, row);
}

/** At the end of a turn: one question for all reads of the turn that need it. */
export function settleReads(core: Core, partition: Partition): void {
  const { config } = partition;
  if (config === undefined) return;
  if (partition.asking.length > 0) {
    ask(core, partition, 'rseq', [config.primary], partition.asking);
    partition.asking = [];
  }
  if (partition.confirming.length > 0) {
    ask(core, partition, 'conf', partition.others, partition.confirming);
    partition.confirming = [];
  }
}

/** When time passes: gives up questions that were not answered in time. */
export function tickReads(core: Core, partition: Partition): void {
  for (const [id, question] of partition.questions) {
    if (question.untilMs > core.leaseMs) break;
    partition.questions.delete(id);
    refuseAll(question.reads, 'timeout');
  }
}

/** E2: the epoch ended. */
export function dropReads(partition: Partition): void {
  const questions = [...partition.questions.values()];
  const reads = [
    ...partition.asking,
    ...partition.confirming,
    ...questions.flatMap((question) => question.reads),
  ];
  partition.asking = [];
  partition.confirming = [];
  partition.questions.clear();
  refuseAll(reads, 'changing');
}

/** R3, at the primary: only an active primary knows what is committed. */
export function onCommittedQuery(
  core: Core,
  partition: Partition,
  from: PeerId,
  message: CommittedQuery,
): void {
  if (partition.role !== 'active') return;
  const { epoch, id } = message;
  const answer = (): void => {
    core.send(from, { type: 'rseq_r', partition: partition.number, epoch, id, com: partition.com });
  };
  afterExpiry(core, partition, message.expired, answer);
}

/** R4, at every other member. */
export function onConfirm(core: Core, partition: Partition, from: PeerId, message: Confirm): void {
  if (!partition.isMember) return;
  const { epoch, id } = message;
  const answer = (): void => {
    const com = partition.role === 'active' ? partition.com : -1;
    core.send(from, { type: 'conf_r', partition: partition.number, epoch, id, com });
  };
  if (partition.role === 'active') afterExpiry(core, partition, message.expired, answer);
  else answer();
}

/** R3, back at the member that asked. */
export function onCommittedReply(core: Core, partition: Partition, message: CommittedReply): void {
  const question = partition.questions.get(message.id);
  if (question?.kind !== 'rseq') return;
  partition.questions.delete(message.id);
  if (partition.role !== 'member' || partition.alignedEpoch !== message.epoch) {
    refuseAll(question.reads, 'changing');
    return;
  }
  if (!leased(core, partition)) {
    refuseAll(question.reads, 'not-leased');
    return;
  }
  takeCom(core, partition, message.com);
  for (const read of question.reads) answerNow(core, partition, read);
}

/** R4, back at the member that asked. */
export function onConfirmed(core: Core, partition: Partition, from: PeerId, message: Confirmed): void {
  const question = partition.questions.get(message.id);
  if (question?.kind !== 'conf' || !question.awaited.delete(from)) return;
  if (from === partition.config?.primary) question.com = message.com;
  if (question.awaited.size > 0) return;
  partition.questions.delete(message.id);
  const knowsCom =
    partition.role === 'active' || (question.com >= 0 && partition.alignedEpoch === message.epoch);
  if (question.com >= 0 && knowsCom) takeCom(core, partition, question.com);
  for (const read of question.reads) {
    if (!read.needsCom) read.answer(outcomeOf(partition, read.noted));
    else if (knowsCom) answerNow(core, partition, read);
    else refuseAll([read], 'changing');
  }
}

/** R3: what `readNow` could not answer, with a lease. */
function readLeased(core: Core, partition: Partition, read: IncomingRead, row: Row | undefined): void {
  const { role } = partition;
  if (role === 'active') {
    if (!waitForExpiry(core, partition, read, row)) core.answerRead(read.origin, outcomeOf(partition, row));
    return;
  }
  const expired = isExpired(row, core.wallMs, core.settings.wallSkewMs);
  // A restarted primary finds itself named as primary of an epoch that ended with it: nobody knows com.
  if (role === 'starting' || partition.config?.primary === core.me) {
    core.answerRead(read.origin, { kind: 'refused', reason: 'changing' });
    return;
  }
  partition.asking.push(waiting(core, partition, read, undefined, true, expired));
  core.touch(partition);
}

function readStrict(core: Core, partition: Partition, read: IncomingRead, row: Row | undefined): void {
  const { dirty, role } = partition;
  if (role === 'active' && waitForExpiry(core, partition, read, row)) return;
  const expired = role !== 'active' && isExpired(row, core.wallMs, core.settings.wallSkewMs);
  const needsCom = dirty.has(read.key) || expired;
  if (partition.others.length === 0 && (role === 'active' || !needsCom)) {
    core.answerRead(read.origin, outcomeOf(partition, row));
    return;
  }
  if (needsCom && (role === 'starting' || (role === 'member' && partition.config?.primary === core.me))) {
    core.answerRead(read.origin, { kind: 'refused', reason: 'changing' });
    return;
  }
  const noted = needsCom ? undefined : row;
  partition.confirming.push(waiting(core, partition, read, noted, needsCom, expired));
  core.touch(partition);
}

/**
 * At the active primary: if the committed value is over its time, the read waits until the key's newest entry,
 * which removes or replaces it, is committed, and then begins anew. False if there is nothing to wait for.
 */
function waitForExpiry(core: Core, partition: Partition, read: IncomingRead, row: Row | undefined): boolean {
  if (!isExpired(row, core.wallMs)) return false;
  expireIfDue(core, partition, read.key);
  const seq = partition.dirty.get(read.key);
  if (seq === undefined) return false;
  waitFor(partition, seq, {
    kind: 'own',
    committed: () => onRead(core, partition, read),
    dropped: () => core.answerRead(read.origin, { kind: 'refused', reason: 'changing' }),
  });
  return true;
}

function ask(
  core: Core,
  partition: Partition,
  kind: Question['kind'],
  peers: readonly PeerId[],
  reads: readonly WaitingRead[],
): void {
  const id = core.newId();
  const untilMs = core.leaseMs + core.settings.readTimeoutMs;
  partition.questions.set(id, { kind, reads, untilMs, awaited: new Set(peers), com: -1 });
  const expired = [...new Set(reads.filter((read) => read.expired).map((read) => read.key))];
  for (const peer of peers) {
    core.send(peer, { type: kind, partition: partition.number, epoch: partition.epoch, id, expired });
  }
}

function takeCom(core: Core, partition: Partition, com: number): void {
  // Committed means acknowledged by every member of this epoch, so by us.
  if (com > partition.prep)
    broken(`partition ${partition.number} held through ${com}, committed`, `${partition.prep}`);
  commitThrough(core, partition, com);
}

function waiting(
  core: Core,
  partition: Partition,
  read: IncomingRead,
  noted: Row | undefined,
  needsCom: boolean,
  expired: boolean,
): WaitingRead {
  partition.waitingReads++;
  const answer = (outcome: ReadOutcome): void => {
    partition.waitingReads--;
    core.answerRead(read.origin, outcome);
  };
  return { key: read.key, noted, needsCom, expired, answer };
}

function refuseAll(reads: readonly WaitingRead[], reason: ReadRefusal): void {
  for (const read of reads) read.answer({ kind: 'refused', reason });
}

/**
 * Answers as of the position that was asked for. The interleaving behind the refusal: a put with a time to live was
 * dirty here and its primary stopped for longer than that; the question named no expired key, since the row that
 * it has uncovered was not to be seen yet. Asked again, the read will name it.
 */
function answerNow(core: Core, partition: Partition, read: WaitingRead): void {
  const row = find(core, partition, read.key);
  if (row === DAMAGED) {
    refuseAll([read], 'damaged');
    return;
  }
  const skewMs = partition.role === 'active' ? 0 : core.settings.wallSkewMs;
  if (!read.expired && isExpired(row, core.wallMs, skewMs)) refuseAll([read], 'changing');
  else read.answer(outcomeOf(partition, row));
}

function outcomeOf({ epoch, com }: Partition, row: Row | undefined): ReadRow {
  return { kind: 'row', row: row === undefined || row.value === null ? null : row, epoch, com };
}
