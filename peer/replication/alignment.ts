/**
 * Becoming primary in one round trip (A1 to A3).
 *
 * Kept true: a new primary keeps every entry of its log, because any of them may have been acknowledged to a
 * client; every other member takes exactly that log, because what only others hold was acknowledged by not
 * everybody. No epoch activates before every member agrees, and before every removed peer has either adopted the
 * epoch or lost the leases that this peer granted it.
 * ALIGN leaves only when the epoch is durable here: a successor that forgets it in a crash is back in the old epoch and
 * acknowledges there (W5), and its ALIGN, still on its way, would cut what was committed on that word.
 * The interleaving behind A2's "do not truncate": ALIGN is repeated; between the first and the repeat entries
 * are prepared and acknowledged; cutting them at the repeat would lose what a client was told.
 */

import type { PeerId } from '../../common/configuration.js';
import { advance, commitThrough, leadOf, noteOpen, store, truncate } from './commit.js';
import type { Core } from './core.js';
import { type Entry, sizeOfEntries } from './entry.js';
import { broken } from './invariant.js';
import type { Align, AlignOk } from './messages.js';
import type { Lead, Partition } from './partition.js';
import { retryAfterMs } from './settings.js';
import { newProgress } from './streaming.js';
import { copiesThatGoOn } from './teaching.js';
import { Waiters } from './waiters.js';

/** A1: this peer is the primary of the epoch that was just adopted. `old` is what it led before, if it did. */
export function startLeading(core: Core, partition: Partition, old: Lead | undefined): void {
  const { log, com, prep } = partition;
  const suffix = log.slice(com + 1, prep);
  const lead: Lead = {
    startedAtMs: core.leaseMs,
    alignCom: com,
    alignComChecksum: log.checksumAt(com),
    alignSuffix: suffix,
    alignEnd: prep,
    alignOk: new Set(),
    alignSentAtMs: core.leaseMs,
    fence: fenceOf(core, partition),
    selfAligned: false,
    handed: prep,
    selfDurable: 0,
    selfProgressAtMs: core.leaseMs,
    progress: copiesThatGoOn(core, partition, old),
    addPending: undefined,
    addSentAtMs: 0,
    addSinceMs: 0,
    accusedAtMs: 0,
    // Whoever waits for an entry of ours, or for us, goes on waiting: all of our entries are kept.
    waiters: old?.waiters ?? new Waiters(com),
    newest: new Map(),
    openTokens: new Map(),
    queue: old?.queue ?? [],
    gc: 0,
    retiredAtVer: -1,
    retired: new Set(),
  };
  for (const entry of suffix) noteOpen(lead, entry);
  partition.lead = lead;
  partition.role = 'starting';
  partition.alignedEpoch = partition.epoch;
  core.out.mark(partition);
  if (lead.fence.size > 0) core.fencing.add(partition);
  core.durability.push({ batch: core.out.barrier(), partition, epoch: partition.epoch, upto: prep });
  core.touch(partition);
  sendAlign(core, partition, lead);
}

/** When time passes: repeats ALIGN to those that have not answered, and looks at the fence. */
export function tickAlignment(core: Core, partition: Partition): void {
  const lead = leadOf(partition);
  // While our disk hangs ALIGN has not left: repeats would only pile up behind it.
  const waitMs = retryAfterMs(sizeOfEntries(lead.alignSuffix), core.settings);
  if (lead.selfAligned && core.leaseMs - lead.alignSentAtMs >= waitMs) {
    sendAlign(core, partition, lead);
  }
  for (const [peer, untilMs] of lead.fence) if (core.leaseMs >= untilMs) lead.fence.delete(peer);
  tryActivate(core, partition);
}

/** A3 c: a peer that stands at `ver` has adopted every epoch up to it, so it needs no fence for them. */
export function releaseFence(core: Core, peer: PeerId, ver: number): void {
  for (const partition of core.fencing) {
    if (ver >= partition.epoch && partition.lead?.fence.delete(peer) === true) tryActivate(core, partition);
  }
}

