/**
 * The first map of a new cluster.
 *
 * Keeps true: a cluster is founded only where that was asked for, by as many live processes without a map as
 * were asked for; all partitions are created in the first map, so a map without them never exists.
 */
import { type ClusterMap, mapVersion, type PeerId } from '../../common/configuration.js';
import { MapDraft } from './draft.js';
import { followMinInSync } from './in-sync-floor.js';
import { createAll } from './placement.js';
import { type Arrival, takeIn } from './registration.js';
import type { Situation } from './situation.js';

/** Processes without a map that answered while there was none. */
export class Founders {
  readonly #arrivals = new Map<PeerId, Arrival>();

  hear(id: PeerId, arrival: Arrival): void {
    this.#arrivals.set(id, arrival);
  }

  /** The first map if enough of them are here now, else undefined. */
  found(now: Situation): ClusterMap | undefined {
    const { bootstrapPeers, partitionCount, replicationFactor } = now.settings;
    if (bootstrapPeers === undefined || this.missing(now) > 0) return undefined;
    const draft = new MapDraft(now.draft.base, mapVersion(1, 1));
    const situation = { ...now, draft };
    for (const [id, arrival] of this.#live(now)) takeIn(situation, id, arrival);
    createAll(draft, partitionCount, replicationFactor);
    followMinInSync(situation);
    return draft.finish();
  }

  /** How many more peers are waited for. One that holds nothing (weight 0) does not count. */
  missing(now: Situation): number {
    const able = this.#live(now).filter(([, { weight }]) => weight !== 0);
    return Math.max(0, (now.settings.bootstrapPeers ?? 0) - able.length);
  }

  #live(now: Situation): [PeerId, Arrival][] {
    return [...this.#arrivals].filter(([id]) => now.liveness.isLive(id));
  }
}
