/**
 * What peers say to each other, and what a gateway and a replica say to each other across them.
 *
 * Kept true: every message travels in an envelope with the sender's incarnation and map version, so that a
 * receiver which is behind notices it from any message (rule E2) and a lease cannot outrun a map (L3).
 * Messages may be lost, late, repeated and reordered; each handler says why that is harmless.
 * Objects in messages are shared, never changed: a sender hands them over for good.
 * Source: the specification of the replication protocol, section 5.
 */

import type {
  ClusterMap,
  Epoch,
  Incarnation,
  MapVersion,
  PeerId,
  StoreId,
} from '../../common/configuration.js';
import type { Result, Write } from './commands.js';
import type { Entry, IdempotencyTag, RequestTag, Row } from './entry.js';

/** A message between two peers. A process ignores an envelope of another cluster. */
export interface PeerEnvelope {
  readonly clusterId: string;
  readonly from: PeerId;
  readonly fromInc: Incarnation;
  /** The version of the map that the sender had adopted when it sent this. */
  readonly ver: MapVersion;
  readonly body: PeerMessage;
}

// ---- maps, between peers

/** A map handed on to a peer that is behind. */
export interface MapMessage {
  readonly type: 'map';
  readonly map: ClusterMap;
}

/** "Send me your map." */
export interface PullMessage {
  readonly type: 'pull';
}

// ---- leases: one a pair of peers, for all partitions (L1 to L6)

/** Asks for a lease of `holdMs`; `t0` is the holder's lease clock in ms at this moment. */
export interface LeaseRequest {
  readonly type: 'lreq';
  readonly t0: number;
  readonly holdMs: number;
}

/** Grants it for `holdMs`, which is at most what was asked: `t0` and the holder's incarnation come back as they were asked. */
export interface LeaseGrant {
  readonly type: 'lgrant';
  readonly t0: number;
  readonly holdMs: number;
  readonly inc: Incarnation;
}

// ---- becoming primary (A1 to A3)

/**
 * The new primary's log above its last committed position: everybody takes exactly this. It has at most what a primary
 * may have uncommitted (W6: 8 MiB and one entry more, so 24 MiB), well within the largest frame of the transport (48 MiB).
 */
export interface Align {
  readonly type: 'align';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly com: number;
  /** Chained checksum at `com`. */
  readonly comChecksum: number;
  /** Entries com+1 and up, without a gap. */
  readonly suffix: readonly Entry[];
}

/** The sender's log agrees with the primary's and is durable through `upto`. */
export interface AlignOk {
  readonly type: 'align_ok';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly upto: number;
}

// ---- replication (W2 to W4)

/** Entries from `first` on (perhaps none), and how far the primary has committed. */
export interface Prepare {
  readonly type: 'prep';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly first: number;
  readonly entries: readonly Entry[];
  readonly com: number;
  /** Chained checksum at `com`. */
  readonly comChecksum: number;
  /** Every member holds everything up to here: tombstones at or below may go (section 8). */
  readonly gc: number;
}

/** The sender holds everything through `upto` on disk, in this epoch. */
export interface Ack {
  readonly type: 'ack';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly upto: number;
  /** The sender missed something: start again after `upto`. */
  readonly gap: boolean;
  readonly com: number;
  readonly comChecksum: number;
}

// ---- requests between a gateway and a replica

/** A write on its way to the primary; every attempt of one request has the same tag (D1). */
export interface Forward {
  readonly type: 'fwd';
  readonly partition: number;
  readonly tag: RequestTag;
  /** Counts the attempts of this request, so that the gateway knows which of them were refused (D5). */
  readonly attempt: number;
  readonly command: Write;
  readonly idempotency: IdempotencyTag | undefined;
}

/** Why a write was not even looked at: this attempt has no effect, ever. */
export type WriteRefusal =
  | 'not-primary'
  | 'overloaded'
  | 'starting'
  | 'unknown-session'
  /** What the primary holds of the key is damaged, and is being mended. */
  | 'damaged'
  /** The partition has fewer members than the map's `minInSync`. */
  | 'too-few-copies';

