/**
 * Appending at the primary, and committing everywhere (W2, W4).
 *
 * Kept true: com is never above what every member, and a learner that is about to be one, holds on disk in this
 * epoch; entries are applied in order, each once; whoever waits for an entry is answered after it was applied,
 * so that the answer can be read. An own position counts only once its batch is stored.
 */

import type { KeyEffect, Result } from './commands.js';
import type { Core } from './core.js';
import {
  type Draft,
  type Entry,
  eachChange,
  keysAddedBy,
  type Row,
  rowLeftBy,
  rowOf,
  sizeOf,
} from './entry.js';
import { broken, present } from './invariant.js';
import { DAMAGED, type Damaged } from './machine.js';
import { find } from './mending.js';
import type { Lead, Partition } from './partition.js';
import { several, type Waiter } from './waiters.js';

/** The lead of a partition that this peer leads. */
export function leadOf(partition: Partition): Lead {
  return present(partition.lead, `partition ${partition.number} led by this peer`);
}

/** The newest row of a key in the log, committed or not (W1); without `withValue` as a StateReader's `get`. */
export function newestRow(
  core: Core,
  partition: Partition,
  key: string,
  withValue = true,
): Row | Damaged | undefined {
  const seq = partition.dirty.get(key);
  return seq === undefined ? find(core, partition, key, withValue) : rowOf(partition.log.at(seq), key);
}

/** Appends an entry at the primary; it is streamed and stored with this turn. */
export function append(core: Core, partition: Partition, draft: Draft): Entry {
  if (partition.role !== 'active') broken(`an active primary appends to ${partition.number}`, partition.role);
  const { log } = partition;
  const ts = Math.max(core.wallMs, partition.lastTs);
  const lead = leadOf(partition);
  // Nothing was on its way to our own disk: from now on it owes us a flush.
  if (lead.selfDurable >= log.prep) lead.selfProgressAtMs = core.leaseMs;
  const entry = log.extend(partition.epoch, ts, draft);
  partition.index(entry);
  core.ledUncommitted += sizeOf(entry);
  noteOpen(lead, entry);
  core.touch(partition);
  return entry;
}

/** At the end of a turn, and of an epoch: what the primary has appended goes to its own disk. */
export function settleOwn(core: Core, partition: Partition): void {
  const { lead, log, number, epoch, prep } = partition;
  if (lead === undefined || lead.handed >= prep) return;
  core.out.add({ type: 'append', partition: number, entries: log.slice(lead.handed + 1, prep) });
  lead.handed = prep;
  core.durability.push({ batch: core.out.barrier(), partition, epoch, upto: prep });
}

/** Puts entries at the end of the log, in memory and into the open batch. */
export function store(core: Core, partition: Partition, entries: readonly Entry[]): void {
  if (entries.length === 0) return;
  for (const entry of entries) {
    partition.log.append(entry);
    partition.index(entry);
  }
  core.out.add({ type: 'append', partition: partition.number, entries });
}

/** Cuts the log above `after` (an uncommitted end that no client was told of: A2, C1). */
export function truncate(core: Core, partition: Partition, after: number): void {
  if (after >= partition.prep) return;
  if (after < partition.com)
    broken(`a cut at or above com ${partition.com} of ${partition.number}`, `${after}`);
  for (const entry of partition.log.slice(after + 1, partition.prep)) expireAgain(partition, entry);
  partition.log.truncate(after);
  partition.reindex();
  core.out.add({ type: 'truncate', partition: partition.number, after });
}

/** Makes the waiter hear of the entry at `seq`, which is in the log above com. */
export function waitFor(partition: Partition, seq: number, waiter: Waiter): void {
  leadOf(partition).waiters.add(seq, waiter);
}

