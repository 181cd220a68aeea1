/**
 * What every rule of the manager looks at, and the few questions that all of them ask.
 *
 * Keeps true: a peer counts as here only if it answers now and is registered; a member counts as holding its
 * partition only if the registered store is the one that the configuration names (section 4: a member is a
 * peer together with its store).
 */
import type { PartitionConfig, PeerId } from '../../common/configuration.js';
import type { MapDraft } from './draft.js';
import type { Liveness } from './liveness.js';
import type { ManagerNote } from './machine.js';
import type { ManagerSettings } from './settings.js';

/** One moment of decision: the clock, the map in the making, and what is known of the peers. */
export interface Situation {
  readonly nowMs: number;
  readonly draft: MapDraft;
  readonly liveness: Liveness;
  readonly settings: ManagerSettings;
  readonly notes: ManagerNote[];
}

/** Whether the peer is registered and answers. */
export function isHere({ draft, liveness }: Situation, id: PeerId): boolean {
  return draft.peers.has(id) && liveness.isLive(id);
}

/** Whether the registered store of a member is the one that the configuration counts on (E7). */
export function hasItsStore({ draft }: Situation, part: PartitionConfig, id: PeerId): boolean {
  const storeId = part.members.get(id);
  return storeId !== undefined && draft.peers.get(id)?.storeId === storeId;
}

/** Whether the member answers and still has the store that makes it a member. */
export function isSound(situation: Situation, part: PartitionConfig, id: PeerId): boolean {
  return isHere(situation, id) && hasItsStore(situation, part, id);
}

/** Whether every member of the partition is sound. */
export function allSound(situation: Situation, part: PartitionConfig): boolean {
  for (const id of part.members.keys()) if (!isSound(situation, part, id)) return false;
  return true;
}

/** The handshake of E3: every one of `ids` answered a probe that was sent after `round`. */
export function allAnsweredAfter({ liveness }: Situation, ids: Iterable<PeerId>, round: number): boolean {
  for (const id of ids) if (!liveness.answeredAfter(id, round)) return false;
  return true;
}

/** The partitions that exist, with their numbers. */
export function* existing({ draft }: Situation): Generator<readonly [number, PartitionConfig]> {
  for (let partition = 0; partition < draft.parts.length; partition++) {
    const part = draft.parts[partition];
    if (part) yield [partition, part];
  }
}