/** What became of one attempt of a write. */
export type WriteOutcome =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'refused'; readonly reason: WriteRefusal }
  /** The configuration changed under it: it may or may not take effect. Retry with the same tag. */
  | { readonly kind: 'maybe' }
  /** The Idempotency-Key came before, and its answer was forgotten, or it came with another command: never run. */
  | { readonly kind: 'conflict'; readonly reason: 'idempotency-key-expired' | 'idempotency-key-reused' };

/** The answer to one attempt. An attempt of a request that its gateway has finished gets none (D2). */
export interface ForwardReply {
  readonly type: 'fwd_r';
  readonly session: string;
  readonly n: number;
  readonly attempt: number;
  readonly outcome: WriteOutcome;
}

/** Lease read (R1 to R3), one round trip to all members without clocks (R4), or whatever is there (R5). */
export type Consistency = 'linearizable' | 'strict' | 'stale';

/** A read on its way to a member. `id` is the gateway's; `inc` is its incarnation, echoed. */
export interface ReadForward {
  readonly type: 'rfwd';
  readonly id: number;
  readonly inc: Incarnation;
  readonly partition: number;
  readonly key: string;
  readonly consistency: Consistency;
}

/** Why a read was not answered; all of them may be tried again, here or elsewhere. */
export type ReadRefusal =
  | 'not-member'
  /** Some member has not granted a lease lately (R5). */
  | 'not-leased'
  /** The configuration changed, or the primary is not active yet. */
  | 'changing'
  /** No answer from the members within the time for one attempt. */
  | 'timeout'
  | 'overloaded'
  /** What this copy holds of the key is damaged: another may have it whole. */
  | 'damaged';

/** What became of a read: `row` is null for a key that is not there; `com` says up to where it was served. */
export type ReadOutcome =
  | { readonly kind: 'row'; readonly row: Row | null; readonly epoch: Epoch; readonly com: number }
  | { readonly kind: 'refused'; readonly reason: ReadRefusal };

/** The answer to a forwarded read. */
export interface ReadReply {
  readonly type: 'rfwd_r';
  readonly id: number;
  readonly inc: Incarnation;
  readonly outcome: ReadOutcome;
}

// ---- dirty and strict reads, between members (R3, R4)

/** A member asks the primary how far it has committed; `expired` names keys whose time to live seems over (section 8). */
export interface CommittedQuery {
  readonly type: 'rseq';
  readonly partition: number;
  readonly epoch: Epoch;
  /** Unique among all of the asker's processes. */
  readonly id: number;
  readonly expired: readonly string[];
}

/** The active primary's answer to `rseq`. */
export interface CommittedReply {
  readonly type: 'rseq_r';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly id: number;
  readonly com: number;
}

/** "Are you still in this epoch?" (R4); the primary also looks at `expired`, as in `rseq`. */
export interface Confirm {
  readonly type: 'conf';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly id: number;
  readonly expired: readonly string[];
}

/** "I am"; `com` from the active primary, else -1. */
export interface Confirmed {
  readonly type: 'conf_r';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly id: number;
  readonly com: number;
}

// ---- catching up (C1 to C3)

/** A learner says what it has: its committed prefix is always a prefix of history. */
export interface Join {
  readonly type: 'join';
  readonly partition: number;
  readonly epoch: Epoch;
  /** A wiped disk counts its processes from 1 again: the incarnation alone does not tell. */
  readonly storeId: StoreId;
  readonly com: number;
}

/**
 * The tail of the log after `from`, which the learner has. Like a snapshot it is meant for one process of the
 * learner, `inc`: a late one would cut what a later process holds, and an earlier one has acknowledged.
 */
export interface Learn {
  readonly type: 'learn';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly inc: Incarnation;
  readonly from: number;
  /** Chained checksum at `from`. */
  readonly fromChecksum: number;
  readonly entries: readonly Entry[];
  readonly com: number;
}

/** A key with its row, as copied. */
export interface KeyedRow {
  readonly key: string;
  readonly row: Row;
}

