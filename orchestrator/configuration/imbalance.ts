/**
 * How far the cluster is from where it should be: what is left to do beyond what is under way.
 *
 * Keeps true: looking changes nothing; a cluster at rest has nothing left to do.
 */
import type { PeerId } from '../../common/configuration.js';
import type { Imbalance } from './machine.js';
import { fairShares, type Good, holdings, weightFor } from './placement.js';
import { existing, isHere, type Situation } from './situation.js';

/** @param leaving which member leaves each partition that is being moved */
export function imbalanceOf(situation: Situation, leaving: ReadonlyMap<number, PeerId>): Imbalance {
  return {
    missing: copiesMissing(situation),
    copies: misplaced(situation, 'copies', leaving),
    primaries: misplaced(situation, 'primaries', leaving),
  };
}

/** How many copies are missing that some peer could take, and nobody is taking: repairs go first. */
export function copiesMissing(situation: Situation): number {
  const { draft, settings } = situation;
  let takers = 0;
  for (const [id, record] of draft.peers) {
    if (weightFor('copies', record) > 0 && isHere(situation, id)) takers++;
  }
  const wanted = Math.min(settings.replicationFactor, takers);
  let missing = 0;
  for (const [, part] of existing(situation)) {
    missing += Math.max(0, wanted - part.members.size - part.learners.length);
  }
  return missing;
}

function misplaced(situation: Situation, good: Good, leaving: ReadonlyMap<number, PeerId>): number {
  const shares = fairShares(situation, good);
  const held = holdings(situation, good, shares, leaving);
  let above = 0;
  let below = 0;
  for (const [id, { low, high }] of shares) {
    above += Math.max(0, (held.get(id) ?? 0) - high);
    below += Math.max(0, low - (held.get(id) ?? 0));
  }
  return Math.max(above, below);
}
