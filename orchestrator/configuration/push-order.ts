/**
 * Who hears of a new map first.
 *
 * Keeps true: everybody gets it; new primaries get it before those that they succeed, so that an old primary's
 * clients find the new one ready (H: "send the map to q first").
 */
import type { ClusterMap, PeerId } from '../../common/configuration.js';

/** All peers of the map, those first that became a primary by it. */
export function pushOrder(before: ClusterMap, after: ClusterMap): PeerId[] {
  const first = new Set<PeerId>();
  for (let partition = 0; partition < after.parts.length; partition++) {
    const part = after.parts[partition];
    const old = before.parts[partition];
    if (part && part !== old && part.primary !== old?.primary) first.add(part.primary);
  }
  return [...first, ...[...after.peers.keys()].filter((id) => !first.has(id))];
}
