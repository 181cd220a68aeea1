/**
 * Catching a learner up, at the primary (C1 to C4).
 *
 * Kept true: the log above a learner's starting point is kept until it has it. A copy is sent in key order, each
 * range complete as of one moment, and followed by every entry since its beginning, so that replaying those makes
 * it whole. A part is sent again as it was: made anew it could end at another key than the one that the learner
 * took, and leave a hole. A damaged row would be a hole, too: the copy waits until it is mended.
 * The interleaving behind "addPending first": ADD may be carried out while its answer is on the way; entries
 * committed meanwhile without the learner would be missing at a member. So commits wait for it from before ADD
 * is sent, and only a new epoch ends that (Kafka's "maximal ISR").
 */

import type { PeerId } from '../../common/configuration.js';
import { leadOf } from './commit.js';
import type { Core } from './core.js';
import { sizeOfEntries } from './entry.js';
import { present } from './invariant.js';
import { bytesOf, DAMAGED } from './machine.js';
import { noteDamage } from './mending.js';
import type { Join, KeyedRow, Snap, SnapDone, SnapEnd, SnapOk } from './messages.js';
import type { Lead, OutgoingSnapshot, Partition, Progress } from './partition.js';
import { retryAfterMs } from './settings.js';
import { newProgress } from './streaming.js';

/** About what a remembered Idempotency-Key takes in a message. */
const TOKEN_BYTES = 300;

/** C1: a learner said what it has; it gets the tail, or a copy. */
export function onJoin(core: Core, partition: Partition, from: PeerId, fromInc: number, message: Join): void {
  if (partition.role !== 'active' || partition.config?.learners.includes(from) !== true) return;
  const record = core.map.peers.get(from);
  if (record?.inc !== fromInc || record.storeId !== message.storeId) return;
  const { progress } = leadOf(partition);
  const known = progress.get(from);
  const hasBase = message.com >= partition.log.base;
  // Late repeats: it has joined since, or its copy is on the way. With what the log begins at, it has taken its copy over,
  // and what it said of that was lost with an epoch.
  if (known !== undefined && (known.acked > message.com || (known.snapshot !== undefined && !hasBase)))
    return;
  if (hasBase) sendTail(core, partition, from, fromInc, message.com);
  else startSnapshot(core, partition, from, fromInc);
  core.touch(partition);
}

/** C2: the learner has a part. */
export function onSnapOk(core: Core, partition: Partition, from: PeerId, message: SnapOk): void {
  const snapshot = outgoing(partition, from, message.id);
  if (snapshot === undefined) return;
  // It began anew, in an epoch that we two did not share.
  if (message.got === 0) startSnapshot(core, partition, from, snapshot.outstanding.inc);
  if (message.got !== snapshot.outstanding.part + 1) return;
  markProgress(core, partition, from);
  const next = nextPart(core, partition, snapshot);
  // If not, the learner confirms the last part again when that is repeated.
  if (next !== undefined) sendPart(core, from, snapshot, next);
}

/** C3: the learner has the copy, and goes on with the stream. */
export function onSnapDone(core: Core, partition: Partition, from: PeerId, message: SnapDone): void {
  if (outgoing(partition, from, message.id) === undefined) return;
  leadOf(partition).progress.set(from, newProgress(core, message.upto, true));
  core.touch(partition);
}

/** When time passes: repeats parts that were not confirmed, and asks for learners that are close to be added. */
export function tickTeaching(core: Core, partition: Partition): void {
  for (const [peer, { snapshot }] of leadOf(partition).progress) {
    if (snapshot === undefined) continue;
    const waitMs = retryAfterMs(sizeOfPart(snapshot.outstanding), core.settings);
    if (core.leaseMs - snapshot.sentAtMs >= waitMs) {
      sendPart(core, peer, snapshot, snapshot.outstanding);
    }
  }
  for (const learner of partition.config?.learners ?? []) tryAdd(core, partition, learner);
}

/** C3: from here on commits wait for the learner, whatever becomes of the request. */
function tryAdd(core: Core, partition: Partition, learner: PeerId): void {
  const lead = leadOf(partition);
  const progress = lead.progress.get(learner);
  if (progress?.streaming !== true) return;
  if (lead.addPending === undefined) {
    if (progress.acked < partition.com || partition.prep - progress.acked >= core.settings.addWithinEntries)
      return;
    lead.addPending = learner;
    lead.addSinceMs = core.leaseMs;
  } else if (lead.addPending !== learner || core.leaseMs - lead.addSentAtMs < core.settings.addRepeatMs)
    return;
  const record = core.map.peers.get(learner);
  if (record === undefined) return;
  lead.addSentAtMs = core.leaseMs;
  const { number, epoch } = partition;
  const { storeId, inc } = record;
  core.report({ type: 'add', partition: number, epoch, learner, learnerStoreId: storeId, learnerInc: inc });
}

function sendTail(core: Core, partition: Partition, to: PeerId, inc: number, com: number): void {
  const { log, number, epoch } = partition;
  // A learner that knows more committed than we hold gets nothing to learn, and stops when it sees that.
  const from = Math.min(com, log.prep);
  const entries = log.run(from + 1, core.settings.maxMessageEntries, core.settings.maxMessageBytes);
  const progress = newProgress(core, from, true);
  progress.next = from + entries.length + 1;
  leadOf(partition).progress.set(to, progress);
  const fromChecksum = log.checksumAt(from);
  const covered = Math.min(partition.com, from + entries.length);
  core.send(to, { type: 'learn', partition: number, epoch, inc, from, fromChecksum, entries, com: covered });
}

