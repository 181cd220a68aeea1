/**
 * What the gateway needs of the node behind it, and no more. Every method answers for the whole cluster unless it says
 * otherwise, never rejects for an operating error, and settles within the request deadline.
 */
import type { Operation, Outcome, StoredRecord } from '../../common/records.js';
import type { NodeSummary } from '../../common/summary.js';
import type { Status } from '../../common/view.js';

/** Not read: the values found before it are all that one answer may hold. */
export interface AnswerFull {
  readonly type: 'answer-full';
}

/** An outcome with the peer that gave it. */
export interface Answer {
  readonly outcome: Outcome | AnswerFull;
  /** Id of the peer whose data answered; this peer's own where none did. */
  readonly servedBy: string;
}

export interface KeyPage {
  readonly keys: readonly string[];
  /** Whether more keys follow the last one. */
  readonly more: boolean;
}

/** A node that holds a key. */
export interface Holder {
  readonly id: string;
  /** host:port for clients. */
  readonly address: string;
  readonly role: 'primary' | 'replica';
  readonly status: Status;
  /** The version it holds; null where it has no such key, or did not answer. */
  readonly version: string | null;
}

export interface ClusterSummary {
  readonly cluster: string;
  readonly epoch: number;
  readonly orchestrator: string;
  readonly nodes: readonly NodeSummary[];
}

export interface Store {
  /** This peer's id. */
  readonly id: string;
  partitionOf(key: string): number;
  execute(operation: Operation): Promise<Answer>;
  /** One answer an operation, in order. Operations of one key take effect in the order given. */
  executeMany(operations: readonly Operation[]): Promise<readonly Answer[]>;
  /** Keys of the whole cluster in byte order; null if a partition did not answer in time. */
  list(prefix: string, after: string, limit: number): Promise<KeyPage | null>;
  /**
   * This node's own data in an order of its own that stays, from the first key after `after`.
   * Lazy: it holds at most a bounded part of the data at a time beside the store's own.
   */
  ownData(prefix: string, after: string): Iterable<readonly [key: string, record: StoredRecord]>;
  /** The nodes that hold the key, primary first. */
  holders(key: string): Promise<readonly Holder[]>;
  cluster(): ClusterSummary;
  /** Whether it may serve, each check by name. */
  readiness(): readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}
