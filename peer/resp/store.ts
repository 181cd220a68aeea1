/**
 * What the Redis lane needs of the peer behind it, and no more. Each method answers for the whole cluster, never fails
 * for an operating error, and answers within the request deadline.
 *
 * Answers come by a callback rather than a promise: a peer that holds the key may answer before the call returns, and the
 * lane serves some hundred thousand commands a second.
 */
import type { ClusterMap, PeerId } from '../../common/configuration.js';
import type { KeyPage } from '../gateway/store.js';
import type { Command, Transaction } from '../replication/commands.js';
import type { GiveUpReason, ReadAnswer, WriteAnswer } from '../requests/rim.js';

/** What came of a transaction. */
export type TransactionAnswer =
  /** `existed`: how many of the keys that it changes were there. */
  { readonly kind: 'committed'; readonly existed: number } | Uncommitted;

export type Uncommitted =
  /** A key has another version by now: nothing was changed. */
  | { readonly kind: 'conflict' }
  /** Nothing was changed, nor ever is: see `isTooLarge`. */
  | { readonly kind: 'too-large' }
  | { readonly kind: 'not-applied'; readonly reason: GiveUpReason }
  | { readonly kind: 'unknown'; readonly request: string };

export interface RespStore {
  partitionOf(key: string): number;
  /** The answer to a linearizable read, if there is one at once; undefined: ask by `read`. */
  readNow(key: string): ReadAnswer | undefined;
  /** A linearizable read. */
  read(key: string, done: (answer: ReadAnswer) => void): void;
  write(command: Command, done: (answer: WriteAnswer) => void): void;
  /** Takes effect as a whole; all its keys are in `partition`. */
  transact(partition: number, transaction: Transaction, done: (answer: TransactionAnswer) => void): void;
  /**
   * Keys of one partition in byte order, from the first one after `after`; null if it did not answer in time. A page has
   * every key between its first and its last one that was there all the while.
   */
  keysOf(partition: number, after: string, limit: number): Promise<KeyPage | null>;
  /** How many keys there are, expired ones included that are not removed yet; null if a part did not answer in time. */
  count(): Promise<number | null>;
}

/** What is told about the cluster. */
export interface RespCluster {
  /** This peer. */
  readonly id: PeerId;
  /** The map that it follows. */
  map(): ClusterMap;
  /** Where a peer serves Redis clients; undefined where it is not known to. */
  respAddress(peer: PeerId): { readonly host: string; readonly port: number } | undefined;
}
