/**
 * What a peer needs of its storage, and what it hears when storage is in trouble.
 *
 * Kept true by every engine: the operations of a batch become durable together or not at all, batches in the order
 * in which they were written, and `done` is called in that order, never within `write`. After a write or flush
 * failed nothing is called done any more: the process must end (section 3 of the specification). A damaged record
 * is never served: it is reported, and whoever asked for a row gets DAMAGED in its place.
 * What is remembered at a position of the log is the entry that stands there: an engine may keep it only once.
 * Keys are well-formed Unicode of at most MAX_KEY_BYTES.
 */

import type { Incarnation, StoreId } from '../../common/configuration.js';
import type { BatchDisk } from '../driver.js';
import type { DiskImage, StateReader } from '../replication/machine.js';

/**
 * When a batch is done. `flush`: it is on the disk. `commit`: the operating system has it, which is safe against
 * kill -9; a machine that restarts before the store was closed comes back with an empty store and a new identity.
 */
export type Durability = 'flush' | 'commit';

/** Why an engine writes no more. `stalled`: a flush took longer than its limit. */
export type FailureKind = 'full' | 'read-only' | 'stalled' | 'failed-write';

/** An engine that cannot be opened, or that stopped writing. */
export class StorageError extends Error {
  constructor(
    readonly kind: FailureKind | 'other-cluster' | 'in-use' | 'unusable',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'StorageError';
  }
}

/** A record whose checksum is wrong, or that is missing although it must be there. */
export interface Damage {
  /** undefined: it belongs to no partition, so the whole store cannot be used. */
  readonly partition: number | undefined;
  readonly what: 'row' | 'entry' | 'sessions' | 'partition' | 'meta' | 'journal';
  /** The copy and key of a row. */
  readonly copy?: number;
  readonly key?: string;
  /** The position of an entry of the log. */
  readonly seq?: number;
}

/** Thrown by an opening that cannot go on with a damaged record. */
export class DamagedRecordError extends Error {
  constructor(readonly damage: Damage) {
    super(`damaged record: ${JSON.stringify(damage)}`);
    this.name = 'DamagedRecordError';
  }
}

/** Hears of trouble. Called outside of the engine's own calls where possible; must not throw. */
export interface StorageEvents {
  /** Once: nothing is written from here on, and nothing called done. What was done before stays. */
  failed(error: StorageError): void;
  /** A damaged record was met; at every time that it is met. */
  damaged(damage: Damage): void;
}

/** What a start finds. */
export interface LoadedImage extends DiskImage {
  /**
   * Damaged partitions; they are not among `partitions`. Acting as their member would break promises: give them
   * up with `renew` and start again.
   */
  readonly damaged: readonly Damage[];
}

/** For status pages and metrics. */
export interface StorageStats {
  /** Rows, tombstones and rows of copies that are being deleted included; the last second's may not be counted yet. */
  readonly keys: number;
  /** Bytes in use: on the disk for a durable engine, in memory for the other; without the log for the latter, and the journal for the former. */
  readonly bytes: number;
}

/** One open store. */
export interface StorageEngine extends BatchDisk, StateReader {
  /** Made when the store was created; another one comes only with `renew`, or as Durability says. */
  readonly storeId: StoreId;
  /** Raised and flushed by opening. */
  readonly inc: Incarnation;
  /** Everything but the rows. Asked once, before the first write. */
  load(): LoadedImage;
  stats(): StorageStats;
  /**
   * Deletes all that is stored of these partitions and gives the store a new identity, so that nobody counts on
   * them. Durable once it resolves; then close, and open again. Rejects with StorageError.
   */
  renew(partitions: readonly number[]): Promise<void>;
  /** Waits for what was written, then frees everything. Nothing may be called afterwards. */
  close(): Promise<void>;
}
