/**
 * What this peer itself holds: keys and rows of its partitions, for listings, pages and other peers' questions.
 *
 * Invariants: no tombstone and nothing expired is shown; keys are listed only from partitions that this peer leads under
 * its leases, so that everything that was acknowledged before the question is there. The key of a damaged row is listed,
 * its value is not shown.
 */
import { compareBytes } from '../common/byte-order.js';
import { PARTITION_COUNT, partitionOfKey } from '../common/slots.js';
import type { Replica } from './replica.js';
import type { Row } from './replication/entry.js';
import { DAMAGED, type LiveKey } from './replication/machine.js';
import type { PeerReply, PeerRequest } from './transport/messages.js';

/** Rows that are looked at together. */
const PART = { rows: 256, bytes: 1024 * 1024 } as const;
/** Keys that are looked at together: few, as a page takes a few of every partition. */
const KEYS_AT_ONCE = 64;

interface PageRange {
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
  /** The last key that may be of use; undefined: all may. */
  readonly through: string | undefined;
}

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
    const row = rows?.newest(request.key);
    const version = this.isLive(row) ? { epoch: row.epoch, seq: row.seq } : null;
    return { type: 'inspected', holds: rows !== undefined, version };
  }

  /** The first `limit` keys in byte order; partitions that this peer cannot answer for are refused. */
  list(
    partitions: readonly number[],
    prefix: string,
    after: string,
    limit: number,
  ): { readonly keys: readonly string[]; readonly refused: readonly number[] } {
    const refused = new Set(partitions.filter((partition) => !this.answersFor(partition)));
    let keys: string[] = [];
    for (const partition of partitions) {
      if (refused.has(partition)) continue;
      const found = this.firstKeys(partition, { prefix, after, limit, through: keys[limit - 1] });
      if (found.length > 0) keys = [...keys, ...found].sort(compareBytes).slice(0, limit);
    }
    return { keys, refused: [...refused] };
  }

  /** All own rows by partition, then by key, from the first key after `after`. */
  *all(prefix: string, after: string): Iterable<readonly [key: string, row: Row]> {
    const first = after === '' ? 0 : partitionOfKey(after);
    for (let partition = first; partition < PARTITION_COUNT; partition++) {
      const from = partition === first ? after : '';
      yield* this.rowsOf(partition, prefix, from);
    }
  }

  private answersFor(partition: number): boolean {
    const status = this.replica.status(partition);
    return status !== undefined && status.role === 'active' && status.readable;
  }

  /** The first keys of one partition, up to `through`: a full page of smaller ones is there already. */
  private firstKeys(partition: number, { prefix, after, limit, through }: PageRange): string[] {
    const found: string[] = [];
    for (const { key } of this.keysOf(partition, prefix, after)) {
      if (through !== undefined && compareBytes(key, through) > 0) break;
      found.push(key);
      if (found.length === limit) break;
    }
    return found;
  }

  /** Live keys of one partition that begin with `prefix` and come after `after`, in byte order. */
  private *keysOf(partition: number, prefix: string, after: string): Iterable<LiveKey> {
    const rows = this.replica.rows(partition);
    if (rows === undefined) return;
    const first = startsAt(prefix, after) ? rows.newest(prefix) : undefined;
    if (first === DAMAGED || this.isLive(first)) yield { key: prefix, expiresAtMs: undefined };
    for (let last = lastBefore(prefix, after); ; ) {
      const { keys, next } = rows.keys(last, KEYS_AT_ONCE);
      for (const live of keys) {
        if (!live.key.startsWith(prefix)) return;
        if (!this.isOver(live.expiresAtMs)) yield live;
      }
      if (next === undefined) return;
      last = next;
    }
  }

  /** The same with their values; for as long as this peer is a member of the partition. */
  private *rowsOf(partition: number, prefix: string, after: string): Iterable<readonly [string, Row]> {
    const first = startsAt(prefix, after) ? this.replica.rows(partition)?.newest(prefix) : undefined;
    if (first !== DAMAGED && this.isLive(first)) yield [prefix, first];
    for (let last = lastBefore(prefix, after); ; ) {
      const part = this.replica.rows(partition)?.range(last, PART);
      if (part === undefined) return;
      for (const { key, row } of part.rows) {
        if (!key.startsWith(prefix)) return;
        if (row !== DAMAGED && this.isLive(row)) yield [key, row];
      }
      if (!part.more) return;
      last = part.rows.at(-1)?.key;
    }
  }

  private isLive(row: Row | typeof DAMAGED | undefined): row is Row {
    return row !== undefined && row !== DAMAGED && row.value !== null && !this.isOver(row.expiresAtMs);
  }

  private isOver(expiresAtMs: number | undefined): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.wallMs();
  }
}

/** Whether the prefix itself is a key that may be shown. */
function startsAt(prefix: string, after: string): boolean {
  return prefix !== '' && compareBytes(prefix, after) > 0;
}

/** The key after which the first one to be shown comes; undefined: from the first of all. */
function lastBefore(prefix: string, after: string): string | undefined {
  if (startsAt(prefix, after)) return prefix;
  return after === '' ? undefined : after;
}
