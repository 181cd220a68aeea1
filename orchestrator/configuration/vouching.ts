/**
 * What another orchestrator's change says of a peer that we do not hear.
 *
 * Keeps true: whoever gets a partition from another orchestrator was heard by it just now, so if we do not hear
 * that peer, our own link is the likelier fault. Without this, one orchestrator that is cut off from a peer
 * would remove it again and again, and another would bring it back each time.
 * Policy only: a peer that is vouched for and yet gone is removed by accusation, or once the time is over.
 */
import type { ClusterMap, PeerId } from '../../common/configuration.js';

/** Peers that became a member or a learner of some partition between the two maps. */
export function newlyTrusted(before: ClusterMap, after: ClusterMap): Set<PeerId> {
  const trusted = new Set<PeerId>();
  for (const [partition, part] of after.parts.entries()) {
    const old = before.parts[partition];
    if (!part || !old || part === old) continue;
    for (const id of [...part.members.keys(), ...part.learners]) {
      if (!old.members.has(id) && !old.learners.includes(id)) trusted.add(id);
    }
  }
  return trusted;
}
