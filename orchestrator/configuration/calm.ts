/**
 * Where planned steps may be taken at all.
 *
 * Keeps true: no plan disturbs a partition that has other worries, or does so twice at once: a step waits until the one
 * before is known to be active, and until everybody in the partition is sound.
 */
import { isRestarting, type PartitionConfig } from '../../common/configuration.js';
import type { Accusations } from './accusations.js';
import type { Good } from './placement.js';
import { allSound, type Situation } from './situation.js';

/** Whether the partition is active, and everybody in it sound and accused by nobody. */
export function isSteady(
  situation: Situation,
  { accusations }: { readonly accusations: Accusations },
  partition: number,
  part: PartitionConfig,
): boolean {
  if (!part.active || situation.draft.isRenewed(partition)) return false;
  return allSound(situation, part) && !accusations.concerns(partition, part.epoch);
}

/** Whether, moreover, nothing is on its way in it, so that this good of it may be moved; copies only if none is missing. */
export function isCalm(
  situation: Situation,
  memory: { readonly accusations: Accusations },
  partition: number,
  part: PartitionConfig,
  good: Good,
): boolean {
  const { draft, settings } = situation;
  if (part.learners.length > 0 || part.members.size > settings.replicationFactor) return false;
  if (good === 'copies' && part.members.size < settings.replicationFactor) return false;
  for (const id of part.members.keys()) {
    const record = draft.peers.get(id);
    if (record && isRestarting(record)) return false;
  }
  return isSteady(situation, memory, partition, part);
}
