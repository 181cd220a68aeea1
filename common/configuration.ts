/**
 * The cluster map: who is a member of what. The orchestrator's one register holds it, everybody else copies it.
 *
 * Kept true: a map is never changed in place, every change is a new object with a higher `ver` (rule E1), and
 * parts that did not change are the same objects in both. An epoch of a partition is the `ver` at which its
 * members or its primary last changed, so epochs are unique and ordered in the whole cluster.
 * Source: the specification of the replication protocol, sections 4 and 6 (E1 to E9); Vertical Paxos II.
 */

/** The configured name of a peer. It names a place, never a copy of the data (see StoreId). */
export type PeerId = string;

/** A random id made when a peer's store is created; a wiped disk comes back with another one. */
export type StoreId = string;

/** A peer's counter in its store, raised and flushed at every start before anything is sent. */
export type Incarnation = number;

/**
 * The version of a cluster map: (term, n) compared lexicographically, packed into one safe integer.
 * 0 is the empty map, which every real map is above.
 */
export type MapVersion = number;

/** The version at which a partition's members or primary last changed. */
export type Epoch = MapVersion;

/** Changes that fit into one term; a term ends when a lost registry is rebuilt. */
export const CHANGES_PER_TERM = 2 ** 32;

/** The version of change `n` in `term` (both from 0; term below 2^20). */
export function mapVersion(term: number, n: number): MapVersion {
  return term * CHANGES_PER_TERM + n;
}

/** The term of a version. */
export function termOf(ver: MapVersion): number {
  return Math.floor(ver / CHANGES_PER_TERM);
}

/** The count of changes within its term. */
export function changeOf(ver: MapVersion): number {
  return ver % CHANGES_PER_TERM;
}

/** What is being moved off a peer, and what ends that. */
export interface Drain {
  /** `duties`: it is about to restart, so that it neither leads nor acknowledges any more, but keeps its data. */
  readonly scope: 'duties' | 'everything';
  /** A process that stops is welcome again when it restarts; an operator's drain stays until it is taken back. */
  readonly until: 'restart' | 'operator';
}

/** What the orchestrator knows of a peer: the newest process that it accepted under that name. */
export interface PeerRecord {
  readonly storeId: StoreId;
  readonly inc: Incarnation;
  /** host:port of the peer's listener for peers; opaque here. */
  readonly addr: string;
  /** Its share of the copies relative to the others'; 0 holds none; left out it is 1. */
  readonly weight?: number;
  readonly drain?: Drain;
}

/** Whether the process has announced that it will stop for a restart. */
export function isRestarting({ drain }: Pick<PeerRecord, 'drain'>): boolean {
  return drain?.scope === 'duties';
}

/** What remains of a drain when the peer's next process is here: an operator's, which then moves its data, too. */
export function drainAfterRestart(drain: Drain | undefined): Drain | undefined {
  return drain?.until === 'operator' ? { scope: 'everything', until: 'operator' } : undefined;
}

/** The configuration of one partition. */
export interface PartitionConfig {
  /** The map version at which `members` or `primary` last changed (adding a learner keeps it, removing one does not: E8). */
  readonly epoch: Epoch;
  /** One of `members`; it orders the writes. */
  readonly primary: PeerId;
  /** The in-sync replicas. A member is a peer together with its store, never a name alone. */
  readonly members: ReadonlyMap<PeerId, StoreId>;
  /** Peers that are catching up; they acknowledge nothing yet. */
  readonly learners: readonly PeerId[];
  /** Removed members that may still hold leases from this epoch's members (E1). */
  readonly fence: readonly PeerId[];
  /** This epoch's primary has said that it activated. */
  readonly active: boolean;
  /** The members of the last configuration KNOWN to have been active; only they may lead (E4, E5). */
  readonly la: readonly PeerId[];
}

/** The whole configuration of the cluster, as committed by the orchestrator's compare-and-set. */
export interface ClusterMap {
  readonly clusterId: string;
  readonly ver: MapVersion;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  /** By partition number; undefined until the partition is created. */
  readonly parts: readonly (PartitionConfig | undefined)[];
  /** Writes are refused while a partition has fewer members than this; left out it is 1. */
  readonly minInSync?: number;
}

/**
 * Whether every member of the partition has another store by now: its data is gone unless an old disk comes back (E7).
 * `peers` as registered.
 */
export function isLost(
  { members }: PartitionConfig,
  peers: ReadonlyMap<PeerId, Pick<PeerRecord, 'storeId'>>,
): boolean {
  for (const [id, storeId] of members) if (peers.get(id)?.storeId === storeId) return false;
  return true;
}

/** The same of a partition of a map; false where it does not exist yet. */
export function isPartitionLost({ parts, peers }: ClusterMap, partition: number): boolean {
  const part = parts[partition];
  return part !== undefined && isLost(part, peers);
}

/** The map of a cluster before its first change. */
export function emptyMap(clusterId: string): ClusterMap {
  return { clusterId, ver: 0, peers: new Map(), parts: [] };
}
