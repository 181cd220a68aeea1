/**
 * A process appears under a peer's name: it joins, it restarted, or it came with another disk (E6, E7).
 *
 * Keeps true:
 * - E6: a new incarnation ends the epoch of every partition in which the peer is a member, in the same change
 *   that writes the new incarnation into the map. So nothing that the old process sent but did not flush can
 *   count, and a restarted primary cannot go on where it was;
 * - E7: a peer with another store is not the member that it was, whatever its name. It stays listed until the
 *   others answered the handshake (removal.ts), and may then come back as a learner. If it was the last member
 *   the configuration stays as it is, waiting for a disk that nobody has: unavailable, never silently empty;
 * - E8: a restarted learner is dropped, which ends the epoch, so an ADD that is still under way is dead.
 */
import {
  drainAfterRestart,
  type Incarnation,
  type PeerId,
  type PeerRecord,
  type StoreId,
} from '../../common/configuration.js';
import { chooseLeader } from './leadership.js';
import { existing, isHere, type Situation } from './situation.js';

/** What a process says of itself. */
export interface Arrival {
  readonly storeId: StoreId;
  readonly inc: Incarnation;
  readonly addr: string;
  readonly weight: number | undefined;
}

/** Whether the process is another one than the map knows; an older incarnation of the same store is not. */
export function isNews(record: PeerRecord | undefined, arrival: Arrival): boolean {
  if (!record || record.storeId !== arrival.storeId) return true;
  return arrival.inc > record.inc;
}

/** Writes the process into the map, with all that follows from it. */
export function takeIn(situation: Situation, id: PeerId, arrival: Arrival): void {
  const before = situation.draft.peers.get(id);
  if (!isNews(before, arrival)) {
    if (before && before.inc === arrival.inc && before.addr !== arrival.addr) {
      situation.draft.setPeer(id, { ...before, addr: arrival.addr });
    }
    return;
  }
  situation.draft.setPeer(id, recordOf(before, arrival));
  situation.notes.push({ type: kindOfNews(before, arrival), peer: id });
  if (before) endEpochsOf(situation, id, arrival.storeId);
}

/** Drops a peer that left for good: asked to be emptied until its end, holds nothing, and is long silent. */
export function forgetGone(situation: Situation): void {
  const { draft, liveness, nowMs, settings } = situation;
  for (const [id, { drain }] of draft.base.peers) {
    if (drain?.scope !== 'everything' || drain.until !== 'restart' || isHere(situation, id)) continue;
    const silentMs = nowMs - (liveness.silentSinceMs(id) ?? nowMs);
    if (silentMs >= settings.timing.repairAfterMs && !holdsAnything(situation, id)) draft.dropPeer(id);
  }
}

/** Whether any configuration still names the peer. */
export function holdsAnything(situation: Situation, id: PeerId): boolean {
  for (const [, part] of existing(situation)) {
    if (part.members.has(id) || part.learners.includes(id)) return true;
  }
  return false;
}

function recordOf(before: PeerRecord | undefined, arrival: Arrival): PeerRecord {
  const weight = arrival.weight ?? before?.weight;
  const drain = drainAfterRestart(before?.drain);
  return {
    storeId: arrival.storeId,
    inc: arrival.inc,
    addr: arrival.addr,
    ...(weight === undefined ? {} : { weight }),
    ...(drain === undefined ? {} : { drain }),
  };
}

function kindOfNews(before: PeerRecord | undefined, arrival: Arrival) {
  if (!before) return 'peer-joined';
  return before.storeId === arrival.storeId ? 'peer-restarted' : 'peer-wiped';
}

function endEpochsOf(situation: Situation, id: PeerId, storeId: StoreId): void {
  for (const [partition, part] of existing(situation)) {
    if (part.learners.includes(id)) {
      situation.draft.edit(partition, { learners: part.learners.filter((other) => other !== id) });
    }
    if (part.members.get(id) === storeId) {
      const primary = chooseLeader(situation, part, part.members.keys()) ?? part.primary;
      situation.draft.edit(partition, { primary, renew: true });
    }
  }
}
