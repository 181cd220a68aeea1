/**
 * Who may lead (E4), and who should.
 *
 * Keeps true: a primary is a member of the new configuration AND of the last one that is known to have been
 * active. A member that came by an epoch which never activated is unknown to its elders: they ask no lease of
 * it, and would go on serving reads beside it. (Found by the model: mutation successor-from-pending-add.)
 */
import type { PartitionConfig, PeerId } from '../../common/configuration.js';
import { isSound, type Situation } from './situation.js';

/** Those of `members` that may lead the configuration after `part`. */
export function eligible(part: PartitionConfig, members: Iterable<PeerId>): PeerId[] {
  return [...members].filter((id) => part.la.includes(id));
}

/**
 * The one of `members` that should lead after `part`: today's primary if it can go on, else somebody sound,
 * not on its way out, with few primaries. undefined: nobody that may lead is here; wait (E4).
 */
export function chooseLeader(
  situation: Situation,
  part: PartitionConfig,
  members: Iterable<PeerId>,
): PeerId | undefined {
  const candidates = eligible(part, members).filter((id) => isSound(situation, part, id));
  if (candidates.includes(part.primary)) return part.primary;
  return leastBurdened(situation, candidates);
}

/** Somebody else than today's primary that can take the partition over at once, or undefined. */
export function chooseSuccessor(situation: Situation, part: PartitionConfig): PeerId | undefined {
  const others = eligible(part, part.members.keys()).filter((id) => id !== part.primary);
  return leastBurdened(
    situation,
    others.filter((id) => isSound(situation, part, id)),
  );
}

function leastBurdened(situation: Situation, candidates: readonly PeerId[]): PeerId | undefined {
  if (candidates.length < 2) return candidates[0];
  const { draft } = situation;
  const burden = new Map(candidates.map((id) => [id, draft.peers.get(id)?.drain ? Infinity : 0]));
  for (const part of draft.parts) {
    if (!part) continue;
    const seen = burden.get(part.primary);
    if (seen !== undefined) burden.set(part.primary, seen + 1 / (draft.peers.get(part.primary)?.weight ?? 1));
  }
  return candidates.reduce((best, id) =>
    (burden.get(id) as number) < (burden.get(best) as number) ? id : best,
  );
}
