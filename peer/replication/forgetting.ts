/**
 * Partitions that this peer holds no more are deleted after a while.
 *
 * Kept true: nothing is deleted that could be needed again. The adopted map shows the partition active in a configuration
 * without this peer, so every member of that one has all that was committed before (A3), and whatever comes later begins
 * with those members, also when the registry is rebuilt: this peer itself shows that configuration (section 9). The delay
 * is for peers that come back: they catch up by the log if they still have their copy (C1).
 * A copy that is begun after the deletion has a number of its own, so that rows of the old one, which the store may show
 * until the deletion is stored, are never taken for its own.
 */

import type { Core } from './core.js';
import type { Partition } from './partition.js';

/** When time passes: deletes a partition that was of no use for long; at most one at a time. */
export function tickForgetting(core: Core): void {
  for (const partition of core.partitions.values()) {
    if (!isUseless(core, partition)) partition.uselessSinceMs = undefined;
    else if (partition.uselessSinceMs === undefined) partition.uselessSinceMs = core.leaseMs;
    else if (core.leaseMs - partition.uselessSinceMs >= core.settings.keepUnusedMs) {
      forget(core, partition);
      return;
    }
  }
}

function isUseless({ me }: Core, { role, config }: Partition): boolean {
  if (role !== 'none' || config?.active !== true) return false;
  return !config.members.has(me) && !config.learners.includes(me) && !config.la.includes(me);
}

function forget(core: Core, partition: Partition): void {
  const { number, staging } = partition;
  core.partitions.delete(number);
  core.busy.delete(partition);
  core.pending = core.pending.filter((other) => other !== partition);
  core.nextCopy.set(number, staging + 1);
  core.out.unmark(partition);
  core.out.add({ type: 'forget', partition: number });
}
