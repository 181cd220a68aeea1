/**
 * How much of the committed log is kept in memory and on disk (C4).
 *
 * Kept true: an entry goes only after it is committed here, and at the primary only after every member and every
 * learner that is being caught up has it, so that all of them can be served by the tail of the log. The last entry
 * stays, because log time goes on from its time stamp.
 * What is kept for peers that come back costs memory, and the garbage collector's time: an entry that dies soon costs
 * nothing. So much is kept only while somebody may be away. Who leaves now holds all that is committed, and needs the log
 * from the position that it knew to be.
 */

import type { Core } from './core.js';
import type { Partition } from './partition.js';

/** Drops the oldest committed entries if the log is a quarter over its limit; down to the limit. */
export function trimLog(core: Core, partition: Partition): void {
  const { log } = partition;
  const limit = retainedBytes(core, partition);
  if (log.bytes <= limit * 1.25 || partition.role === 'starting') return;
  const floor = Math.min(partition.com, partition.prep - 1, neededByOthers(partition));
  if (floor <= log.base) return;
  let base = log.base;
  let kept = log.bytes;
  while (base < floor && kept > limit) {
    base++;
    kept -= log.sizeAt(base);
  }
  if (base === log.base) return;
  log.trim(base);
  core.out.add({ type: 'trim', partition: partition.number, base, baseChecksum: log.baseChecksum });
}

function retainedBytes({ leaseMs, settings }: Core, { memberLeftAtMs }: Partition): number {
  const mayReturn = leaseMs - memberLeftAtMs < settings.retainLogMs;
  return mayReturn ? settings.retainedLogBytes : settings.settledLogBytes;
}

/** The position up to which nobody else needs the log. */
function neededByOthers(partition: Partition): number {
  let floor = partition.com;
  for (const progress of partition.lead?.progress.values() ?? []) {
    if (progress.snapshot !== undefined) floor = Math.min(floor, progress.snapshot.s0);
    else if (progress.streaming) floor = Math.min(floor, progress.acked);
  }
  return floor;
}
