/**
 * A lost registry, or one restored from an old copy, is rebuilt from the peers (section 9).
 *
 * Keeps true:
 * - every peer that is asked promises durably to refuse maps of terms below ours before it answers, so an
 *   orchestrator with the old registry can change nothing behind our back;
 * - for each partition, E is the highest epoch that anybody reports. It is decided only when every member of E's
 *   configuration, with the store that the configuration names, has promised. Any later configuration would
 *   have a primary among those members, and that one would have reported it. "Most of them" loses
 *   acknowledged writes (found by the model: mutation rebuild-from-any);
 * - one exception: a member whose store is gone can never answer as itself. It is done without once every
 *   peer that any map names, and every other that we know of, has promised and shown what it has;
 * - a partition that nobody reports is not decided: a peer that has just joined knows no map at all, and must not
 *   make the cluster empty by answering first (simulator, seeds 3361 and 31006). And while somebody has shown a
 *   higher map than all that were reported, nothing is decided until everybody has answered;
 * - the new map is written when ALL partitions are decided. A map with some of them left out would let a peer
 *   know the version without knowing its grantor's configuration, which rule L3 forbids;
 * - an operator may force a partition: it goes on with the members that answered, the others are fenced.
 */
import {
  type ClusterMap,
  drainAfterRestart,
  mapVersion,
  type PartitionConfig,
  type PeerId,
  type PeerRecord,
  termOf,
} from '../../common/configuration.js';
import { MapDraft } from './draft.js';
import type { Undecided } from './machine.js';

/** A peer's answer to a query, with what its envelope says of it. */
export interface Testimony {
  readonly record: PeerRecord;
  readonly map: ClusterMap;
}

/** One attempt to rebuild, in one term. */
export class Rebuild {
  readonly term: number;
  readonly #clusterId: string;
  readonly #partitionCount: number;
  readonly #testimonies = new Map<PeerId, Testimony>();
  readonly #awaitedSinceMs = new Map<PeerId, number>();
  readonly #forced = new Set<number>();
  /** Peers that the orchestrator knows of besides, and the highest version of a map that any peer has shown. */
  #others: ReadonlySet<PeerId> = new Set();
  #shownVer = 0;
  /** What the register still held: it shows peers to ask, but its configurations may be old. */
  #leftover: ClusterMap;

  constructor(term: number, leftover: ClusterMap, partitionCount: number) {
    this.term = term;
    this.#clusterId = leftover.clusterId;
    this.#partitionCount = partitionCount;
    this.#leftover = leftover;
  }

  /** A peer has promised this term and shown its map. */
  hear(id: PeerId, testimony: Testimony): void {
    const before = this.#testimonies.get(id);
    const sameStore = before?.record.storeId === testimony.record.storeId;
    if (before && sameStore && before.record.inc > testimony.record.inc) return;
    this.#testimonies.set(id, testimony);
  }

