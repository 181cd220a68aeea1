/**
 * What the gateway needs of the node behind it, and no more. Every method answers for the whole cluster unless it says
 * otherwise, never rejects for an operating error, and settles within the request deadline.
 */
import type { NodeSummary } from '../../common/summary.js';
import type { Command, Value, Version } from '../replication/commands.js';
import type { Row } from '../replication/entry.js';
import type { Consistency } from '../replication/messages.js';
import type { ReadAnswer, WriteAnswer } from '../requests/rim.js';

/** Not read: the values found before it are all that one answer may hold. */
export interface AnswerFull {
  readonly kind: 'answer-full';
}

/** What became of one read of a batch; `value` is null where there is no such key. */
export type ManyAnswer =
  | { readonly kind: 'value'; readonly value: Value | null }
  | Exclude<ReadAnswer, { readonly kind: 'row' }>
  | AnswerFull;

/** A write, with the client's Idempotency-Key if it came with one. */
export interface Write {
  readonly command: Command;
  readonly token?: string | undefined;
}

export interface KeyPage {
  readonly keys: readonly string[];
  /** Whether more keys follow the last one. */
  readonly more: boolean;
}

/** A node that is to hold a key. */
export interface Holder {
  readonly id: string;
  /** host:port for clients. */
  readonly address: string;
  /** `joining`: it is being given a copy, and answers for nothing yet. */
  readonly role: 'primary' | 'replica' | 'joining';
  readonly status: NodeSummary['status'];
  /** The version it holds; null where it has no such key, or did not answer. */
  readonly version: Version | null;
}

export interface ClusterSummary {
  readonly cluster: string;
  /** Version of the newest map that this node follows; 0 before the first. */
  readonly epoch: number;
  readonly orchestrator: string;
  readonly nodes: readonly NodeSummary[];
}

/** One condition of being ready. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Store {
  /** This peer's id. */
  readonly id: string;
  partitionOf(key: string): number;
  read(key: string, consistency: Consistency): Promise<ReadAnswer>;
  /** The answer to a linearizable read, if there is one at once; undefined: ask by `read`. */
  readNow(key: string, partition: number): ReadAnswer | undefined;
  write(write: Write): Promise<WriteAnswer>;
  /** One answer a key, in order; all are linearizable reads, each for itself. */
  readMany(keys: readonly string[]): Promise<readonly ManyAnswer[]>;
  /** One answer a write, in order. Writes of one key take effect in the order given. */
  writeMany(writes: readonly Write[]): Promise<readonly WriteAnswer[]>;
  /** Keys of the whole cluster in byte order; null if a partition did not answer in time. */
  list(prefix: string, after: string, limit: number): Promise<KeyPage | null>;
  /**
   * This node's own data in an order of its own that stays, from the first key after `after`.
   * Lazy: it holds at most a bounded part of the data at a time beside the store's own. No tombstones, nothing expired.
   */
  ownData(prefix: string, after: string): Iterable<readonly [key: string, row: Row]>;
  /** The keys of that, in the same order, without touching the values; a key whose value is damaged may be among them. */
  ownKeys(prefix: string, after: string): Iterable<string>;
  /** The nodes that hold the key, primary first. */
  holders(key: string): Promise<readonly Holder[]>;
  cluster(): ClusterSummary;
  /** Whether it may serve, each check by name. */
  readiness(): readonly Check[];
}
