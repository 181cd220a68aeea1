/**
 * What peers ask one another. `peer.proto` is the same on the wire; `codec.ts` maps between the two.
 *
 * Every request and reply carries the epoch of its sender's view: whoever is behind fetches the newer one.
 */
import type { Operation, Outcome, StoredRecord } from '../../common/records.js';
import type { View } from '../../common/view.js';

export type PeerRequest =
  /** Run these at the partition's primary, in order for each key. */
  | { readonly type: 'execute'; readonly epoch: number; readonly operations: readonly Operation[] }
  /** The first `limit` keys of these partitions, in byte order, that begin with `prefix` and come after `after`. */
  | {
      readonly type: 'list';
      readonly epoch: number;
      readonly partitions: readonly number[];
      readonly prefix: string;
      readonly after: string;
      readonly limit: number;
    }
  /** The next part of a partition that moved to the asker, from `cursor` on ('' for the first). */
  | { readonly type: 'fetch'; readonly epoch: number; readonly partition: number; readonly cursor: string }
  /** The asker has all of the partition: drop it. The asker serves only after the answer. */
  | { readonly type: 'release'; readonly epoch: number; readonly partition: number }
  /** The other's view, if it is newer than `epoch`. */
  | { readonly type: 'view'; readonly epoch: number };

/** An outcome, or the word that the asked peer does not serve the key's partition. */
export type ForwardedOutcome = Outcome | { readonly type: 'not-owner' };

export type PeerReply =
  /** Fewer outcomes than operations: those at the end were not run, the reply being full. */
  | { readonly type: 'executed'; readonly epoch: number; readonly outcomes: readonly ForwardedOutcome[] }
  | {
      readonly type: 'listed';
      readonly epoch: number;
      readonly keys: readonly string[];
      /** Those of the asked partitions that the asked peer does not serve. */
      readonly notOwned: readonly number[];
    }
  | {
      readonly type: 'fetched';
      readonly epoch: number;
      readonly entries: readonly (readonly [key: string, record: StoredRecord])[];
      /** Where to go on; '' after the last part. */
      readonly cursor: string;
      /** Last sequence number given in the partition. */
      readonly sequence: number;
    }
  | { readonly type: 'released'; readonly epoch: number }
  /** `behind`: the asked peer does not know the asker's view yet; `not-held`: it has nothing of the partition. */
  | { readonly type: 'refused'; readonly epoch: number; readonly reason: 'behind' | 'not-held' }
  | { readonly type: 'view'; readonly epoch: number; readonly view: View | null };