  /** Another orchestrator changed the register meanwhile: what it wrote counts as reported, too. */
  hearRegister(map: ClusterMap): void {
    if (map.ver > this.#leftover.ver) this.#leftover = map;
  }

  /** Who else could be asked, and the highest version of a map that anybody has shown, in whatever message. */
  know(others: ReadonlySet<PeerId>, shownVer: number): void {
    this.#others = others;
    this.#shownVer = shownVer;
  }

  /**
   * How long a peer has been here without an answer, in ms: from when that was first asked, as it may have come long
   * after the others.
   */
  awaitedMs(id: PeerId, nowMs: number): number {
    const sinceMs = this.#awaitedSinceMs.get(id) ?? nowMs;
    this.#awaitedSinceMs.set(id, sinceMs);
    return nowMs - sinceMs;
  }

  hasHeard(id: PeerId): boolean {
    return this.#testimonies.has(id);
  }

  /** Every peer that some map names, with its newest known record: whom to ask. */
  knownPeers(): Map<PeerId, PeerRecord> {
    const peers = new Map<PeerId, PeerRecord>();
    const maps = [this.#leftover, ...[...this.#testimonies.values()].map(({ map }) => map)];
    maps.sort((a, b) => a.ver - b.ver);
    for (const map of maps) for (const [id, record] of map.peers) peers.set(id, record);
    for (const [id, { record }] of this.#testimonies) peers.set(id, merge(peers.get(id), record));
    return peers;
  }

  /** The operator gives the partition's missing members up. Answers why that cannot be done, or undefined. */
  force(partition: number): string | undefined {
    const part = this.#newest(partition);
    if (!part) return 'nobody has reported this partition';
    const answered = this.#answered(part);
    if (answered.length === 0) return 'none of its members has answered';
    if (!answered.some((id) => part.la.includes(id))) return 'none that answered may lead it (E4)';
    this.#forced.add(partition);
    return undefined;
  }

  /** What cannot be decided yet, and whose answers are missing. */
  undecided(): Undecided[] {
    const everybody = this.#everybodyAnswered();
    const isBehind = this.#newestVer() < this.#shownVer && this.#forced.size === 0 && !everybody;
    if (isBehind) {
      const missing = this.#silentPeers();
      return Array.from({ length: this.#partitionCount }, (_, partition) => ({ partition, missing }));
    }
    const undecided: Undecided[] = [];
    for (let partition = 0; partition < this.#partitionCount; partition++) {
      const missing = this.#missing(partition, everybody);
      if (missing !== undefined) undecided.push({ partition, missing });
    }
    return undecided;
  }

  /** The first map of the new term once all is decided, else undefined. */
  decide(): ClusterMap | undefined {
    if (this.undecided().length > 0) return undefined;
    const ver = this.#newestVer();
    const base = { ...this.#leftover, ver, parts: [], peers: new Map() };
    const draft = new MapDraft(base, mapVersion(this.term, 1));
    for (const map of this.#maps()) if (map.ver === ver && map.minInSync) draft.setMinInSync(map.minInSync);
    for (const [id, record] of this.knownPeers()) draft.setPeer(id, record);
    for (let partition = 0; partition < this.#partitionCount; partition++) this.#decideOne(draft, partition);
    return draft.finish();
  }

  #decideOne(draft: MapDraft, partition: number): void {
    const part = this.#newest(partition);
    if (!part) return;
    draft.adopt(partition, part);
    const answered = this.#answered(part);
    const goOn = this.#forced.has(partition) ? answered : [...part.members.keys()];
    const able = goOn.filter((id) => part.la.includes(id));
    const primary =
      [part.primary, ...able].find((id) => able.includes(id) && answered.includes(id)) ?? part.primary;
    const members = new Map([...part.members].filter(([id]) => goOn.includes(id) || id === primary));
    draft.edit(partition, { members, primary, renew: true });
  }

  /** Whose answers the partition still needs; undefined if it is decided. */
  #missing(partition: number, everybody: boolean): PeerId[] | undefined {
    const part = this.#newest(partition);
    // All partitions are created at once, so somebody knows of it; who answered so far came later, or lost its disk.
    if (!part) return this.#silentPeers();
    if (this.#forced.has(partition)) return undefined;
    const answered = this.#answered(part);
    const missing = [...part.members.keys()].filter((id) => !answered.includes(id));
    if (missing.length === 0 || everybody) return undefined;
    // Members whose disk is gone have nothing more to say: it waits for whoever else may know of a later configuration.
    const silent = missing.filter((id) => !this.#testimonies.has(id));
    return silent.length > 0 ? silent : this.#silentPeers();
  }

  #newestVer(): number {
    return Math.max(...[...this.#maps()].map((map) => map.ver));
  }

  /** Those members of the configuration that answered with the store that it names. */
  #answered(part: PartitionConfig): PeerId[] {
    return [...part.members]
      .filter(([id, storeId]) => this.#testimonies.get(id)?.record.storeId === storeId)
      .map(([id]) => id);
  }

  #everybodyAnswered(): boolean {
    return this.#testimonies.size > 0 && this.#silentPeers().length === 0;
  }

  #silentPeers(): PeerId[] {
    const known = new Set([...this.knownPeers().keys(), ...this.#others]);
    return [...known].filter((id) => !this.#testimonies.has(id));
  }

  /** The configuration with the highest epoch; of several reports of it the one from the newest map. */
  #newest(partition: number): PartitionConfig | undefined {
    let found: { part: PartitionConfig; ver: number } | undefined;
    for (const map of this.#maps()) {
      const part = map.parts[partition];
      if (!part) continue;
      const newer = !found || part.epoch > found.part.epoch;
      if (newer || (part.epoch === found?.part.epoch && map.ver > found.ver)) found = { part, ver: map.ver };
    }
    return found?.part;
  }

  *#maps(): Generator<ClusterMap> {
    if (this.#leftover.clusterId === this.#clusterId) yield this.#leftover;
    for (const { map } of this.#testimonies.values()) yield map;
  }
}

/** The term that a rebuild must have: above every map that was seen. */
export function termAbove(...versions: number[]): number {
  return Math.max(...versions.map(termOf)) + 1;
}

function merge(known: PeerRecord | undefined, heard: PeerRecord): PeerRecord {
  const same = known?.storeId === heard.storeId && known.inc === heard.inc;
  const drain = same ? known.drain : drainAfterRestart(known?.drain);
  const weight = heard.weight ?? known?.weight;
  return {
    storeId: heard.storeId,
    inc: heard.inc,
    addr: heard.addr,
    ...(weight === undefined ? {} : { weight }),
    ...(drain === undefined ? {} : { drain }),
  };
}
