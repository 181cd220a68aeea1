/**
 * What a peer can say of one of its partitions to pages, listings and tests. Nothing here changes anything, but that
 * damage which is met is noted, to be mended.
 */

import type { Epoch } from '../../common/configuration.js';
import { newestRow } from './commit.js';
import type { Core } from './core.js';
import type { Row } from './entry.js';
import { leased } from './leases.js';
import type { Damaged } from './machine.js';
import type { Role } from './partition.js';
import type { Rows } from './rows.js';

/** How a peer stands in a partition. */
export interface PartitionStatus {
  readonly role: Role;
  readonly epoch: Epoch;
  readonly base: number;
  readonly com: number;
  readonly prep: number;
  /** Keys that have a value, as of com: expired ones count until they are removed. */
  readonly keyCount: number;
  /** Lease reads of clean keys can be answered. */
  readonly readable: boolean;
  /** Damaged rows that were found here and are not mended. */
  readonly damaged: number;
}

/** What a member shows of its rows. A primary's `range` and `keys` have all that was acknowledged; others' may lag. */
export interface ShownRows extends Pick<Rows, 'range' | 'keys'> {
  /** The newest row of a key that is held here, whether or not it is known to be committed. */
  newest(key: string): Row | Damaged | undefined;
}

/** What this peer is for a partition, how far it has got, and whether it could answer a lease read at `leaseMs`. */
export function statusOf(core: Core, partition: number, leaseMs: number): PartitionStatus | undefined {
  const known = core.partitions.get(partition);
  if (known === undefined) return undefined;
  const { role, epoch, com, prep, keyCount } = known;
  const readable = known.isMember && leased(core, known, leaseMs);
  const { base } = known.log;
  return { role, epoch, com, prep, base, keyCount, readable, damaged: known.rows.damaged.size };
}

/** The rows of a partition that this peer is a member of. */
export function shownRows(core: Core, partition: number): ShownRows | undefined {
  const known = core.partitions.get(partition);
  if (known === undefined || !known.isMember) return undefined;
  const { rows } = known;
  return {
    range: (after, limit) => rows.range(after, limit),
    keys: (after, limit) => rows.keys(after, limit),
    newest: (key) => newestRow(core, known, key),
  };
}
