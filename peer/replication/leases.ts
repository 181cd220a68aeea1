/**
 * Leases between pairs of peers, one for all partitions (L1 to L6).
 *
 * Kept true: a holder counts from the SENDING of its request, a grantor from the receipt, and the grantor counts
 * longer (L4), so a lease is over at its holder before its grantor believes it to be. A grant of a peer that
 * knows a newer map is void (L3): whoever uses a lease knows every configuration that its grantor knew when it
 * granted, so one lease can serve all partitions. Our own grants of an earlier process are not remembered; every
 * peer counts as granted at the start (L2, in `fenceOf`).
 */

import type { PeerId } from '../../common/configuration.js';
import type { Core } from './core.js';
import type { LeaseGrant, LeaseRequest, PeerEnvelope } from './messages.js';
import type { Partition } from './partition.js';
import { leaseGrantMs } from './settings.js';

/** R1: whether this peer may answer reads of the partition from its own rows, at `nowMs` of the lease clock. */
export function leased(core: Core, partition: Partition, nowMs = core.leaseMs): boolean {
  for (const peer of partition.others) {
    const until = core.leaseFrom.get(peer);
    if (until === undefined || until <= nowMs) return false;
  }
  return true;
}

/**
 * When time passes: asks every other peer of the map for a lease, if it was not asked for `leaseRenewMs`; requests and
 * answers also carry map versions both ways.
 */
export function askLeases(core: Core): void {
  for (const peer of core.map.peers.keys()) {
    if (peer === core.me) continue;
    const askedAtMs = core.leaseAskedAt.get(peer) ?? Number.NEGATIVE_INFINITY;
    if (core.leaseMs - askedAtMs >= core.settings.leaseRenewMs) ask(core, peer);
  }
}

/**
 * A3 c, when a map was adopted: whoever was removed says so to its successors at once, and these ask it, since one of the
 * two was the later to know. Else the first writes without it would wait for the next renewal.
 */
export function askAcrossFences(core: Core): void {
  const asked = new Set<PeerId>();
  for (const part of core.map.parts) {
    if (part === undefined || part.active) continue;
    if (part.fence.includes(core.me)) asked.add(part.primary);
    else if (part.primary === core.me) for (const id of part.fence) asked.add(id);
  }
  const request = leaseRequest(core);
  for (const id of asked) if (core.map.peers.has(id)) core.send(id, request);
}

function ask(core: Core, peer: PeerId): void {
  core.leaseAskedAt.set(peer, core.leaseMs);
  core.send(peer, leaseRequest(core));
}

/** Whether a lease of this peer was asked for before, and is so again soon. */
function isDueSoon(core: Core, peer: PeerId): boolean {
  const askedAtMs = core.leaseAskedAt.get(peer);
  return askedAtMs !== undefined && core.leaseMs - askedAtMs > core.settings.leaseRenewMs / 2;
}

function leaseRequest({ leaseMs: t0, settings: { leaseHoldMs: holdMs } }: Core): LeaseRequest {
  return { type: 'lreq', t0, holdMs };
}

/**
 * L2, at the grantor. A lease is granted for as long as its holder asked, whatever our own settings say, so that they
 * may differ (L4); and counts for as long as the longest that was granted. Our own request, if it is due soon, travels
 * with the grant: of two peers one begins, and three messages renew both leases.
 */
export function onLeaseRequest(core: Core, envelope: PeerEnvelope, message: LeaseRequest): void {
  const { from, fromInc } = envelope;
  const holdMs = Math.min(message.holdMs, core.settings.maxLeaseHoldMs);
  const until = core.leaseMs + leaseGrantMs(holdMs, core.settings);
  core.grantedUntil.set(from, Math.max(until, core.grantedUntil.get(from) ?? core.oldGrantsOverMs));
  core.send(from, { type: 'lgrant', t0: message.t0, holdMs, inc: fromInc });
  if (isDueSoon(core, from) && core.map.peers.has(from)) ask(core, from);
}

/**
 * L1 and L3, at the holder. The caller has pulled the newer map, if there is one. A request of ours cannot have been sent
 * later than now: such a grant is not for this clock.
 */
export function onLeaseGrant(core: Core, envelope: PeerEnvelope, message: LeaseGrant): void {
  if (message.inc !== core.inc || envelope.ver > core.map.ver || message.t0 > core.leaseMs) return;
  const until = message.t0 + Math.min(message.holdMs, core.settings.leaseHoldMs);
  const known = core.leaseFrom.get(envelope.from);
  if (known === undefined || until > known) core.leaseFrom.set(envelope.from, until);
}

/** L5: our clock cannot be trusted to have run on; whatever was granted to us is void. */
export function dropLeases(core: Core): void {
  core.leaseFrom.clear();
}

/** Whether nothing was heard of a peer for `forMs`, since the start at the latest. */
export function silentFor(core: Core, peer: PeerId, forMs: number): boolean {
  return core.leaseMs - (core.heardAt.get(peer) ?? core.bootAtMs) >= forMs;
}
