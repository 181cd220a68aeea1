/**
 * Every number of the configuration manager, in one place. Section 15 of the specification names the times;
 * the words of `--failure-detection` choose them all together, so that nobody mixes a short lease with a long
 * health check.
 */
import type { PeerId } from '../../common/configuration.js';
import type { LivenessTiming } from './liveness.js';
import type { PaceSettings } from './pace.js';

/** How quickly failures are noticed; quicker means more false alarms when a machine stalls. */
export type FailureDetection = 'fast' | 'normal' | 'patient';

/** The times of the manager, all in ms on the orchestrator's monotonic clock. */
export interface ManagerTiming extends LivenessTiming {
  /** Between two health checks of everybody. */
  readonly pingEveryMs: number;
  /** The least time between two extra checks of one peer (accused, or about to be waited for). */
  readonly probeEveryMs: number;
  /** How long accusations are collected before one is acted on (E9). */
  readonly collectAccusationsMs: number;
  /** An accusation that was not repeated for this long is void. */
  readonly accusationExpiresMs: number;
  /** How long a removed peer may not rejoin, the first time (E9); doubles each time it is removed again soon. */
  readonly coolDownMs: number;
  readonly maxCoolDownMs: number;
  /** Nothing but reading and probing happens for this long after a start, so that everybody can answer first. */
  readonly graceMs: number;
  /** Repairs and moves are looked for this often; losses at every tick. */
  readonly planEveryMs: number;
  /** Missing copies are made anew on other peers after this; a peer that comes back earlier gets its own again. */
  readonly repairAfterMs: number;
  /** A peer that is silent to us, but was just trusted by another orchestrator, counts as heard for this long. */
  readonly vouchedForMs: number;
  /** Between two rounds of asking while a registry is rebuilt. */
  readonly queryEveryMs: number;
  /** A live peer that does not answer a query for this long has promised a higher term: ask with a higher one. */
  readonly queryPatienceMs: number;
  /** A learner that has not become a member after this is dropped, and somebody else is tried. */
  readonly learnerPatienceMs: number;
  /** After a change, primaries that have not activated are probed more often for this long. */
  readonly watchActivationMs: number;
  /** A process that reported itself but is in no map is forgotten after this much silence. */
  readonly forgetStrangerMs: number;
}

/** Limits of the manager. */
export interface ManagerLimits {
  /** Partitions that are being copied, for a planned move or a repair (H). */
  readonly maxMoves: number;
  /** Partitions on their way to another primary to even out the load: an alignment each, without data. */
  readonly maxHandOvers: number;
  /** Partitions whose missing copy is on its way back to a peer that had it lately; mostly a short tail of log. */
  readonly maxReturns: number;
  /** By accusation alone no partition gets fewer members than this (E9). */
  readonly accusationFloor: number;
  /** Reported peers beyond this many are not taken in; the report is dropped. */
  readonly maxPeers: number;
  /** Operators' changes that wait; beyond it they are refused. */
  readonly maxWishes: number;
}

/** Everything that a manager is told at its start. */
export interface ManagerSettings {
  readonly clusterId: string;
  /** This orchestrator's own name, put on its messages. */
  readonly orchestratorId: string;
  readonly partitionCount: number;
  /** Copies of each partition, primary included. */
  readonly replicationFactor: number;
  /** See `in-sync-floor.ts`. All orchestrators of a cluster have the same; left out the map keeps what it says. */
  readonly minInSync?: number;
  /**
   * Create a NEW cluster as soon as this many peers with no map at all are live and the register is empty.
   * undefined: never; an empty register then means a lost one, and is rebuilt from the peers (section 9).
   */
  readonly bootstrapPeers: number | undefined;
  /** The register's content may be old (restored from a copy): ask the peers before anything else (section 9). */
  readonly registerMayBeOld: boolean;
  /** Peers to probe although no map names them, with their addresses: where a lost registry starts asking. */
  readonly seeds: ReadonlyMap<PeerId, string>;
  readonly timing: ManagerTiming;
  readonly limits: ManagerLimits;
  readonly pace: PaceSettings;
}

const NORMAL: ManagerTiming = {
  deadAfterMs: 1_500,
  suspectSelfMs: 5_000,
  stalledAfterMs: 500,
  pingEveryMs: 300,
  probeEveryMs: 50,
  collectAccusationsMs: 200,
  accusationExpiresMs: 1_500,
  coolDownMs: 1_500,
  maxCoolDownMs: 60_000,
  graceMs: 1_600,
  planEveryMs: 100,
  repairAfterMs: 10_000,
  vouchedForMs: 30_000,
  queryEveryMs: 300,
  queryPatienceMs: 3_000,
  learnerPatienceMs: 600_000,
  watchActivationMs: 1_000,
  forgetStrangerMs: 60_000,
};

const FAST: ManagerTiming = {
  ...NORMAL,
  deadAfterMs: 700,
  stalledAfterMs: 250,
  pingEveryMs: 150,
  probeEveryMs: 25,
  collectAccusationsMs: 100,
  accusationExpiresMs: 1_000,
  graceMs: 800,
};

const PATIENT: ManagerTiming = {
  ...NORMAL,
  deadAfterMs: 6_000,
  suspectSelfMs: 15_000,
  stalledAfterMs: 2_000,
  pingEveryMs: 1_000,
  probeEveryMs: 200,
  collectAccusationsMs: 500,
  accusationExpiresMs: 5_000,
  coolDownMs: 5_000,
  graceMs: 6_500,
};

const TIMINGS: Readonly<Record<FailureDetection, ManagerTiming>> = {
  fast: FAST,
  normal: NORMAL,
  patient: PATIENT,
};

/** The manager's times for one of the words. */
export function managerTiming(word: FailureDetection): ManagerTiming {
  return TIMINGS[word];
}

/** Planned copies are under way for a quarter of the time: what clients lose meanwhile is a quarter as much over all. */
export const DEFAULT_PACE: PaceSettings = { restFactor: 3, maxRestMs: 30_000 };

/** The limits that a cluster starts with. */
export const DEFAULT_LIMITS: ManagerLimits = {
  maxMoves: 8,
  maxHandOvers: 64,
  maxReturns: 64,
  accusationFloor: 2,
  maxPeers: 1_000,
  maxWishes: 1_000,
};
