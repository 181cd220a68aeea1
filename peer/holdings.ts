/**
 * What this peer itself holds: keys and rows of its partitions, for listings, pages and other peers' questions.
 *
 * Invariants: no tombstone and nothing expired is shown; keys are listed only from partitions that this peer leads under
 * its leases, so that everything that was acknowledged before the question is there. The key of a damaged row is listed,
 * its value is not shown.
 */
import { compareBytes } from '../common/byte-order.js';
import { PARTITION_COUNT, partitionOfKey } from '../common/slots.js';
import { rowsOf } from './asking.js';
import type { Replica } from './replica.js';
import type { Row } from './replication/entry.js';
import { DAMAGED, type LiveKey } from './replication/machine.js';
import type { PeerReply, PeerRequest } from './transport/messages.js';

/** What is looked at together, by one reader: everybody else waits for it. */
const PART = { rows: 64, bytes: 64 * 1024 } as const;
/** Keys of one partition that are looked at first beyond its even share of a page. */
const SPARE_KEYS = 8;

export class Holdings {
  constructor(
    private readonly replica: Pick<Replica, 'readNow' | 'rows' | 'status'>,
    private readonly wallMs: () => number,
  ) {}

  /** Answers another peer. */
  answer(request: PeerRequest): PeerReply {
    if (request.type === 'read') return rowsOf(this.replica, request.keys);
    if (request.type === 'list') {
      const { partitions, prefix, after, limit } = request;
      return { type: 'listed', ...this.list(partitions, prefix, after, limit) };
    }
    if (request.type === 'count') return { type: 'counted', ...this.count(request.partitions) };
    const rows = this.replica.rows(partitionOfKey(request.key));
    const row = rows?.newest(request.key);
    const version = this.isLive(row) ? { epoch: row.epoch, seq: row.seq } : null;
    return { type: 'inspected', holds: rows !== undefined, version };
  }

  /** How many keys these partitions have, expired ones included that are not removed yet. */
  count(partitions: readonly number[]): { readonly keys: number; readonly refused: readonly number[] } {
    const refused: number[] = [];
    let keys = 0;
    for (const partition of partitions) {
      if (this.answersFor(partition)) keys += this.replica.status(partition)?.keyCount ?? 0;
      else refused.push(partition);
    }
    return { keys, refused };
  }

  /** The first `limit` keys in byte order; partitions that this peer cannot answer for are refused. */
  list(
    partitions: readonly number[],
    prefix: string,
    after: string,
    limit: number,
  ): { readonly keys: readonly string[]; readonly refused: readonly number[] } {
    const refused = partitions.filter((partition) => !this.answersFor(partition));
    const asked = partitions.filter((partition) => !refused.includes(partition));
    return { keys: this.firstOf(asked, prefix, after, limit), refused };
  }

  /**
   * The first `limit` keys of all these partitions. Keys are spread evenly, so each partition is asked for its share
   * first, and for twice as many again and again while some that it has not shown could still be among the first.
   */
  private firstOf(partitions: readonly number[], prefix: string, after: string, limit: number): string[] {
    let step = Math.ceil(limit / Math.max(1, partitions.length)) + SPARE_KEYS;
    let open = partitions.map((partition) => ({ partition, last: after }));
    let keys: string[] = [];
    while (open.length > 0) {
      const asked = open;
      open = [];
      for (const { partition, last } of asked) {
        const found = take(this.keysOf(partition, prefix, last, Math.min(step, PART.rows)), step);
        for (const key of found) keys.push(key);
        if (found.length === step) open.push({ partition, last: found.at(-1) as string });
      }
      keys.sort(compareBytes);
      keys = keys.slice(0, limit);
      const end = keys.length === limit ? keys.at(-1) : undefined;
      open = open.filter(({ last }) => end === undefined || compareBytes(last, end) < 0);
      step *= 2;
    }
    return keys;
  }

  /** All own rows by partition, then by key, from the first key after `after`. */
  *all(prefix: string, after: string): Iterable<readonly [key: string, row: Row]> {
    const first = after === '' ? 0 : partitionOfKey(after);
    for (let partition = first; partition < PARTITION_COUNT; partition++) {
      const from = partition === first ? after : '';
      yield* this.rowsOf(partition, prefix, from);
    }
  }

  /** The keys of all own rows in the same order. */
  *allKeys(prefix: string, after: string): Iterable<string> {
    const first = after === '' ? 0 : partitionOfKey(after);
    for (let partition = first; partition < PARTITION_COUNT; partition++) {
      const from = partition === first ? after : '';
      for (const { key } of this.keysOf(partition, prefix, from)) yield key;
    }
  }

  private answersFor(partition: number): boolean {
    const status = this.replica.status(partition);
    return status !== undefined && status.role === 'active' && status.readable;
  }

  /** Live keys of one partition that begin with `prefix` and come after `after`, in byte order; `together` are looked at at a time. */
  private *keysOf(
    partition: number,
    prefix: string,
    after: string,
    together: number = PART.rows,
  ): Iterable<LiveKey> {
    const rows = this.replica.rows(partition);
    if (rows === undefined) return;
    const first = startsAt(prefix, after) ? rows.newest(prefix) : undefined;
    if (first === DAMAGED || this.isLive(first)) yield { key: prefix, expiresAtMs: undefined };
    for (let last = lastBefore(prefix, after); ; ) {
      const { keys, next } = rows.keys(last, together);
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

/** The first `count` of them, or all. */
function take(live: Iterable<LiveKey>, count: number): string[] {
  const keys: string[] = [];
  for (const { key } of live) {
    keys.push(key);
    if (keys.length === count) break;
  }
  return keys;
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
