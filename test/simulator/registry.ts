/**
 * The one linearizable cell that holds the map, as a file or etcd would: operations take time, take effect at one
 * moment, and the asker may never hear of it. It can be lost, or put back from an old copy.
 */
import type { ClusterMap, MapVersion } from '../../common/configuration.js';
import type { CasOutcome, MapRegister } from '../../orchestrator/driver.js';
import type { Process } from './process.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** Maps kept for `registry-old`: one every so often. */
const COPY_EVERY_MS = 3000;
const COPIES = 6;

export class Registry {
  /** What it holds now. */
  map: ClusterMap | undefined;
  /** When it was last changed. */
  changedAt = 0;
  /** Every operation takes up to this much longer. */
  slowMs = 0;
  /** Share of compare-and-sets whose outcome is not told. */
  unknownShare = 0;
  private copies: { readonly at: number; readonly map: ClusterMap }[] = [];

  constructor(
    private readonly schedule: Schedule,
    private readonly random: Random,
    /** A map was decided. */
    private readonly onDecided: (map: ClusterMap) => void,
  ) {}

  /** Access for one process; answers reach it only in the life in which it asked. */
  accessFor(process: Process): MapRegister {
    return {
      read: (done) => {
        process.completion(this.latency(), () => done(this.map));
      },
      cas: (expected, map, done) => {
        this.schedule.after(this.latency(), () => {
          const outcome = this.swap(expected, map);
          const told: CasOutcome = this.random.chance(this.unknownShare) ? 'unknown' : outcome;
          process.completion(this.random.next() * 3, () => done(told));
        });
      },
    };
  }

  /** Loses what it holds. */
  lose(): void {
    this.map = undefined;
  }

  /** Puts an old copy back; false if there is none. */
  restoreOldCopy(): boolean {
    const old = this.random.pickMaybe(this.copies);
    if (old === undefined) return false;
    this.map = old.map;
    return true;
  }

  private swap(expected: MapVersion, map: ClusterMap): CasOutcome {
    if ((this.map?.ver ?? 0) !== expected) return 'conflict';
    this.map = map;
    this.changedAt = this.schedule.now;
    this.onDecided(map);
    const last = this.copies.at(-1);
    if (last === undefined || this.schedule.now - last.at > COPY_EVERY_MS) {
      this.copies = [...this.copies.slice(-COPIES), { at: this.schedule.now, map }];
    }
    return 'swapped';
  }

  private latency(): number {
    const extra = this.slowMs === 0 ? 0 : this.random.next() * this.slowMs;
    return extra + (this.random.chance(0.03) ? this.random.integer(20, 200) : 1 + this.random.next() * 6);
  }
}
