/**
 * The machine's rim: what goes into the replication core of one peer, and what comes out.
 *
 * Kept true: the machine is synchronous and deterministic. The same inputs with the same clock readings give
 * the same effects. It reads no clock, draws no random number, waits for nothing and touches no device.
 * A step takes one input; `take` then hands out everything that the steps since the last `take` want done.
 * A driver calls `take` once an event-loop turn, so that a turn's writes share a message and a flush.
 */

import type { ClusterMap, Incarnation, MapVersion, PeerId, StoreId } from '../../common/configuration.js';
import type { OrchestratorEnvelope, ReportMessage } from '../../common/control-messages.js';
import type { Value, Write } from './commands.js';
import type { Entry, IdempotencyTag, RequestTag, Row } from './entry.js';
import type { Consistency, PeerEnvelope, ReadOutcome, SessionsImage, WriteOutcome } from './messages.js';

/** Clock readings of one step. Read them when the step begins, never earlier (L6). */
export interface Clock {
  /**
   * The lease clock in ms: never goes back, runs during SIGSTOP and machine suspend, rate within 1 percent of
   * true time (section 3, L5). Leases and time-outs use it, nothing else does.
   */
  readonly leaseMs: number;
  /** The wall clock in ms since 1970; only times to live and Last-Modified depend on it. */
  readonly wallMs: number;
}

/** Names a local request; chosen by the gateway, not used again while the answer is out. */
export type RequestId = number;

/** A write of this peer's own gateway; the reply comes as an effect. */
export interface WriteRequest {
  readonly type: 'write';
  readonly id: RequestId;
  readonly partition: number;
  readonly tag: RequestTag;
  readonly command: Write;
  readonly idempotency: IdempotencyTag | undefined;
}

/** A read of this peer's own gateway. It is refused, not forwarded, where this peer cannot answer. */
export interface ReadRequest {
  readonly type: 'read';
  readonly id: RequestId;
  readonly partition: number;
  readonly key: string;
  readonly consistency: Consistency;
}

/** Everything that a machine takes in. */
export type Input =
  /** Time has passed; called every `tickMs` or so. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly envelope: PeerEnvelope }
  | { readonly type: 'control'; readonly envelope: OrchestratorEnvelope }
  | WriteRequest
  | ReadRequest
  /** Every batch up to this number is durable. */
  | { readonly type: 'stored'; readonly through: number }
  /** The connection to a peer broke. */
  | { readonly type: 'disconnected'; readonly peer: PeerId }
  /** This process wants to stop: ask to have everything, or only its primaries, moved away; to be repeated. */
  | { readonly type: 'leave'; readonly only?: 'duties' }
  /** The clocks are not to be trusted (a restored snapshot of a machine): forget all leases (L5). */
  | { readonly type: 'drop-leases' };

/** A message to a peer, to be sent once batch `after` is durable (0: at once). */
export interface SendEffect {
  readonly to: PeerId;
  readonly after: number;
  readonly envelope: PeerEnvelope;
}

/** A message to the orchestrator that asked, or to all of them (`to` undefined), once batch `after` is durable. */
export interface ReportEffect {
  readonly to: string | undefined;
  readonly after: number;
  readonly ver: MapVersion;
  readonly body: ReportMessage;
}

/** A read's answer, where there is one. */
export type ReadRow = Extract<ReadOutcome, { readonly kind: 'row' }>;

/** The answer to a local request. */
export interface ReplyEffect {
  readonly id: RequestId;
  readonly outcome: WriteOutcome | ReadOutcome;
}

/** One change of the stored image. Those of a batch become durable together or not at all, in this order. */
export type StoreOp =
  | { readonly type: 'map'; readonly map: ClusterMap }
  | { readonly type: 'promised'; readonly ver: MapVersion }
  /** Delete everything that is stored of the partition; operations after this one begin with nothing. */
  | { readonly type: 'forget'; readonly partition: number }
  | PartitionStoreOp;

/** One change of what is stored of a partition. */
export type PartitionStoreOp =
  /** Entries at the end of the log, without a gap. */
  | { readonly type: 'append'; readonly partition: number; readonly entries: readonly Entry[] }
  /** Drop every entry above `after`. */
  | { readonly type: 'truncate'; readonly partition: number; readonly after: number }
  /** Drop every entry up to and including `base`, whose chained checksum stays known. */
  | {
      readonly type: 'trim';
      readonly partition: number;
      readonly base: number;
      readonly baseChecksum: number;
    }
  /** Put a row, or with undefined delete it, in one copy of the partition's rows. */
  | {
      readonly type: 'row';
      readonly partition: number;
      readonly copy: number;
      readonly key: string;
      readonly row: Row | undefined;
    }
  /** Delete every row of a copy, whether there are any or not. */
  | { readonly type: 'drop-copy'; readonly partition: number; readonly copy: number }
  /** An applied entry, for what deduplication remembers of it: see `Sessions.apply`. */
  | { readonly type: 'remember'; readonly partition: number; readonly entry: Entry }
  /** Replace everything that deduplication knows (a snapshot was taken over). */
  | { readonly type: 'sessions'; readonly partition: number; readonly sessions: SessionsImage }
  | { readonly type: 'marks'; readonly partition: number; readonly marks: PartitionMarks };

