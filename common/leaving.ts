/**
 * When a process that has announced its restart may stop without anybody waiting for it.
 *
 * Kept true: it is decided from the map alone, so that peer and orchestrator agree; and a process that was removed goes on
 * until its successors have activated, since their first write waits for its word that it knows (the fence, A3).
 */
import { type ClusterMap, isRestarting, type PeerId } from './configuration.js';

/**
 * `free`: nobody waits for it any more. `alone`: it still is a member, but those who stay are too few to do without it,
 * or none, and no others are there: waiting does not help. `wait`: it ends when the map changes, or others come back.
 */
export type MayStop = 'free' | 'alone' | 'wait';

/** Whether `id`, which repeats its `leave`, may stop by this map. */
export function mayStop(map: ClusterMap, id: PeerId): MayStop {
  const { parts, peers, minInSync = 1 } = map;
  const goesOn = (peer: PeerId): boolean => !isRestarting(peers.get(peer) ?? {});
  const holders = [...peers].filter(([peer, { weight = 1 }]) => weight > 0 && goesOn(peer));
  const enough = holders.length >= minInSync;
  let alone = false;
  for (const part of parts) {
    if (part === undefined) continue;
    if ((part.fence.includes(id) && !part.active) || part.learners.includes(id)) return 'wait';
    if (!part.members.has(id)) continue;
    alone = true;
    if (![...part.members.keys()].some(goesOn)) continue;
    if (enough || part.primary === id || !part.active) return 'wait';
  }
  return alone ? 'alone' : 'free';
}