/** One part of a snapshot: a range of rows, complete and in key order, or a run of entries above `s0`. */
export interface Snap {
  readonly type: 'snap';
  readonly partition: number;
  readonly epoch: Epoch;
  /** The learner's process. */
  readonly inc: Incarnation;
  /** Names this copy among all that any primary sent. */
  readonly id: number;
  /** Counts the parts from 0; a learner takes them in order. */
  readonly part: number;
  readonly rows: readonly KeyedRow[];
  readonly entries: readonly Entry[];
}

/** How many parts of the copy the learner has. */
export interface SnapOk {
  readonly type: 'snap_ok';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly id: number;
  readonly got: number;
}

/** A remembered result of a session. */
export interface SessionResult {
  readonly n: number;
  readonly seq: number;
  readonly result: Result;
}

/** One gateway's session as of some position of the log. */
export interface SessionImage {
  readonly session: string;
  readonly fi: number;
  readonly results: readonly SessionResult[];
}

/** A client's Idempotency-Key; `result` is null once its answer was forgotten. */
export interface TokenImage {
  readonly token: string;
  readonly fingerprint: number;
  readonly seq: number;
  readonly ts: number;
  readonly result: Result | null;
}

/** The lowest process of a peer whose requests still run (D4). */
export interface SessionFloor {
  readonly peer: PeerId;
  readonly storeId: StoreId;
  readonly inc: Incarnation;
}

/** Everything that deduplication knows, as of one position of the log (D3). */
export interface SessionsImage {
  readonly sessions: readonly SessionImage[];
  readonly floors: readonly SessionFloor[];
  /** Oldest first. */
  readonly tokens: readonly TokenImage[];
}

/**
 * The last part of a snapshot: sessions as of `com`, the rest of the log, and where it all stands. The entries are at most
 * `maxMessageBytes`; the sessions, with as many Idempotency-Keys as are remembered and as long as they may be, 3 MiB.
 */
export interface SnapEnd {
  readonly type: 'snap_end';
  readonly partition: number;
  readonly epoch: Epoch;
  /** The learner's process. */
  readonly inc: Incarnation;
  readonly id: number;
  readonly part: number;
  /** The log above this position was sent with the copy; the rows show at least this much. */
  readonly s0: number;
  readonly s0Checksum: number;
  readonly com: number;
  /** Keys that have a value, as of `com`. */
  readonly keyCount: number;
  readonly sessions: SessionsImage;
  readonly entries: readonly Entry[];
}

/** The copy is in place and durable, and the log through `upto`. */
export interface SnapDone {
  readonly type: 'snap_done';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly id: number;
  readonly upto: number;
}

// ---- damaged rows

/** A member cannot read what it stored of these keys, and asks another for it. */
export interface Mend {
  readonly type: 'mend';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly keys: readonly string[];
}

/** What the sender holds of those keys as of `com`. A key that is in neither list is not answered this time. */
export interface Mended {
  readonly type: 'mend_r';
  readonly partition: number;
  readonly epoch: Epoch;
  readonly com: number;
  /** Tombstones among them. */
  readonly rows: readonly KeyedRow[];
  /** Keys of which there is nothing, not even a tombstone. */
  readonly absent: readonly string[];
}

/** Messages that belong to one partition in one epoch; others of its epochs are dropped (E2). */
export type PartitionMessage =
  | Align
  | AlignOk
  | Prepare
  | Ack
  | CommittedQuery
  | CommittedReply
  | Confirm
  | Confirmed
  | Join
  | Learn
  | Snap
  | SnapOk
  | SnapEnd
  | SnapDone
  | Mend
  | Mended;

/** Messages that a gateway, not the machine, takes in. */
export type GatewayMessage = ForwardReply | ReadReply;

/** Everything that a peer says to a peer. */
export type PeerMessage =
  | MapMessage
  | PullMessage
  | LeaseRequest
  | LeaseGrant
  | Forward
  | ReadForward
  | PartitionMessage
  | GatewayMessage;
