/**
 * What a simulated disk holds: the stored image of one peer, as the batches that became durable have made it.
 * It is the reference for real stores: every operation of a batch, and nothing between two batches.
 */

import { compareBytes } from '../../common/byte-order.js';
import { type ClusterMap, emptyMap, type MapVersion, type StoreId } from '../../common/configuration.js';
import type { Entry, Row } from '../../peer/replication/entry.js';
import {
  bytesOf,
  DAMAGED,
  type Damaged,
  type DiskImage,
  type KeyRange,
  type LiveKey,
  markOf,
  type PartitionImage,
  type PartitionMarks,
  type PartitionStoreOp,
  type RangeLimit,
  type RowMark,
  type RowRange,
  type StateReader,
  type StoreBatch,
  type StoredRow,
  type StoreOp,
  UNREAD,
} from '../../peer/replication/machine.js';
import type { SessionsImage } from '../../peer/replication/messages.js';
import { Sessions } from '../../peer/replication/sessions.js';

/** One partition on a disk. */
export class StoredPartition {
  marks: PartitionMarks = { alignedEpoch: -1, com: 0, copy: 0, staging: 0, keyCount: 0 };
  base = 0;
  baseChecksum = 0;
  log: Entry[] = [];
  sessions = new Sessions();
  readonly copies = new Map<number, Map<string, Row>>();

  /** The last position that is on disk. */
  get end(): number {
    return this.base + this.log.length;
  }

  /** The stored entry, undefined if it is not in the log (any more). */
  entry(seq: number): Entry | undefined {
    return this.log[seq - this.base - 1];
  }

  copy(copy: number): Map<string, Row> {
    let rows = this.copies.get(copy);
    if (rows === undefined) {
      rows = new Map();
      this.copies.set(copy, rows);
    }
    return rows;
  }
}

/** A whole disk. */
export class StoredImage implements StateReader {
  inc = 0;
  promised: MapVersion = 0;
  map: ClusterMap;
  readonly partitions = new Map<number, StoredPartition>();
  /** Rows whose record is damaged. Those of a dropped copy may stay: no copy comes twice before all is forgotten. */
  private readonly damaged = new Set<string>();

  constructor(
    readonly storeId: StoreId,
    clusterId: string,
  ) {
    this.map = emptyMap(clusterId);
  }

  /** Makes a batch durable. */
  apply(batch: StoreBatch): void {
    for (const op of batch.ops) this.applyOp(op);
  }

  /** What a process finds when it starts. */
  load(): DiskImage {
    return {
      storeId: this.storeId,
      inc: this.inc,
      promised: this.promised,
      map: this.map,
      partitions: [...this.partitions].map(([partition, stored]) => loaded(partition, stored)),
    };
  }

  get(partition: number, copy: number, key: string, withValue = true): Row | Damaged | undefined {
    const row = this.partitions.get(partition)?.copies.get(copy)?.get(key);
    const seen = row === undefined ? undefined : this.seen(partition, copy, key, row);
    if (withValue || seen === undefined || seen === DAMAGED || seen.value === null) return seen;
    return { ...seen, value: UNREAD };
  }

