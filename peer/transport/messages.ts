/**
 * What peers ask one another beside the protocol's own messages (`replication/messages.ts`): questions that any copy
 * answers at once. `peer.proto` is the same on the wire; `codec.ts` maps between the two.
 */
import type { Version } from '../replication/commands.js';
import type { LiveRow } from '../replication/entry.js';

/** Keys of one `read`, at most. */
export const MAX_READ_KEYS = 1_024;

export type PeerRequest =
  /** The first `limit` keys of these partitions, in byte order, that begin with `prefix` and come after `after`. */
  | {
      readonly type: 'list';
      readonly partitions: readonly number[];
      readonly prefix: string;
      readonly after: string;
      readonly limit: number;
    }
  /** How many keys these partitions have, expired ones included that are not removed yet. */
  | { readonly type: 'count'; readonly partitions: readonly number[] }
  /** Which version of a key the asked peer itself holds. */
  | { readonly type: 'inspect'; readonly key: string }
  /** The rows of these keys, each a linearizable read by itself. */
  | { readonly type: 'read'; readonly keys: readonly string[] };

export type PeerReply =
  | {
      readonly type: 'listed';
      readonly keys: readonly string[];
      /** Those of the asked partitions that the asked peer cannot answer for now. */
      readonly refused: readonly number[];
    }
  | { readonly type: 'counted'; readonly keys: number; readonly refused: readonly number[] }
  /** `version` is null where there is no such key. */
  | { readonly type: 'inspected'; readonly holds: boolean; readonly version: Version | null }
  | RowsReply;

/** What the asked peer could answer at once, in the order of the keys; the last ones may be missing. */
export interface RowsReply {
  readonly type: 'rows';
  /** null: there is no such key; undefined: not answered, to be read another way. */
  readonly rows: readonly (LiveRow | null | undefined)[];
}
