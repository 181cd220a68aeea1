/**
 * How many copies a partition must have to take writes (`minInSync` of the map).
 *
 * Keeps true: the number in the map is raised to the one that was asked for only when every partition has as many
 * members, so that a cluster which grows from one peer never refuses a write for what it never had; and once it is
 * there, losing copies does not lower it. It is never above the number of copies that the cluster makes.
 */
import { existing, type Situation } from './situation.js';

/** Brings the map's number to the setting's, as far as it may go now; nothing where none was asked for. */
export function followMinInSync(situation: Situation): void {
  const { draft, settings } = situation;
  if (settings.minInSync === undefined) return;
  const wanted = Math.max(1, Math.min(settings.minInSync, settings.replicationFactor));
  if (wanted === draft.minInSync) return;
  let fewest = Number.POSITIVE_INFINITY;
  for (const [, part] of existing(situation)) fewest = Math.min(fewest, part.members.size);
  if (wanted < draft.minInSync || fewest >= wanted) draft.setMinInSync(wanted);
}
