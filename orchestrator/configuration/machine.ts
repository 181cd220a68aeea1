/**
 * The manager's rim: what goes into the configuration manager, and what comes out.
 *
 * Kept true: the manager is synchronous and deterministic; it reads no clock and draws no random number. `step`
 * takes one input, `take` hands out everything that the steps since the last `take` want done. A map leaves in
 * a `sends` only after the register said that it holds it (section 9: durable before sending).
 */
import type { ClusterMap, MapVersion, PeerId } from '../../common/configuration.js';
import type {
  AccusationReason,
  ChangeAnswer,
  OrchestratorEnvelope,
  PlannedChange,
  ReportEnvelope,
} from '../../common/control-messages.js';

/** Everything that a manager takes in. */
export type ManagerInput =
  /** Time has passed; called every 50 ms or so. */
  | { readonly type: 'tick' }
  | { readonly type: 'report'; readonly envelope: ReportEnvelope }
  /** The answer to a `read` of the register: its map, or undefined if it holds none. */
  | { readonly type: 'register-holds'; readonly map: ClusterMap | undefined }
  /**
   * The answer to a `cas`. `swapped`: the register durably holds the proposed map. `conflict`: it held another
   * version and was not changed. `unknown`: either may be true; the manager reads the register to find out.
   */
  | { readonly type: 'register-cas'; readonly outcome: 'swapped' | 'conflict' | 'unknown' }
  /** An operator's wish; the answer comes as an effect with the same id. */
  | { readonly type: 'change'; readonly id: number; readonly change: PlannedChange };

/** One operation on the register. There is never more than one under way. */
export type RegisterOperation =
  | { readonly type: 'read' }
  /** Replace the map if its version is `expected` (0: the register is empty). */
  | { readonly type: 'cas'; readonly expected: MapVersion; readonly map: ClusterMap };

/** A message to a peer, at the address that it gave itself. */
export interface ManagerSend {
  readonly to: PeerId;
  readonly addr: string;
  readonly envelope: OrchestratorEnvelope;
}

/** Something that a person or a log may want to know. */
export type ManagerNote =
  | { readonly type: 'peer-joined' | 'peer-restarted' | 'peer-wiped'; readonly peer: PeerId }
  | { readonly type: 'peer-silent' | 'peer-back'; readonly peer: PeerId }
  /** Every member of the partition has lost its disk: the data is gone unless an old disk comes back (E7). */
  | { readonly type: 'partition-lost'; readonly partition: number }
  | { readonly type: 'suspects-self' }
  /** A peer that is here was taken out of partitions because other members accused it (E9). */
  | {
      readonly type: 'accused-removed';
      readonly peer: PeerId;
      readonly partitions: number;
      readonly why: AccusationReason;
      readonly accusers: readonly PeerId[];
    }
  | { readonly type: 'rebuild-started'; readonly term: number }
  | { readonly type: 'rebuild-done'; readonly term: number }
  | { readonly type: 'other-cluster'; readonly peer: PeerId; readonly clusterId: string };

/** What the manager wants done since the last `take`. */
export interface ManagerEffects {
  readonly register: RegisterOperation | undefined;
  readonly sends: readonly ManagerSend[];
  readonly answers: readonly { readonly id: number; readonly answer: ChangeAnswer }[];
  readonly notes: readonly ManagerNote[];
}

/** A partition that a rebuild cannot decide yet, and the peers whose answer is missing. */
export interface Undecided {
  readonly partition: number;
  readonly missing: readonly PeerId[];
}

/** What the manager can say about itself (for /status, /readyz and tests). */
export interface ManagerStatus {
  /** `waiting`: no map yet and not enough peers; `rebuilding`: the registry was lost (section 9). */
  readonly phase: 'reading' | 'waiting' | 'rebuilding' | 'managing';
  /** The newest map that is known to be committed. */
  readonly map: ClusterMap;
  readonly live: readonly PeerId[];
  readonly suspectsSelf: boolean;
  readonly lost: readonly number[];
  readonly undecided: readonly Undecided[];
  /** Partitions with a learner or a member too many. */
  readonly moving: readonly Move[];
  /** How many more peers a new cluster waits for; 0 where none is to be made. */
  readonly missingFounders: number;
}

/** A copy on its way. */
export interface Move {
  readonly partition: number;
  /** Who gives its copy up; undefined for one that is made anew, or not chosen yet. */
  readonly from: PeerId | undefined;
  /** Who is being given a copy; undefined once it has it. */
  readonly to: PeerId | undefined;
}

/** What is left to do until everybody has a fair share, beyond what is under way. */
export interface Imbalance {
  /** Copies that partitions lack. */
  readonly missing: number;
  /** Copies that are to change their place, and primaries to be handed over. */
  readonly copies: number;
  readonly primaries: number;
}

/** The configuration manager. */
export interface Manager {
  /** @param nowMs the orchestrator's monotonic clock, never lower than before */
  step(nowMs: number, input: ManagerInput): void;
  take(): ManagerEffects;
  status(nowMs: number): ManagerStatus;
  imbalance(nowMs: number): Imbalance;
}
