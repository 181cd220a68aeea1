/**
 * What this peer itself holds: keys and rows of its partitions, for listings, pages and other peers' questions.
 *
 * Invariants: no tombstone and nothing expired is shown; keys are listed only from partitions that this peer leads under
 * its leases, so that everything that was acknowledged before the question is there.
 */
import { compareBytes } from '../common/byte-order.js';
import { PARTITION_COUNT, partitionOfKey } from '../common/slots.js';
import type { Replica } from './replica.js';
import type { Row } from './replication/entry.js';
import { DAMAGED } from './replication/machine.js';
import type { KeyedRow } from './replication/messages.js';
import type { PeerReply, PeerRequest } from './transport/messages.js';

/** Rows that are looked at together; between two such parts others may run. */
const PART_ROWS = 256;
/** And their bytes, unless one row has more. */
const PART_BYTES = 1_048_576;

export class Holdings {
  constructor(
    private readonly replica: Pick<Replica, 'rows' | 'status'>,
    private readonly wallMs: () => number,
  ) {}

  /** Answers another peer. */
  answer(request: PeerRequest): PeerReply {
    if (request.type === 'list') {
      const { partitions, prefix, after, limit } = request;
      return { type: 'listed', ...this.list(partitions, prefix, after, limit) };
    }
    const rows = this.replica.rows(partitionOfKey(request.key));
    const row = rows?.find(request.key);
    if (row === DAMAGED) return { type: 'inspected', holds: false, version: null };
    const version = row === undefined || !this.isLive(row) ? null : { epoch: row.epoch, seq: row.seq };
    return { type: 'inspected', holds: rows !== undefined, version };
  }

  /** The first `limit` keys in byte order; partitions that this peer cannot answer for are refused. */
  list(
    partitions: readonly number[],
    prefix: string,
    after: string,
    limit: number,
  ): { readonly keys: readonly string[]; readonly refused: readonly number[] } {
    const refused = partitions.filter((partition) => !this.answersFor(partition));
    const keys: string[] = [];
    for (const partition of partitions) {
      if (refused.includes(partition)) continue;
      let found = 0;
      for (const key of this.keysOf(partition, prefix, after)) {
        keys.push(key);
        if (++found === limit) break;
      }
    }
    keys.sort(compareBytes);
    return { keys: keys.slice(0, limit), refused };
  }

  /** All own rows by partition, then by key, from the first key after `after`. */
  *all(prefix: string, after: string): Iterable<readonly [key: string, row: Row]> {
    const first = after === '' ? 0 : partitionOfKey(after);
    for (let partition = first; partition < PARTITION_COUNT; partition++) {
      const from = partition === first ? after : '';
      for (const { key, row } of this.rowsOf(partition, prefix, from)) yield [key, row];
    }
  }

  private answersFor(partition: number): boolean {
    const status = this.replica.status(partition);
    return status !== undefined && status.role === 'active' && status.readable;
  }

  /** Live keys of one partition that begin with `prefix` and come after `after`, in byte order; no value is read. */
  private *keysOf(partition: number, prefix: string, after: string): Iterable<string> {
    let last = after === '' ? undefined : after;
    if (prefix !== '' && compareBytes(prefix, after) > 0) {
      last = prefix;
      const row = this.replica.rows(partition)?.find(prefix);
      if (row !== undefined && (row === DAMAGED || this.isLive(row))) yield prefix;
    }
    for (;;) {
      const part = this.replica.rows(partition)?.keys(last, PART_ROWS);
      for (const { key, expiresAtMs } of part?.keys ?? []) {
        if (!key.startsWith(prefix)) return;
        if (!this.isOver(expiresAtMs)) yield key;
      }
      if (part?.next === undefined) return;
      last = part.next;
    }
  }

  /** The same with their rows. A damaged one is not shown: it is mended from another peer, and reads of it wait. */
  private *rowsOf(partition: number, prefix: string, after: string): Iterable<KeyedRow> {
    let last = after === '' ? undefined : after;
    if (prefix !== '' && compareBytes(prefix, after) > 0) {
      last = prefix;
      const row = this.replica.rows(partition)?.find(prefix);
      if (row !== undefined && row !== DAMAGED && this.isLive(row)) yield { key: prefix, row };
    }
    for (;;) {
      const part = this.replica.rows(partition)?.range(last, { rows: PART_ROWS, bytes: PART_BYTES });
      for (const { key, row } of part?.rows ?? []) {
        if (!key.startsWith(prefix)) return;
        if (row !== DAMAGED && this.isLive(row)) yield { key, row };
      }
      if (part?.more !== true) return;
      last = part.rows.at(-1)?.key;
    }
  }

  private isLive(row: Row): boolean {
    return row.value !== null && !this.isOver(row.expiresAtMs);
  }

  private isOver(expiresAtMs: number | undefined): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.wallMs();
  }
}
