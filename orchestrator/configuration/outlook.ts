/**
 * What the manager can tell of itself, drawn from one moment's situation.
 *
 * Keeps true: looking changes nothing.
 */
import type { Founders } from './founders.js';
import type { ManagerStatus } from './machine.js';
import type { Moves } from './moves.js';
import type { Rebuild } from './rebuild.js';
import { lostPartitions } from './removal.js';
import { existing, type Situation } from './situation.js';

/** What a status is drawn from besides the situation. */
export interface OutlookParts {
  readonly phase: ManagerStatus['phase'];
  readonly moves: Moves;
  readonly founders: Founders;
  readonly rebuild: Rebuild | undefined;
}

/** The status at the situation's moment. */
export function statusOf(
  situation: Situation,
  { phase, moves, founders, rebuild }: OutlookParts,
): ManagerStatus {
  const { liveness, nowMs, settings } = situation;
  const map = situation.draft.base;
  const moving = [...existing(situation)]
    .filter(([, part]) => part.learners.length > 0 || part.members.size > settings.replicationFactor)
    .map(([partition, part]) => moves.describe(partition, part));
  return {
    phase,
    map,
    live: liveness.isEverybodyLive
      ? [...map.peers.keys()]
      : [...map.peers.keys()].filter((id) => liveness.isLive(id)),
    suspectsSelf: liveness.suspectsSelf(nowMs),
    lost: lostPartitions(situation),
    undecided: rebuild?.undecided() ?? [],
    moving,
    missingFounders: phase === 'waiting' ? founders.missing(situation) : 0,
  };
}
