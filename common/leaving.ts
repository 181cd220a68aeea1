/**
 * When a process that has announced its restart may stop without anybody waiting for it.
 *
 * Kept true: it is decided from the map alone, so that peer and orchestrator agree; and a process that was removed goes on
 * until its successors have activated, since their first write waits for its word that it knows (the fence, A3).
 */
import { type ClusterMap, isRestarting, type PartitionConfig, type PeerId } from './configuration.js';

/**
 * `free`: nobody waits for it any more. `alone`: what it still is a member of has only members that are about to stop,
 * so there is nobody to wait for. `wait`: not yet; it ends when the map changes, or others come back.
 */
export type MayStop = 'free' | 'alone' | 'wait';

/** Whether `id`, which repeats its `leave`, may stop by this map. */
export function mayStop(map: ClusterMap, id: PeerId): MayStop {
  let alone = false;
  for (const part of map.parts) {
    if (part === undefined) continue;
    const fenced = !part.active && part.fence.includes(id);
    if (fenced || part.learners.includes(id)) return 'wait';
    if (!part.members.has(id)) continue;
    if (!everybodyLeaves(map, part)) return 'wait';
    alone = true;
  }
  return alone ? 'alone' : 'free';
}

function everybodyLeaves({ peers }: ClusterMap, { members }: PartitionConfig): boolean {
  for (const id of members.keys()) {
    const record = peers.get(id);
    if (record && !isRestarting(record)) return false;
  }
  return true;
}
