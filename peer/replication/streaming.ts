/**
 * The stream of entries from a primary to its members and learners, and their acknowledgements (W2, W3).
 *
 * Kept true: a follower takes entries only from the primary of its epoch and only after its log was aligned with
 * it in that epoch; it acknowledges only what is durable; acknowledgements of other epochs are not counted
 * (dropped before they come here, E2). Repeats and reordering are harmless: known positions are skipped, a gap is
 * reported and sent again.
 * The interleaving behind "once in `resendMs`": one of a thousand messages under way is lost; each one behind it is
 * answered with a gap, and going back a thousand messages for each of a thousand answers sends a million.
 */

import type { PeerId } from '../../common/configuration.js';
import { advance, commitThrough, leadOf, store } from './commit.js';
import type { Core } from './core.js';
import type { SendEffect } from './machine.js';
import type { Ack, PeerMessage, Prepare } from './messages.js';
import type { Partition, Progress } from './partition.js';
import { trimLog } from './retention.js';

/** At the end of a turn: sends what is new to everybody, or, if owed, our own acknowledgement. */
export function settleStream(core: Core, partition: Partition): void {
  if (partition.ackOwed) sendAck(core, partition);
  if (partition.role !== 'active') return;
  for (const [peer, progress] of leadOf(partition).progress) {
    if (!progress.streaming) continue;
    streamTo(core, partition, peer, progress);
    if (progress.comTold < partition.com) noteUntold(core, partition, peer);
  }
  trimLog(core, partition);
}

/**
 * At the end of a turn, after all partitions were settled: whoever gets a message in the bulk lane anyway is told along
 * with it how far we committed. By itself, at the next tick, that would cost a message, and until then the members ask
 * about every read of the keys that were written.
 */
export function tellAlong(core: Core): void {
  const { untold } = core;
  if (untold.size === 0) return;
  const { sends } = core.out;
  for (let i = sends.length - 1; i >= 0; i--) {
    const { to, envelope } = sends[i] as SendEffect;
    const partitions = travelsWithEntries(envelope.body) ? untold.get(to) : undefined;
    if (partitions === undefined) continue;
    untold.delete(to);
    for (const partition of partitions) tell(core, partition, to);
  }
}

function travelsWithEntries({ type }: PeerMessage): boolean {
  return type === 'prep' || type === 'fwd_r' || type === 'rfwd_r';
}

function tell(core: Core, partition: Partition, peer: PeerId): void {
  const progress = partition.role === 'active' ? partition.lead?.progress.get(peer) : undefined;
  if (progress?.streaming === true && progress.comTold < partition.com) {
    sendPrepare(core, partition, peer, progress);
  }
}

/** When time passes: repeats what was not acknowledged, and tells how far we committed. */
export function tickStream(core: Core, partition: Partition): void {
  const lead = leadOf(partition);
  for (const [peer, progress] of lead.progress) {
    if (!progress.streaming) continue;
    if (progress.acked >= partition.prep) progress.progressAtMs = core.leaseMs;
    const unacked = progress.acked + 1 < progress.next;
    if (unacked && core.leaseMs - progress.sentAtMs >= core.settings.resendMs) goBack(core, progress);
    streamTo(core, partition, peer, progress);
    if (progress.comTold < partition.com) sendPrepare(core, partition, peer, progress);
  }
}

/** Whether anything is left that only time will bring on. */
export function streamIdle(partition: Partition): boolean {
  const lead = leadOf(partition);
  if (lead.selfDurable < partition.prep) return false;
  for (const progress of lead.progress.values()) {
    if (!progress.streaming || progress.acked < partition.prep || progress.comTold < partition.com)
      return false;
  }
  return true;
}