/** A2, at a member. */
export function onAlign(core: Core, partition: Partition, from: PeerId, message: Align): void {
  if (partition.role !== 'member' || partition.config?.primary !== from) return;
  const { epoch } = message;
  if (partition.alignedEpoch !== epoch) takeLog(core, partition, from, message);
  const answer = { type: 'align_ok', partition: partition.number, epoch, upto: partition.prep } as const;
  core.send(from, answer, core.out.barrier());
}

/** A3 b, at the starting primary. */
export function onAlignOk(core: Core, partition: Partition, from: PeerId, message: AlignOk): void {
  const { lead } = partition;
  if (lead === undefined || lead.alignOk.has(from) || !partition.others.includes(from)) return;
  if (message.upto < lead.alignEnd) {
    broken(`${from} aligned through ${lead.alignEnd} in partition ${partition.number}`, `${message.upto}`);
  }
  lead.alignOk.add(from);
  tryActivate(core, partition);
}

/** A3: activates if everything that it takes is there. */
export function tryActivate(core: Core, partition: Partition): void {
  const { lead, others } = partition;
  if (partition.role !== 'starting' || lead === undefined) return;
  if (!lead.selfAligned || lead.alignOk.size < others.length || lead.fence.size > 0) return;
  partition.role = 'active';
  core.fencing.delete(partition);
  core.led.add(partition);
  core.ledUncommitted += partition.uncommittedBytes;
  for (const peer of others) lead.progress.set(peer, newProgress(core, lead.alignEnd, true));
  core.touch(partition);
  advance(core, partition);
  const { queue } = lead;
  lead.queue = [];
  for (const request of queue) request.run();
}

/** The removed peers that may still hold a lease of ours, each with the time after which it does not (L2, A3 c). */
function fenceOf(core: Core, partition: Partition): Map<PeerId, number> {
  const fence = new Map<PeerId, number>();
  for (const peer of partition.config?.fence ?? []) {
    if (peer !== core.me) fence.set(peer, core.grantedUntil.get(peer) ?? core.oldGrantsOverMs);
  }
  return fence;
}

function sendAlign(core: Core, partition: Partition, lead: Lead): void {
  lead.alignSentAtMs = core.leaseMs;
  const message = {
    type: 'align',
    partition: partition.number,
    epoch: partition.epoch,
    com: lead.alignCom,
    comChecksum: lead.alignComChecksum,
    suffix: lead.alignSuffix,
  } as const;
  const durable = core.out.barrier();
  for (const peer of partition.others) if (!lead.alignOk.has(peer)) core.send(peer, message, durable);
}

/** Keeps what is committed, takes the primary's entries for the rest. */
function takeLog(core: Core, partition: Partition, from: PeerId, message: Align): void {
  const { number, prep } = partition;
  const end = message.com + message.suffix.length;
  if (prep < message.com) {
    broken(`a member's log of partition ${number} through ${message.com}, committed at ${from}`, `${prep}`);
  }
  if (end < partition.com) {
    broken(
      `the log of ${from}, primary of partition ${number}, through ${partition.com}, committed here`,
      `${end}`,
    );
  }
  partition.log.compare(message.com, message.comChecksum, from);
  const keep = Math.max(partition.com, message.com);
  const known = message.suffix.filter((entry) => entry.seq <= keep);
  for (const entry of known) partition.log.compare(entry.seq, entry.checksum, from);
  truncate(core, partition, keep + agreeing(partition, message.suffix, keep));
  const held = partition.prep;
  store(
    core,
    partition,
    message.suffix.filter((entry) => entry.seq > held),
  );
  commitThrough(core, partition, message.com);
  partition.alignedEpoch = message.epoch;
  core.out.mark(partition);
}

/** How many entries above `keep` are the same in our log: they need not be written again. */
function agreeing(partition: Partition, suffix: readonly Entry[], keep: number): number {
  let same = 0;
  for (const entry of suffix) {
    if (entry.seq <= keep) continue;
    if (entry.seq > partition.prep) break;
    // The epoch tells entries of one position apart for certain: it had one primary, which made each of its own once.
    const mine = partition.log.at(entry.seq);
    if (mine.epoch !== entry.epoch || mine.checksum !== entry.checksum) break;
    same++;
  }
  return same;
}