/** W4: commits what every member holds on disk, and answers those who wait for it. */
export function advance(core: Core, partition: Partition): void {
  if (partition.role !== 'active') return;
  const lead = leadOf(partition);
  let held = lead.selfDurable;
  for (const peer of partition.others) held = Math.min(held, lead.progress.get(peer)?.acked ?? 0);
  lead.gc = held;
  if (lead.addPending !== undefined) held = Math.min(held, lead.progress.get(lead.addPending)?.acked ?? 0);
  if (held <= partition.com) return;
  const from = partition.com;
  commitThrough(core, partition, held);
  partition.rows.dropTombstones(Math.min(lead.gc, partition.com));
  for (let seq = from + 1; seq <= held; seq++) {
    const entry = partition.log.at(seq);
    if (entry.idempotency !== undefined) forgetToken(lead, entry.idempotency.token, seq);
    const waiters = lead.waiters.take();
    if (waiters !== undefined) tell(core, waiters, entry.result);
  }
  core.touch(partition);
}

function tell(core: Core, waiters: Waiter | readonly Waiter[], result: Result): void {
  for (const waiter of several(waiters)) {
    if (waiter.kind === 'own') waiter.committed();
    else core.answerWrite(waiter, { kind: 'result', result });
  }
}

/** Applies entries through `seq`, which the primary has committed; does nothing for what is applied already. */
export function commitThrough(core: Core, partition: Partition, seq: number): void {
  if (seq <= partition.com) return;
  if (seq > partition.prep) broken(`com of ${partition.number} at most ${partition.prep}`, `${seq}`);
  while (partition.com < seq) {
    const entry = partition.log.at(partition.com + 1);
    apply(core, partition, entry);
    partition.com = entry.seq;
  }
  core.out.mark(partition);
}

/** The number of entries above com. */
export function uncommitted(partition: Partition): number {
  return partition.prep - partition.com;
}

/** Own batches through `through` are stored: own positions count, and perhaps commit. */
export function ownStored(core: Core, through: number): readonly Partition[] {
  const moved: Partition[] = [];
  const { durability } = core;
  let done = 0;
  for (const { batch, partition, epoch, upto } of durability) {
    if (batch > through) break;
    done++;
    const { lead } = partition;
    if (lead === undefined || partition.epoch !== epoch) continue;
    lead.selfAligned = true;
    lead.selfDurable = Math.max(lead.selfDurable, upto);
    lead.selfProgressAtMs = core.leaseMs;
    if (moved[moved.length - 1] !== partition) moved.push(partition);
  }
  durability.splice(0, done);
  return moved;
}

/** Notes an entry of the primary's own log above com, so that repeats of its request find it (D2). */
export function noteOpen(lead: Lead, entry: Entry): void {
  const { request, idempotency } = entry;
  if (request !== undefined) {
    const { session, n } = request;
    if (n > (lead.newest.get(session) ?? 0)) lead.newest.set(session, n);
  }
  if (idempotency !== undefined) lead.openTokens.set(idempotency.token, entry.seq);
}

/** Removals that were not to be: their keys wait for the sweep again. */
function expireAgain({ rows }: Partition, entry: Entry): void {
  eachChange(entry, (key, { kind }) => {
    const row = kind === 'delete' ? rows.find(key) : undefined;
    if (row !== undefined && row !== DAMAGED) rows.expireAgain(key, row);
  });
}

function forgetToken(lead: Lead, token: string, seq: number): void {
  if (lead.openTokens.get(token) === seq) lead.openTokens.delete(token);
}

function apply(core: Core, partition: Partition, entry: Entry): void {
  const { effect } = entry;
  if (effect.kind === 'put' || effect.kind === 'delete') applyTo(partition, entry.key, entry, effect);
  else eachChange(entry, (key, change) => applyTo(partition, key, entry, change));
  partition.keyCount += keysAddedBy(entry);
  partition.sessions.apply(entry);
  core.out.add({ type: 'remember', partition: partition.number, entry });
  const size = sizeOf(entry);
  partition.uncommittedBytes -= size;
  if (partition.role === 'active') core.ledUncommitted -= size;
}

function applyTo({ rows, dirty }: Partition, key: string, entry: Entry, change: KeyEffect): void {
  rows.put(key, rowLeftBy(entry, change));
  if (dirty.get(key) === entry.seq) dirty.delete(key);
}
