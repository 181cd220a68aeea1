/**
 * The orchestrator in numbers, as Prometheus reads them.
 *
 * Invariant: what describes the cluster is drawn at the moment that it is asked for; only what happens is counted.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { STATUSES } from '../common/roster.js';
import type { Outlook } from './reports.js';

/** Seconds; a flush takes from a tenth of a millisecond to, on a disk in trouble, very long. */
const SWAP_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2];

export class Metrics {
  readonly #registry = new Registry();
  readonly #swaps: Histogram<'outcome'>;
  readonly #answered: Counter.Internal;
  readonly #failed: Counter.Internal;
  readonly #gauges: (outlook: Outlook) => void;

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#swaps = new Histogram({
      name: 'covey_orchestrator_registry_swap_seconds',
      help: 'Time that a change of the map took to become durable, by outcome',
      labelNames: ['outcome'],
      buckets: SWAP_BUCKETS,
      registers,
    });
    const calls = new Counter({
      name: 'covey_orchestrator_calls_total',
      help: 'Deliveries to peers, by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#answered = calls.labels({ outcome: 'answered' });
    this.#failed = calls.labels({ outcome: 'failed' });
    this.#gauges = gauges(registers);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  swapped(outcome: string, ms: number): void {
    this.#swaps.observe({ outcome }, ms / 1_000);
  }

  called(answered: boolean): void {
    (answered ? this.#answered : this.#failed).inc();
  }

  /** All numbers as text. */
  async text(outlook: Outlook): Promise<string> {
    this.#gauges(outlook);
    return this.#registry.metrics();
  }
}

function gauges(registers: Registry[]): (outlook: Outlook) => void {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `covey_orchestrator_${name}`, help, registers });
  const epoch = gauge('map_version', 'Version of the newest committed map');
  const managing = gauge(
    'managing',
    '1 while the cluster is managed; 0 while the registry is read, waited for or rebuilt',
  );
  const fault = gauge('registry_fault', '1 while the registry cannot be stored');
  const lost = gauge('partitions_lost', 'Partitions whose every copy is gone');
  const short = gauge('partitions_short', 'Partitions with fewer in-sync copies than wanted');
  const inactive = gauge('partitions_inactive', 'Partitions whose primary is not known to serve');
  const moving = gauge('moves', 'Copies on their way');
  const left = gauge('moves_left', 'Copies that are still to be made or moved, beyond those on their way');
  const peers = new Gauge({
    name: 'covey_orchestrator_peers',
    help: 'Members by status',
    labelNames: ['status'],
    registers,
  });
  return ({ status, imbalance, roster, moves, fault: why, copies }) => {
    const parts = status.map.parts.filter((part) => part !== undefined);
    epoch.set(status.map.ver);
    managing.set(status.phase === 'managing' ? 1 : 0);
    fault.set(why === null ? 0 : 1);
    lost.set(status.lost.length);
    short.set(parts.filter((part) => part.members.size < copies).length);
    inactive.set(parts.filter((part) => !part.active).length);
    moving.set(moves.length);
    left.set(imbalance.missing + imbalance.copies);
    for (const word of STATUSES) {
      peers.set({ status: word }, roster.peers.filter((entry) => entry.status === word).length);
    }
  };
}
