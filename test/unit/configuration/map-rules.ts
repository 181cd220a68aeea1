/** What must hold between a committed map and the next one, whatever made the manager write it. */
import { type ClusterMap, type PartitionConfig, type PeerId, termOf } from '../../../common/configuration.js';
import type { ManagerSettings } from '../../../orchestrator/configuration/settings.js';

/** Throws where the step from one map to the next breaks a rule of section 6. */
export function checkStep(
  before: ClusterMap | undefined,
  after: ClusterMap,
  settings: ManagerSettings,
): void {
  must(after.ver > (before?.ver ?? 0), 'E1: the version grows', after);
  for (const [partition, part] of after.parts.entries()) {
    must(part !== undefined, 'a partition is not forgotten', partition);
    checkPart(part, settings);
    const old = before?.parts[partition];
    if (!before || !old) continue;
    if (termOf(before.ver) !== termOf(after.ver)) {
      must(part.epoch === after.ver, 'section 9: a rebuilt partition has a new epoch', part);
    } else if (part !== old) checkChange(before, after, old, part);
    if (part === old) checkUnchanged(before, after, part);
  }
}

function checkPart(part: PartitionConfig, { replicationFactor }: ManagerSettings): void {
  must(part.members.size > 0, 'a partition has a member', part);
  must(part.members.has(part.primary), 'the primary is a member', part);
  must(part.la.includes(part.primary), 'E4: the primary was in the last active configuration', part);
  must(part.learners.length <= 1, 'at most one learner', part);
  must(!part.learners.some((id) => part.members.has(id)), 'a learner is no member', part);
  must(part.members.size + part.learners.length <= replicationFactor + 1, 'at most one copy too many', part);
  if (part.active) must(same(part.la, [...part.members.keys()]), 'E5: la are the members', part);
}

function checkChange(
  before: ClusterMap,
  after: ClusterMap,
  old: PartitionConfig,
  part: PartitionConfig,
): void {
  const gone = [...old.members.keys()].filter((id) => !part.members.has(id));
  const come = [...part.members.keys()].filter((id) => !old.members.has(id));
  const lostLearner = old.learners.some((id) => !part.learners.includes(id) && !part.members.has(id));
  const changed = gone.length > 0 || come.length > 0 || part.primary !== old.primary || lostLearner;
  if (changed) must(part.epoch === after.ver, 'E1, E8: a change begins an epoch', [old, part]);
  if (part.epoch === old.epoch) {
    must(!old.active || part.active, 'an epoch stays active', part);
    must(same(part.fence, old.fence), 'the fence of an epoch stays', part);
    return;
  }
  must(part.epoch === after.ver && !part.active, 'a new epoch is not active yet', part);
  must(come.length <= 1 && come.every((id) => old.learners.includes(id)), 'members come from learners', part);
  for (const id of come)
    must(part.members.get(id) === before.peers.get(id)?.storeId, 'the store of now', part);
  const wasActive = old.active || come.length > 0 || same(part.la, [...old.members.keys()]);
  for (const id of gone) must(part.fence.includes(id), 'E1: who was removed is fenced', [old, part]);
  if (!wasActive)
    for (const id of old.fence) must(part.fence.includes(id), 'E1: the fence adds up', [old, part]);
  if (come.length > 0) must(same(part.la, [...old.members.keys()]), 'E5: an ADD proves activation', part);
}

/** E6: a peer that restarted as a member or learner changes its partitions in the same step. */
function checkUnchanged(before: ClusterMap, after: ClusterMap, part: PartitionConfig): void {
  const restarted = (id: PeerId) => {
    const [old, now] = [before.peers.get(id), after.peers.get(id)];
    return old !== undefined && now !== undefined && old.storeId === now.storeId && old.inc !== now.inc;
  };
  for (const [id, storeId] of part.members) {
    if (after.peers.get(id)?.storeId === storeId) must(!restarted(id), 'E6: a restart ends the epoch', part);
  }
  must(!part.learners.some(restarted), 'E6: a restarted learner is dropped', part);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join();
}

function must(holds: boolean, what: string, seen: unknown): asserts holds {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(seen, replacer)}`);
}

function replacer(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
