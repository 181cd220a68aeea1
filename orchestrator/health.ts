/**
 * When each peer last answered, what it said, and why a call to it failed: for people, nothing is decided by it.
 *
 * Invariant: only members of the map are remembered, and a bounded number of those that report before they are.
 */
import type { ReportEnvelope } from '../common/control-messages.js';

/** Processes that are remembered although no map names them. */
const MAX_STRANGERS = 1_000;

export interface Health {
  /** On the orchestrator's monotonic clock; null: not yet. */
  answeredMs: number | null;
  /** Version of the map that the peer follows. */
  epoch: number;
  /** Why the last call failed; null where it did not. */
  fault: string | null;
}

const UNKNOWN: Readonly<Health> = { answeredMs: null, epoch: 0, fault: null };

export class PeerHealth {
  readonly #known = new Map<string, Health>();

  of(peer: string): Readonly<Health> {
    return this.#known.get(peer) ?? UNKNOWN;
  }

  heard({ from, ver }: ReportEnvelope, nowMs: number): void {
    const health = this.#entry(from);
    health.answeredMs = nowMs;
    health.epoch = ver;
  }

  called(peer: string, fault: string | null): void {
    this.#entry(peer).fault = fault;
  }

  /** Forgets whom neither the map names nor the limit leaves room for. */
  keep(members: ReadonlyMap<string, unknown>): void {
    if (this.#known.size <= MAX_STRANGERS) return;
    const strangers = [...this.#known.keys()].filter((peer) => !members.has(peer));
    for (const peer of strangers.slice(0, Math.max(0, strangers.length - MAX_STRANGERS))) {
      this.#known.delete(peer);
    }
  }

  #entry(peer: string): Health {
    const known = this.#known.get(peer);
    if (known !== undefined) return known;
    const health = { ...UNKNOWN };
    this.#known.set(peer, health);
    return health;
  }
}
