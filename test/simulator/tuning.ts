/** The numbers that a seed's cluster runs with: sizes, and the limits of the core drawn so that all of them are met. */
import type { FailureDetection } from '../../orchestrator/configuration/settings.js';
import { DEFAULT_SETTINGS, FAST_SETTINGS, type Settings } from '../../peer/replication/settings.js';
import { CLOCK_RATE_BOUND } from './process.js';
import type { Random } from './random.js';

export interface ClusterTuning {
  readonly peers: number;
  /** Peers that may join later. */
  readonly spares: number;
  readonly orchestrators: number;
  readonly partitions: number;
  readonly replicas: number;
  /** How far clocks may run from true time. */
  readonly rateBound: number;
  readonly settings: Settings;
  readonly detection: FailureDetection;
}

/** Draws what the command line leaves open. */
export function drawTuning(
  random: Random,
  peers: number,
  partitions: number,
  clockRates: boolean,
): ClusterTuning {
  const detection: FailureDetection = random.chance(0.3) ? 'fast' : 'normal';
  const base = detection === 'fast' ? FAST_SETTINGS : DEFAULT_SETTINGS;
  return {
    peers,
    spares: 2,
    orchestrators: random.chance(0.25) ? 2 : 1,
    partitions,
    detection,
    replicas: Math.min(peers, 3),
    rateBound: clockRates ? CLOCK_RATE_BOUND : 0.0005,
    settings: {
      ...base,
      // Little logs, little messages: snapshots, tails and flow control all come up within a minute.
      retainedLogBytes: random.pick([0, 500, 4000, 1_000_000]),
      maxMessageEntries: random.pick([2, 8, 256]),
      maxMessageBytes: random.pick([300, 4000, 1_000_000]),
      maxUncommittedEntries: random.pick([16, 64, 1024]),
      maxQueuedRequests: random.pick([2, 50]),
      lazyStoreMs: random.pick([20, 100, 1000]),
      lazyStoreOps: random.pick([8, 1024]),
    },
  };
}
