/**
 * Telling the orchestrator who stands in the way (E9). Policy, not safety: a false accusation costs a copy.
 *
 * Kept true: a peer whose own event loop stood still accuses nobody for the time of an accusation, because it
 * cannot tell its own silence from that of others.
 */

import type { PeerId } from '../../common/configuration.js';
import type { AccusationReason, PartitionEpoch } from '../../common/control-messages.js';
import { leadOf } from './commit.js';
import type { Core } from './core.js';
import { silentFor } from './leases.js';
import type { Partition, Progress } from './partition.js';

/** An accusation is repeated after this share of the time that it took to make it. */
const REPEAT_SHARE = 0.25;

/** The primary waits this much longer for a learner than for a member: nobody waits for a learner. */
const LEARNER_PATIENCE = 4;

/** Notes that ticks came late: our own event loop, or the whole process, stood still. */
export function excuseOthers(core: Core): void {
  core.excusedUntilMs = core.leaseMs + core.settings.accuseAfterMs;
}

/** When time passes, at a primary: accuses members that owe an acknowledgement for too long, itself included. */
export function tickAccusations(core: Core, partition: Partition): void {
  const { accuseAfterMs } = core.settings;
  const lead = leadOf(partition);
  if (core.leaseMs < core.excusedUntilMs) return;
  if (core.leaseMs - lead.accusedAtMs < accuseAfterMs * REPEAT_SHARE) return;
  const since = Math.max(core.excusedUntilMs, lead.startedAtMs);
  const late = (from: number): boolean => core.leaseMs - Math.max(since, from) > accuseAfterMs;
  // While its own disk hangs nothing is committed; nobody else can tell, since it goes on answering.
  const owing = !lead.selfAligned || lead.selfDurable < partition.prep;
  if (owing && late(lead.selfProgressAtMs)) accuse(core, partition, core.me);
  for (const peer of partition.others) {
    const progress = lead.progress.get(peer);
    // ALIGN leaves when it is durable here; nobody owes an answer before.
    const behind =
      progress === undefined ? lead.selfAligned && !lead.alignOk.has(peer) : progress.acked < partition.prep;
    if (behind && late(progress?.progressAtMs ?? lead.selfProgressAtMs)) accuse(core, partition, peer);
  }
  for (const [peer, progress] of lead.progress) {
    if (!partition.others.includes(peer) && isStuck(core, partition, peer, progress, since))
      accuse(core, partition, peer);
  }
}

/** Whether a learner does not get on, or is so slow that the log kept for it grows too large. */
function isStuck(core: Core, partition: Partition, peer: PeerId, progress: Progress, since: number): boolean {
  const { accuseAfterMs, maxCatchUpBytes } = core.settings;
  const { addPending, addSinceMs } = leadOf(partition);
  if (progress.snapshot === undefined && progress.acked >= partition.prep) return false;
  const awaited = peer === addPending;
  if (!awaited && partition.log.bytes > maxCatchUpBytes) return true;
  const from = Math.max(since, progress.progressAtMs, awaited ? addSinceMs : 0);
  return core.leaseMs - from > (awaited ? accuseAfterMs : accuseAfterMs * LEARNER_PATIENCE);
}

/** When time passes: accuses peers of which nothing was heard, for the partitions that one of us two leads. */
export function accuseSilent(core: Core): void {
  if (core.leaseMs < core.excusedUntilMs) return;
  for (const peer of core.map.peers.keys()) {
    if (peer !== core.me && silentFor(core, peer, core.settings.accuseAfterMs * 1.25)) {
      accuseForAll(core, peer, 'silent');
    }
  }
}

/** The connection to a peer broke: the orchestrator should look at it now. */
export function onDisconnected(core: Core, peer: PeerId): void {
  accuseForAll(core, peer, 'disconnected');
}

function accuse(core: Core, partition: Partition, who: PeerId): void {
  leadOf(partition).accusedAtMs = core.leaseMs;
  const cases = [{ partition: partition.number, epoch: partition.epoch }];
  core.report({ type: 'accuse', who, why: 'no-ack', cases });
}

function accuseForAll(core: Core, who: PeerId, why: AccusationReason): void {
  const cases: PartitionEpoch[] = [];
  for (const partition of core.partitions.values()) {
    const { config } = partition;
    if (config === undefined || !partition.isMember || !config.members.has(who)) continue;
    if (config.primary !== core.me && config.primary !== who) continue;
    cases.push({ partition: partition.number, epoch: config.epoch });
  }
  if (cases.length > 0) core.report({ type: 'accuse', who, why, cases });
}
