/**
 * What a simulated disk holds: the stored image of one peer, as the batches that became durable have made it.
 * It is the reference for real stores: every operation of a batch, and nothing between two batches.
 */
import { type ClusterMap, emptyMap, type MapVersion, type StoreId } from '../../common/configuration.js';
import type { Entry, Row } from '../../peer/replication/entry.js';
import type {
  DiskImage,
  PartitionImage,
  PartitionMarks,
  PartitionStoreOp,
  StateReader,
  StoreBatch,
  StoreOp,
} from '../../peer/replication/machine.js';
import type { KeyedRow, SessionsImage } from '../../peer/replication/messages.js';
import { compareKeys } from '../../peer/replication/rows.js';
import { Sessions } from '../../peer/replication/sessions.js';

/** One partition on a disk. */
export class StoredPartition {
  marks: PartitionMarks = { alignedEpoch: -1, com: 0, copy: 0, staging: 0 };
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

  get(partition: number, copy: number, key: string): Row | undefined {
    return this.partitions.get(partition)?.copies.get(copy)?.get(key);
  }

  range(partition: number, copy: number, after: string | undefined, limit: number): readonly KeyedRow[] {
    return this.rows(partition, copy)
      .filter(({ key }) => after === undefined || compareKeys(key, after) > 0)
      .sort((a, b) => compareKeys(a.key, b.key))
      .slice(0, limit);
  }

  marked(partition: number, copy: number): readonly KeyedRow[] {
    return this.rows(partition, copy).filter(
      ({ row }) => row.value === null || row.expiresAtMs !== undefined,
    );
  }

  private rows(partition: number, copy: number): KeyedRow[] {
    const rows = this.partitions.get(partition)?.copies.get(copy);
    return rows === undefined ? [] : [...rows].map(([key, row]) => ({ key, row }));
  }

  private applyOp(op: StoreOp): void {
    if (op.type === 'map') this.map = op.map;
    else if (op.type === 'promised') this.promised = op.ver;
    else this.applyTo(this.partition(op.partition), op);
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

function loaded(partition: number, stored: StoredPartition): PartitionImage {
  const sessions: SessionsImage = stored.sessions.image();
  const { marks, base, baseChecksum } = stored;
  return { partition, marks, base, baseChecksum, log: [...stored.log], sessions };
}
