/** What a measurement is, and what it is given: clusters made for it, a place to say how it goes, and figures of samples. */
import { Cluster, type ClusterSettings } from '../../../harness/cluster.js';
import type { Network } from '../../../harness/network.js';
import { whole } from '../../../harness/watching.js';

const UP_WITHIN_MS = 90_000;

/** What may be scaled down for a quick try. */
export interface Scale {
  /** How often the thing is done; each measurement has its own default, that of the goal. */
  readonly times?: number;
  /** How long one thing lasts, in seconds. */
  readonly seconds?: number;
  /** Keys that are stored first. */
  readonly keys?: number;
  readonly failureDetection: ClusterSettings['failureDetection'];
  readonly durability: ClusterSettings['durability'];
}

export interface Result {
  /** What was measured, for a person, in a few words each. */
  readonly figures: readonly string[];
  readonly met: boolean;
}

export interface Measurement {
  readonly name: string;
  /** The row of the table. */
  readonly goal: string;
  run(lab: Lab): Promise<Result>;
}

export class Lab {
  private readonly made: Cluster[] = [];
  private readonly last: (() => void)[] = [];

  constructor(
    readonly scale: Scale,
    private readonly network: () => Promise<Network>,
    readonly say: (line: string) => void,
  ) {}

  /** A cluster that is up, with all its copies. @throws where it does not come up */
  async cluster(
    settings: Partial<ClusterSettings> = {},
    prepare?: (cluster: Cluster) => void,
  ): Promise<Cluster> {
    const { failureDetection, durability } = this.scale;
    const cluster = await Cluster.make(await this.network(), { failureDetection, durability, ...settings });
    this.made.push(cluster);
    cluster.onOwnEnd = (name, { code, signal }) => this.say(`${name} ended by itself: ${code ?? signal}`);
    prepare?.(cluster);
    cluster.startAll();
    await this.whole(cluster, UP_WITHIN_MS);
    return cluster;
  }

  /** @throws where the cluster does not become whole in time */
  async whole(cluster: Cluster, timeoutMs = UP_WITHIN_MS): Promise<void> {
    const why = await whole(cluster, timeoutMs);
    if (why !== null) throw new Error(`not whole after ${timeoutMs / 1000} s: ${why}`);
  }

  /** Done when all processes have ended. */
  atEnd(act: () => void): void {
    this.last.push(act);
  }

  /** Ends all clusters; their folders stay where `tidy` is false. Returns the folders. */
  async close(tidy: boolean): Promise<string[]> {
    for (const cluster of this.made) {
      cluster.onOwnEnd = () => {};
      await cluster.stop();
      if (tidy) cluster.remove();
    }
    for (const act of this.last) act();
    return this.made.map(({ folder }) => folder);
  }
}

/** The sample below which this share of all lies, 0 to 1; NaN where there is none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function pause(lengthMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, lengthMs));
}
