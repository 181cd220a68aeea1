/** The numbers that a seed's cluster runs with: sizes, and the limits of the core drawn so that all of them are met. */
import type { FailureDetection } from '../../orchestrator/configuration/settings.js';
import {
  DEFAULT_SETTINGS,
  FAST_SETTINGS,
  PATIENT_SETTINGS,
  type Settings,
} from '../../peer/replication/settings.js';
import type { Random } from './random.js';

export interface ClusterTuning {
  readonly peers: number;
  /** Peers that may join later. */
  readonly spares: number;
  readonly orchestrators: number;
  readonly partitions: number;
  readonly replicas: number;
  readonly minInSync: number;
  /** Every process draws its own lease times, as while a cluster's setting is being changed. */
  readonly mixedLeases: boolean;
  /** How far clocks may run from true time. */
  readonly rateBound: number;
  /** Inputs that come within this time share a turn of the event loop; 0: each has its own. */
  readonly turnMs: number;
  /** Share of changes of the registry whose outcome is not told. */
  readonly doubt: number;
  readonly settings: Settings;
  readonly detection: FailureDetection;
}

const SETTINGS: Readonly<Record<FailureDetection, Settings>> = {
  fast: FAST_SETTINGS,
  normal: DEFAULT_SETTINGS,
  patient: PATIENT_SETTINGS,
};

/** Draws what the command line leaves open. */
export function drawTuning(
  random: Random,
  wanted: { readonly peers: number | undefined; readonly partitions: number | undefined },
  { rateBound, orchestrators }: { readonly rateBound: number; readonly orchestrators?: number | undefined },
): ClusterTuning {
  const peers = wanted.peers ?? random.integer(3, 5);
  const partitions = wanted.partitions ?? random.integer(1, 4);
  const detection = random.pick<FailureDetection>(['normal', 'normal', 'normal', 'fast', 'patient']);
  const base = SETTINGS[detection];
  return {
    peers,
    spares: 2,
    orchestrators: orchestrators ?? (random.chance(0.25) ? 2 : 1),
    partitions,
    detection,
    doubt: random.pick([0, 0, 0, 0.15]),
    turnMs: random.pick([0, 0, 0.4, 2]),
    replicas: Math.min(peers, 3),
    minInSync: random.pick([1, 2]),
    mixedLeases: random.chance(0.15),
    rateBound,
    settings: {
      ...base,
      clockRateError: Math.max(base.clockRateError, rateBound),
      // Seldom enough that a lost message or two costs a lease.
      leaseRenewMs: base.leaseRenewMs * random.pick([1, 1.5, 2]),
      // Little logs, little messages: snapshots, tails and flow control all come up within a minute.
      ...retention(random.pick([0, 1_900, 15_000, 1_000_000])),
      maxMessageEntries: random.pick([2, 8, 256]),
      maxMessageBytes: random.pick([1_100, 15_000, 1_000_000]),
      maxUncommittedEntries: random.pick([16, 64, 1024]),
      maxQueuedRequests: random.pick([2, 50]),
      lazyStoreMs: random.pick([20, 100, 1000]),
      keepUnusedMs: random.pick([300, 5_000, 60_000]),
      lazyStoreOps: random.pick([8, 1024]),
    },
  };
}

/** Both sizes come up in a run: members leave, and some time later only the smaller one is kept. */
function retention(bytes: number): Pick<Settings, 'retainedLogBytes' | 'settledLogBytes' | 'retainLogMs'> {
  return { retainedLogBytes: bytes, settledLogBytes: bytes / 4, retainLogMs: 5_000 };
}

/** The settings of one process. */
export function settingsOfProcess({ settings, mixedLeases }: ClusterTuning, random: Random): Settings {
  if (!mixedLeases) return settings;
  const { leaseHoldMs, leaseRenewMs } =
    SETTINGS[random.pick<FailureDetection>(['fast', 'normal', 'patient'])];
  return { ...settings, leaseHoldMs, leaseRenewMs };
}