/** The few numbers of a partition that go with its log and rows. */
export interface PartitionMarks {
  /** The epoch whose primary this log agrees with; -1 before the first. */
  readonly alignedEpoch: number;
  /** The rows and sessions show the log up to here. */
  readonly com: number;
  /** Which copy of the rows is the valid one. */
  readonly copy: number;
  /** The newest copy that was begun; above `copy` while a snapshot is being taken in, of which it holds a part. */
  readonly staging: number;
  /** Keys that have a value, as of com: expired ones count until they are removed. */
  readonly keyCount: number;
}

/** Changes to be made durable in one transaction; batches become durable in the order of their numbers. */
export interface StoreBatch {
  readonly number: number;
  readonly ops: readonly StoreOp[];
}

/** What the machine wants done since the last `take`. */
export interface Effects {
  readonly store: StoreBatch | undefined;
  readonly sends: readonly SendEffect[];
  readonly reports: readonly ReportEffect[];
  readonly replies: readonly ReplyEffect[];
}

/** What is stored of one partition, apart from its rows. */
export interface PartitionImage {
  readonly partition: number;
  readonly marks: PartitionMarks;
  readonly base: number;
  readonly baseChecksum: number;
  /** base+1 and up, without a gap. */
  readonly log: readonly Entry[];
  readonly sessions: SessionsImage;
}

/** What a store gives back at a start. */
export interface DiskImage {
  readonly storeId: StoreId;
  /** Raised and flushed by the driver before the machine is made (section 9). */
  readonly inc: Incarnation;
  /** The lowest map version that may still be adopted (E2). */
  readonly promised: MapVersion;
  readonly map: ClusterMap;
  readonly partitions: readonly PartitionImage[];
}

/** Stands for a value that was not read, because nobody asked for it. */
export const UNREAD: Value = { bytes: new Uint8Array(0), type: '' };

/** Stands for a row whose record is damaged: there is one, and nobody here can tell what it says. */
export const DAMAGED = 'damaged';
export type Damaged = typeof DAMAGED;

/** A key with what is stored of it. */
export interface StoredRow {
  readonly key: string;
  readonly row: Row | Damaged;
}

/** What is known of a tombstone, or of a row with a time to live, without reading it. */
export interface RowMark {
  readonly key: string;
  readonly seq: number;
  /** undefined: a tombstone. */
  readonly expiresAtMs: number | undefined;
}

/** Where a run of rows ends: before either is exceeded (keys and values count), but not before its first row. */
export interface RangeLimit {
  readonly rows: number;
  readonly bytes: number;
}

/** Rows in the order of `compareBytes`. */
export interface RowRange {
  readonly rows: readonly StoredRow[];
  /** It ended at a limit: more rows may follow the last one. */
  readonly more: boolean;
}

/** A key that has a value, as far as can be told: a damaged row counts as one. */
export interface LiveKey {
  readonly key: string;
  /** See `Row`. */
  readonly expiresAtMs: number | undefined;
}

/** Keys in the order of `compareBytes`, without those of tombstones. */
export interface KeyRange {
  readonly keys: readonly LiveKey[];
  /** All keys up to this one were looked at, and more may follow; undefined: there are no more. */
  readonly next: string | undefined;
}

/**
 * Rows as stored. What it shows may lag behind the batches handed out, as long as a batch that was reported as
 * stored is seen: the machine itself remembers the rows of batches that are not (rule W4).
 */
export interface StateReader {
  /** Without `withValue` a value may stand there as `UNREAD`: then it is only asked whether there is one, and since when. */
  get(partition: number, copy: number, key: string, withValue?: boolean): Row | Damaged | undefined;
  /** Rows of keys above `after` (undefined: from the first). */
  range(partition: number, copy: number, after: string | undefined, limit: RangeLimit): RowRange;
  /** The same for keys alone, without reading values; looks at up to `limit` keys, at least 1. */
  keys(partition: number, copy: number, after: string | undefined, limit: number): KeyRange;
  /** Every row that is a tombstone or has a time to live, in any order; no value is read. */
  marked(partition: number, copy: number): Iterable<RowMark>;
}

/** What is to be known of a row without reading it; undefined: nothing. */
export function markOf(key: string, { value, seq, expiresAtMs }: Row): RowMark | undefined {
  if (value === null) return { key, seq, expiresAtMs: undefined };
  return expiresAtMs === undefined ? undefined : { key, seq, expiresAtMs };
}

/** What a row counts for a RangeLimit. */
export function bytesOf({ key, row }: StoredRow): number {
  return key.length + (row === DAMAGED ? 0 : (row.value?.bytes.length ?? 0));
}

/** The replication core of one peer. */
export interface Machine {
  /** Takes one input in. Throws InvariantError if what it sees cannot be: the process must then end. */
  step(clock: Clock, input: Input): void;
  /**
   * A linearizable read that this peer can answer by itself and now; undefined: give it as an input, which says what is
   * wrong or asks others. It changes nothing, so nothing has to be taken after it.
   */
  readNow(clock: Clock, partition: number, key: string): ReadRow | undefined;
  /** Hands out what is to be done; call it at the end of a turn. */
  take(clock: Clock): Effects;
}
