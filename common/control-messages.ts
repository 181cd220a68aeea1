/**
 * What the orchestrator and the peers say to each other: health, maps, and requests to change the map.
 *
 * Kept true: no client's request ever waits for one of these. All of them may be lost, late, repeated or
 * reordered; a sender repeats what it still needs, and the answer to a request for a change is the map itself.
 * Source: the specification of the replication protocol, section 5.
 */

import type { ClusterMap, Epoch, Incarnation, MapVersion, PeerId, StoreId } from './configuration.js';

/** A partition in one of its epochs. */
export interface PartitionEpoch {
  readonly partition: number;
  readonly epoch: Epoch;
}

/** Health check, about once a second (`n` counts them). A peer answers with `pong`. */
export interface Ping {
  readonly type: 'ping';
  readonly n: number;
}

/** A committed map, pushed by the orchestrator or handed on by a peer to a peer that is behind. */
export interface MapPush {
  readonly type: 'map';
  readonly map: ClusterMap;
}

/** Rebuild of a lost registry: promise to refuse maps of terms below `term`, and show the map you have. */
export interface Query {
  readonly type: 'query';
  readonly term: number;
}

/** Everything that an orchestrator says to a peer. */
export type OrchestratorMessage = Ping | MapPush | Query;

/** A message of an orchestrator on its way to a peer. */
export interface OrchestratorEnvelope {
  readonly clusterId: string;
  /** The orchestrator's id, to answer to. */
  readonly from: string;
  /** The map version that the orchestrator stands at. */
  readonly ver: MapVersion;
  readonly body: OrchestratorMessage;
}

/**
 * A started process says that it is there; repeated until the map names its `inc`, and again while no
 * orchestrator was heard for a while (one that lost its registry does not know whom to ask). It is a hint only:
 * the orchestrator takes a process in when it has answered a ping, so a late or repeated one does no harm.
 */
export interface Register {
  readonly type: 'register';
  /** Its share of the copies relative to the others'; 0 holds none; left out it is 1. */
  readonly weight?: number;
}

/** The answer to `ping`. */
export interface Pong {
  readonly type: 'pong';
  /** The ping's number. */
  readonly n: number;
  /** The partitions that this peer leads, in which epoch, having activated (E5). */
  readonly active: readonly PartitionEpoch[];
  /** The lowest map version that this peer still takes: a rebuild that was given up may have left it above the register's. */
  readonly promised: MapVersion;
}

/**
 * An active primary asks to make a learner a member. It already waits for the learner's acknowledgements, so
 * no answer is needed: the map is the answer. That it comes proves that the epoch activated (E5).
 */
export interface Add {
  readonly type: 'add';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly learner: PeerId;
  readonly learnerStoreId: StoreId;
  readonly learnerInc: Incarnation;
}

/** Why a peer is accused: it does not acknowledge, nothing was heard of it, or its connection broke. */
export type AccusationReason = 'no-ack' | 'silent' | 'disconnected';

/** A member accuses another of standing in the way, for the partitions they share (E9). */
export interface Accuse {
  readonly type: 'accuse';
  readonly who: PeerId;
  readonly why: AccusationReason;
  readonly cases: readonly PartitionEpoch[];
}

/** The answer to `query`, sent only after the promise is durable. */
export interface State {
  readonly type: 'state';
  readonly term: number;
  readonly map: ClusterMap;
}

/** "My map is older than yours, send it." The envelope carries the version that the sender has. */
export interface Pull {
  readonly type: 'pull';
}

/**
 * A peer that wants to stop asks to have everything moved off it; it may stop when the map names it nowhere.
 * With `only` a restart is coming: it asks to be relieved of what others would wait for, leading and acknowledging, and
 * keeps its data on its disk. `mayStop` of leaving.ts tells it when the map has granted that. Repeated until it stops.
 */
export interface Leave {
  readonly type: 'leave';
  readonly only?: 'duties';
}

/** Everything that a peer says to an orchestrator. */
export type ReportMessage = Register | Pong | Add | Accuse | State | Pull | Leave;

/** A message of a peer on its way to one orchestrator, or to all of them. */
export interface ReportEnvelope {
  readonly clusterId: string;
  readonly from: PeerId;
  readonly fromInc: Incarnation;
  readonly storeId: StoreId;
  readonly addr: string;
  /** The version of the map that the peer has adopted. */
  readonly ver: MapVersion;
  readonly body: ReportMessage;
}

/** What an operator asks an orchestrator to do. */
export type PlannedChange =
  /** Hand the partition over to another member. */
  | { readonly type: 'move-primary'; readonly partition: number; readonly to: PeerId }
  /** Copy the partition to `to`, then drop it at `from`. */
  | { readonly type: 'move-replica'; readonly partition: number; readonly from: PeerId; readonly to: PeerId }
  /** Move everything off a peer, and keep it empty until `undrain`. */
  | { readonly type: 'drain'; readonly peer: PeerId }
  | { readonly type: 'undrain'; readonly peer: PeerId }
  /** Forget a dead peer that holds nothing any more. */
  | { readonly type: 'forget'; readonly peer: PeerId }
  /**
   * Rebuild: decide the partition from the members that answered, without the missing ones. Acknowledged
   * writes that only the missing ones hold are given up.
   */
  | { readonly type: 'force-rebuild'; readonly partition: number };

/** What an orchestrator says to an operator's change: taken up, or why not. */
export type ChangeAnswer = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly why: string };
