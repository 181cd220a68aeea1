/**
 * The engine that forgets everything with its process: for caches and tests.
 *
 * Kept true: as for every engine (see engine.ts). A batch is applied within `write`, so no other code sees half of
 * it. Every start is a new store, which the cluster takes for a wiped disk.
 */

import { type ClusterMap, emptyMap, type MapVersion } from '../../common/configuration.js';
import type { Entry, Row } from '../replication/entry.js';
import { broken } from '../replication/invariant.js';
import type {
  KeyRange,
  PartitionImage,
  PartitionMarks,
  PartitionStoreOp,
  RangeLimit,
  RowMark,
  RowRange,
  StoreBatch,
} from '../replication/machine.js';
import { Sessions } from '../replication/sessions.js';
import type { LoadedImage, StorageEngine, StorageStats } from './engine.js';
import type { HashKey } from './key-hash.js';
import { MemoryRows } from './memory-rows.js';

export class MemoryEngine implements StorageEngine {
  readonly inc = 1;
  private promised: MapVersion = 0;
  private map: ClusterMap;
  private waiting: (() => void)[] = [];
  private readonly partitions = new Map<number, MemoryPartition>();

  /** An empty store; `storeId` is a random one, and so is `hashKey`, which nobody else knows. */
  constructor(
    public storeId: string,
    clusterId: string,
    private readonly hashKey: HashKey,
  ) {
    this.map = emptyMap(clusterId);
  }

  load(): LoadedImage {
    const { storeId, inc, promised, map } = this;
    const partitions = [...this.partitions].map(([number, partition]) => partition.image(number));
    return { storeId, inc, promised, map, partitions, damaged: [] };
  }

  write(batch: StoreBatch, done: () => void): void {
    for (const op of batch.ops) {
      if (op.type === 'map') this.map = op.map;
      else if (op.type === 'promised') this.promised = op.ver;
      else if (op.type === 'forget') this.forget(op.partition);
      else this.partition(op.partition).apply(op);
    }
    this.waiting.push(done);
    if (this.waiting.length === 1) setImmediate(() => this.callDone());
  }

  get(partition: number, copy: number, key: string): Row | undefined {
    return this.partitions.get(partition)?.copies.get(copy)?.get(key);
  }

  range(partition: number, copy: number, after: string | undefined, limit: RangeLimit): RowRange {
    return this.partitions.get(partition)?.copies.get(copy)?.range(after, limit) ?? { rows: [], more: false };
  }

  keys(partition: number, copy: number, after: string | undefined, limit: number): KeyRange {
    const rows = this.partitions.get(partition)?.copies.get(copy);
    return rows?.keys(after, limit) ?? { keys: [], next: undefined };
  }

  marked(partition: number, copy: number): Iterable<RowMark> {
    return this.partitions.get(partition)?.copies.get(copy)?.marked() ?? [];
  }

  stats(): StorageStats {
    let keys = 0;
    let bytes = 0;
    for (const { copies } of this.partitions.values()) {
      for (const rows of copies.values()) {
        keys += rows.size;
        bytes += rows.bytes;
      }
    }
    return { keys, bytes };
  }

  /** Deletes the partitions; the new identity comes with the next start anyway. */
  async renew(partitions: readonly number[]): Promise<void> {
    for (const number of partitions) this.forget(number);
  }

  async close(): Promise<void> {
    this.partitions.clear();
  }

  private forget(number: number): void {
    this.partitions.delete(number);
  }

  /** In a turn of its own, so that whoever writes again at once does not keep the event loop from its sockets. */
  private callDone(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const done of waiting) done();
  }

  private partition(number: number): MemoryPartition {
    let partition = this.partitions.get(number);
    if (partition === undefined) {
      partition = new MemoryPartition(this.hashKey);
      this.partitions.set(number, partition);
    }
    return partition;
  }
}

class MemoryPartition {
  readonly copies = new Map<number, MemoryRows>();
  private marks: PartitionMarks = { alignedEpoch: -1, com: 0, copy: 0, staging: 0, keyCount: 0 };
  private base = 0;
  private baseChecksum = 0;
  private log: Entry[] = [];
  private sessions = new Sessions();

  constructor(private readonly hashKey: HashKey) {}

  image(partition: number): PartitionImage {
    const { marks, base, baseChecksum, log } = this;
    return { partition, marks, base, baseChecksum, log: [...log], sessions: this.sessions.image() };
  }

  apply(op: PartitionStoreOp): void {
    switch (op.type) {
      case 'append':
        for (const entry of op.entries) this.append(entry);
        return;
      case 'truncate':
        this.log.length = Math.max(0, Math.min(this.log.length, op.after - this.base));
        return;
      case 'trim':
        if (op.base < this.base && this.log.length > 0)
          broken(`a base of ${this.base} or more`, `${op.base}`);
        this.log.splice(0, op.base - this.base);
        this.base = op.base;
        this.baseChecksum = op.baseChecksum;
        return;
      case 'row':
        if (op.row === undefined) this.copies.get(op.copy)?.delete(op.key);
        else this.copy(op.copy).put(op.key, op.row);
        return;
      case 'drop-copy':
        this.copies.delete(op.copy);
        return;
      case 'remember':
        this.sessions.apply(op.entry);
        return;
      case 'sessions':
        this.sessions = new Sessions(op.sessions);
        return;
      case 'marks':
        this.marks = op.marks;
        return;
    }
  }

  private append(entry: Entry): void {
    const next = this.base + this.log.length + 1;
    if (entry.seq !== next) broken(`entry ${next} to be stored`, `${entry.seq}`);
    this.log.push(entry);
  }

  private copy(number: number): MemoryRows {
    let rows = this.copies.get(number);
    if (rows === undefined) {
      rows = new MemoryRows(this.hashKey);
      this.copies.set(number, rows);
    }
    return rows;
  }
}