function startSnapshot(core: Core, partition: Partition, to: PeerId, inc: number): void {
  const { com, log } = partition;
  // One committed entry goes along: the learner's log time goes on from it.
  const s0 = Math.max(log.base, com - 1);
  const begun: Omit<OutgoingSnapshot, 'outstanding'> = {
    id: core.newId(),
    s0,
    s0Checksum: log.checksumAt(s0),
    cursor: undefined,
    rowsDone: false,
    entriesSent: s0,
    sentAtMs: core.leaseMs,
  };
  const blank: Snap = {
    type: 'snap',
    partition: partition.number,
    epoch: partition.epoch,
    inc,
    id: begun.id,
    part: -1,
    rows: [],
    entries: [],
  };
  const snapshot: OutgoingSnapshot = { ...begun, outstanding: blank };
  const first = nextPart(core, partition, snapshot);
  // The learner will ask again.
  if (first === undefined) return;
  const progress: Progress = { ...newProgress(core, com, false), snapshot };
  leadOf(partition).progress.set(to, progress);
  sendPart(core, to, snapshot, first);
}

/** The copies that go on in a new epoch of the same primary: to learners that are still the same processes. */
export function copiesThatGoOn(
  core: Core,
  partition: Partition,
  old: Lead | undefined,
): Map<PeerId, Progress> {
  const kept = new Map<PeerId, Progress>();
  for (const [peer, progress] of old?.progress ?? []) {
    const { snapshot } = progress;
    const learns = partition.config?.learners.includes(peer) === true;
    if (snapshot === undefined || !learns || core.map.peers.get(peer)?.inc !== snapshot.outstanding.inc)
      continue;
    snapshot.outstanding = { ...snapshot.outstanding, epoch: partition.epoch };
    kept.set(peer, progress);
  }
  return kept;
}

function outgoing(partition: Partition, to: PeerId, id: number): OutgoingSnapshot | undefined {
  if (partition.role !== 'active') return undefined;
  const snapshot = leadOf(partition).progress.get(to)?.snapshot;
  return snapshot?.id === id ? snapshot : undefined;
}

function markProgress(core: Core, partition: Partition, peer: PeerId): void {
  present(leadOf(partition).progress.get(peer), 'progress of a learner').progressAtMs = core.leaseMs;
}

function sendPart(core: Core, to: PeerId, snapshot: OutgoingSnapshot, part: Snap | SnapEnd): void {
  snapshot.outstanding = part;
  snapshot.sentAtMs = core.leaseMs;
  core.send(to, part);
}

/** First the rows, then the entries since, and when few of those are left, the end; undefined: not yet. */
function nextPart(core: Core, partition: Partition, snapshot: OutgoingSnapshot): Snap | SnapEnd | undefined {
  const { maxMessageEntries, maxMessageBytes } = core.settings;
  const { number, epoch, log } = partition;
  const part = snapshot.outstanding.part + 1;
  const head = { partition: number, epoch, inc: snapshot.outstanding.inc, id: snapshot.id, part };
  if (!snapshot.rowsDone) {
    const rows = nextRows(core, partition, snapshot);
    return rows && { type: 'snap', ...head, rows, entries: [] };
  }
  const entries = log.run(snapshot.entriesSent + 1, maxMessageEntries, maxMessageBytes);
  snapshot.entriesSent += entries.length;
  // The end carries the sessions, so it must not be large otherwise.
  const isLarge = sizeOfEntries(entries) > maxMessageBytes;
  if (snapshot.entriesSent < partition.com || isLarge) return { type: 'snap', ...head, rows: [], entries };
  const { s0, s0Checksum } = snapshot;
  const { com, keyCount } = partition;
  return {
    type: 'snap_end',
    ...head,
    s0,
    s0Checksum,
    com,
    keyCount,
    sessions: partition.sessions.image(),
    entries,
  };
}

/** About how large a part is, in bytes. */
function sizeOfPart(part: Snap | SnapEnd): number {
  const entries = sizeOfEntries(part.entries);
  if (part.type === 'snap_end') return entries + part.sessions.tokens.length * TOKEN_BYTES;
  return part.rows.reduce((sum, row) => sum + bytesOf(row), entries);
}

/** The next rows, up to one that is damaged; undefined while that is the next one: it has to be mended first. */
function nextRows(
  core: Core,
  partition: Partition,
  snapshot: OutgoingSnapshot,
): readonly KeyedRow[] | undefined {
  const { maxMessageEntries, maxMessageBytes } = core.settings;
  const limit = { rows: maxMessageEntries, bytes: maxMessageBytes };
  const range = partition.rows.range(snapshot.cursor, limit);
  const rows: KeyedRow[] = [];
  for (const { key, row } of range.rows) {
    if (row === DAMAGED) {
      noteDamage(core, partition, key);
      break;
    }
    rows.push({ key, row });
  }
  const cut = rows.length < range.rows.length;
  if (cut && rows.length === 0) return undefined;
  snapshot.rowsDone = !range.more && !cut;
  snapshot.cursor = rows[rows.length - 1]?.key ?? snapshot.cursor;
  return rows;
}

/** A learner that was dropped from the list is taught no more; its epoch ended, or ends (E8). */
export function keepLearners(partition: Partition): void {
  const lead = leadOf(partition);
  for (const peer of lead.progress.keys()) {
    const wanted = partition.others.includes(peer) || partition.config?.learners.includes(peer) === true;
    if (!wanted && peer !== lead.addPending) lead.progress.delete(peer);
  }
}