/** W3, at a member or a joined learner. */
export function onPrepare(core: Core, partition: Partition, from: PeerId, message: Prepare): void {
  const follows = partition.role === 'member' || partition.learning?.joined === true;
  if (!follows || partition.alignedEpoch !== message.epoch || partition.config?.primary !== from) return;
  const { first, entries } = message;
  if (first > partition.prep + 1) {
    partition.ackOwed = true;
    partition.gapSeen = true;
    core.settle(partition);
    return;
  }
  store(core, partition, first > partition.prep ? entries : entries.slice(partition.prep + 1 - first));
  const covered = Math.min(partition.prep, first - 1 + entries.length);
  commitThrough(core, partition, Math.min(message.com, covered));
  partition.log.compare(message.com, message.comChecksum, from);
  partition.rows.dropTombstones(Math.min(message.gc, partition.com));
  trimLog(core, partition);
  if (entries.length === 0) return;
  partition.ackOwed = true;
  core.settle(partition);
}

/** W4, at the primary. */
export function onAck(core: Core, partition: Partition, from: PeerId, message: Ack): void {
  if (partition.role !== 'active') return;
  const progress = leadOf(partition).progress.get(from);
  if (progress?.streaming !== true) return;
  partition.log.compare(message.com, message.comChecksum, from);
  if (message.upto > progress.acked) {
    progress.acked = message.upto;
    progress.progressAtMs = core.leaseMs;
    progress.next = Math.max(progress.next, message.upto + 1);
    advance(core, partition);
  }
  const wentBackLately = core.leaseMs - progress.wentBackAtMs < core.settings.resendMs;
  if (message.gap && message.upto === progress.acked && !wentBackLately) {
    goBack(core, progress);
    core.touch(partition);
  }
}

/** A new entry in `progress`, from which entries are streamed after `acked`. */
export function newProgress(core: Core, acked: number, streaming: boolean): Progress {
  return {
    acked,
    next: acked + 1,
    sent: acked,
    sentAtMs: core.leaseMs,
    wentBackAtMs: Number.NEGATIVE_INFINITY,
    progressAtMs: core.leaseMs,
    comTold: -1,
    streaming,
    snapshot: undefined,
  };
}

function noteUntold({ untold }: Core, partition: Partition, peer: PeerId): void {
  const partitions = untold.get(peer);
  if (partitions === undefined) untold.set(peer, new Set([partition]));
  else partitions.add(partition);
}

function goBack(core: Core, progress: Progress): void {
  progress.next = progress.acked + 1;
  progress.wentBackAtMs = core.leaseMs;
}

function streamTo(core: Core, partition: Partition, peer: PeerId, progress: Progress): void {
  const window = progress.acked + core.settings.maxUncommittedEntries;
  while (progress.next <= partition.prep && progress.next <= window) {
    sendPrepare(core, partition, peer, progress);
  }
}

function sendPrepare(core: Core, partition: Partition, peer: PeerId, progress: Progress): void {
  const { maxMessageEntries, maxMessageBytes } = core.settings;
  const { log, com } = partition;
  const entries = log.run(progress.next, maxMessageEntries, maxMessageBytes);
  // Nothing was in flight: from now on this peer owes us an acknowledgement. A repeat does not put that off (E9).
  if (entries.length > 0 && progress.sent <= progress.acked) progress.progressAtMs = core.leaseMs;
  core.send(peer, {
    type: 'prep',
    partition: partition.number,
    epoch: partition.epoch,
    first: progress.next,
    entries,
    com,
    comChecksum: log.checksumAt(com),
    gc: leadOf(partition).gc,
  });
  // It learns no more of com than the entries cover (W3).
  progress.comTold = Math.min(com, progress.next - 1 + entries.length);
  progress.next += entries.length;
  progress.sent = Math.max(progress.sent, progress.next - 1);
  if (entries.length > 0) progress.sentAtMs = core.leaseMs;
}

function sendAck(core: Core, partition: Partition): void {
  const { config, log, com, epoch } = partition;
  const gap = partition.gapSeen;
  partition.ackOwed = false;
  partition.gapSeen = false;
  if (config === undefined || (partition.role !== 'member' && partition.role !== 'learner')) return;
  const position = { upto: partition.prep, gap, com, comChecksum: log.checksumAt(com) };
  core.send(
    config.primary,
    { type: 'ack', partition: partition.number, epoch, ...position },
    core.out.barrier(),
  );
}
