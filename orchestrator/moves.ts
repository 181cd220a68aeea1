/**
 * Which partitions change hands now: the step from the present table of partitions to the next one, given which peers
 * are fit to own, which are lost and which are on their way out.
 *
 * Invariants: data is never given up while somebody who can be asked holds it: a new primary's `source` is whoever
 * holds the data, and a primary that still fetches is not replaced unless it is lost; partitions move for balance
 * only while nothing else is under way.
 */
import type { PartitionView } from '../common/view.js';
import { type Candidate, place } from './placement.js';

/** What a peer can be asked for. */
export type Condition =
  /** Answers, and stays. */
  | 'well'
  /** Answers, but is to own nothing: it leaves, or has weight 0. */
  | 'handing-over'
  /** Does not answer, but may again. */
  | 'waited-for'
  /** Does not answer, and has been waited for long enough. */
  | 'lost';

export interface Situation {
  readonly partitions: readonly PartitionView[];
  /** The epoch of the view that these changes will be part of. */
  readonly epoch: number;
  readonly copies: number;
  /** The peers that may be given partitions. */
  readonly fit: readonly Candidate[];
  condition(id: string): Condition;
  /** Whether partitions may move for balance, as far as nothing else is under way. */
  readonly rebalance: boolean;
}

export interface Plan {
  readonly partitions: readonly PartitionView[];
  /** Partitions whose only data is gone: they start empty. */
  readonly lost: number;
  /** Partitions that were on their way to a primary that is gone: how much of them their source still holds, nobody knows. */
  readonly doubtful: number;
  /** The whole table was balanced over the fit peers. */
  readonly balanced: boolean;
}

/** The next table. What need not change comes back as the same objects. */
export function plan(situation: Situation): Plan {
  const { fit, rebalance } = situation;
  const { partitions, lost } = forgetLostSources(situation);
  const orphans = partitions.map((partition) => isOrphan(partition, situation));
  const anyOrphan = orphans.includes(true);
  const busy = isBusy(partitions, situation);
  if (fit.length === 0 || (!anyOrphan && (busy || !rebalance)))
    return { partitions, lost, doubtful: 0, balanced: false };
  const wanted = place(partitions, fit, situation.copies, (i) => busy && orphans[i] === false);
  let emptied = 0;
  let doubtful = 0;
  const next = partitions.map((partition, i) => {
    const { primary, replicas } = wanted[i] as (typeof wanted)[number];
    const present = replicas.filter((id) => id !== primary && situation.condition(id) !== 'lost');
    if (primary === partition.primary) return withReplicas(partition, present);
    const source = sourceFor(partition, primary, situation);
    if (source === null && partition.primary !== null && primary !== partition.source) emptied++;
    else if (partition.source !== null && isLost(partition.primary, situation)) doubtful++;
    return { epoch: situation.epoch, primary, replicas: present, source };
  });
  return { partitions: next, lost: lost + emptied, doubtful, balanced: !busy };
}

/** Whether something is under way that moves for balance must not add to. */
function isBusy(partitions: readonly PartitionView[], { condition }: Pick<Situation, 'condition'>): boolean {
  return partitions.some(
    ({ primary, source }) => source !== null || (primary !== null && condition(primary) === 'waited-for'),
  );
}

/** A source that is gone for good cannot be asked: the primary goes on with what it has. */
function forgetLostSources(situation: Situation): { partitions: PartitionView[]; lost: number } {
  let lost = 0;
  const partitions = situation.partitions.map((partition) => {
    const { primary, source } = partition;
    if (source === null || situation.condition(source) !== 'lost') return partition;
    // Where the primary is lost as well, the partition is counted when it gets a new one.
    if (primary !== null && situation.condition(primary) !== 'lost') lost++;
    return { ...partition, source: null };
  });
  return { partitions, lost };
}

/** A partition that needs another primary, and can get one. */
function isOrphan({ primary, source }: PartitionView, { condition }: Situation): boolean {
  if (primary === null) return true;
  const state = condition(primary);
  // A primary that leaves while it fetches finishes that first: until then its own source is the one that has the data.
  return state === 'lost' || (state === 'handing-over' && source === null);
}

function isLost(id: string | null, { condition }: Situation): boolean {
  return id !== null && condition(id) === 'lost';
}

function sourceFor(before: PartitionView, primary: string | null, { condition }: Situation): string | null {
  if (before.primary !== null && condition(before.primary) !== 'lost') return before.primary;
  return before.source === primary ? null : before.source;
}

function withReplicas(partition: PartitionView, replicas: string[]): PartitionView {
  const same =
    replicas.length === partition.replicas.length && replicas.every((id, i) => id === partition.replicas[i]);
  return same ? partition : { ...partition, replicas };
}