  range(partition: number, copy: number, after: string | undefined, limit: RangeLimit): RowRange {
    const rows: StoredRow[] = [];
    let bytes = 0;
    for (const row of this.above(partition, copy, after)) {
      bytes += bytesOf(row);
      if (rows.length > 0 && (rows.length >= limit.rows || bytes > limit.bytes)) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  keys(partition: number, copy: number, after: string | undefined, limit: number): KeyRange {
    const rows = this.above(partition, copy, after);
    const keys: LiveKey[] = [];
    for (const { key, row } of rows.slice(0, limit)) {
      if (row === DAMAGED) keys.push({ key, expiresAtMs: undefined });
      else if (row.value !== null) keys.push({ key, expiresAtMs: row.expiresAtMs });
    }
    return { keys, next: rows.length < limit ? undefined : rows[limit - 1]?.key };
  }

  marked(partition: number, copy: number): readonly RowMark[] {
    const rows = this.partitions.get(partition)?.copies.get(copy) ?? [];
    return [...rows].flatMap(([key, row]) => markOf(key, row) ?? []);
  }

  /** Bits flip in the record of a row: it cannot be read until it is written again. */
  damage(partition: number, copy: number, key: string): void {
    this.damaged.add(nameOf(partition, copy, key));
  }

  /** Bits flip in the key of a row: it stands under another one, damaged. */
  garble(partition: number, key: string, other: string): void {
    const { marks, copies } = this.partition(partition);
    const rows = copies.get(marks.copy);
    const row = rows?.get(key);
    if (rows === undefined || row === undefined) return;
    rows.delete(key);
    rows.set(other, row);
    this.damage(partition, marks.copy, other);
  }

  /** What of this copy of a partition is damaged. */
  damagedIn(partition: number, copy: number): string[] {
    const rows = this.partitions.get(partition)?.copies.get(copy) ?? new Map<string, Row>();
    return [...rows.keys()].filter((key) => this.damaged.has(nameOf(partition, copy, key)));
  }

  private seen(partition: number, copy: number, key: string, row: Row): Row | Damaged {
    return this.damaged.size > 0 && this.damaged.has(nameOf(partition, copy, key)) ? DAMAGED : row;
  }

  private above(partition: number, copy: number, after: string | undefined): StoredRow[] {
    const rows = this.partitions.get(partition)?.copies.get(copy) ?? [];
    return [...rows]
      .filter(([key]) => after === undefined || compareBytes(key, after) > 0)
      .sort(([a], [b]) => compareBytes(a, b))
      .map(([key, row]) => ({ key, row: this.seen(partition, copy, key, row) }));
  }

  private applyOp(op: StoreOp): void {
    if (op.type === 'map') this.map = op.map;
    else if (op.type === 'promised') this.promised = op.ver;
    else if (op.type === 'forget') this.forget(op.partition);
    else this.applyTo(this.partition(op.partition), op);
  }

  private forget(partition: number): void {
    for (const name of this.damaged) if (name.startsWith(`${partition}/`)) this.damaged.delete(name);
    this.partitions.delete(partition);
  }

  private applyTo(stored: StoredPartition, op: PartitionStoreOp): void {
    switch (op.type) {
      case 'append':
        for (const entry of op.entries) {
          if (entry.seq !== stored.end + 1)
            throw new Error(`a gap on disk: ${entry.seq} after ${stored.end}`);
          stored.log.push(entry);
        }
        return;
      case 'truncate':
        stored.log.length = Math.max(0, Math.min(stored.log.length, op.after - stored.base));
        return;
      case 'trim':
        stored.log.splice(0, op.base - stored.base);
        stored.base = op.base;
        stored.baseChecksum = op.baseChecksum;
        return;
      case 'row':
        this.damaged.delete(nameOf(op.partition, op.copy, op.key));
        if (op.row === undefined) stored.copies.get(op.copy)?.delete(op.key);
        else stored.copy(op.copy).set(op.key, op.row);
        return;
      case 'drop-copy':
        stored.copies.delete(op.copy);
        return;
      case 'remember':
        stored.sessions.apply(op.entry);
        return;
      case 'sessions':
        stored.sessions = new Sessions(op.sessions);
        return;
      case 'marks':
        stored.marks = op.marks;
        return;
    }
  }

  private partition(partition: number): StoredPartition {
    let stored = this.partitions.get(partition);
    if (stored === undefined) {
      stored = new StoredPartition();
      this.partitions.set(partition, stored);
    }
    return stored;
  }
}

function nameOf(partition: number, copy: number, key: string): string {
  return `${partition}/${copy}/${key}`;
}

function loaded(partition: number, stored: StoredPartition): PartitionImage {
  const sessions: SessionsImage = stored.sessions.image();
  const { marks, base, baseChecksum } = stored;
  return { partition, marks, base, baseChecksum, log: [...stored.log], sessions };
}
