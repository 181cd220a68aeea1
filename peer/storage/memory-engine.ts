/**
 * The engine that forgets everything with its process: for caches and tests.
 *
 * Kept true: as for every engine (see engine.ts). A batch is applied within `write`, so no other code sees half of
 * it. Every start is a new store, which the cluster takes for a wiped disk. So what only a start would ask for (the log,
 * the sessions, the map) is not kept a second time here: the machine has it.
 */

import { emptyMap } from '../../common/configuration.js';
import type { Row } from '../replication/entry.js';
import type { KeyRange, RangeLimit, RowMark, RowRange, StoreBatch, StoreOp } from '../replication/machine.js';
import type { LoadedImage, StorageEngine, StorageStats } from './engine.js';
import type { HashKey } from './key-hash.js';
import { MemoryRows } from './memory-rows.js';

/** The copies of one partition's rows, by their numbers. */
type Copies = Map<number, MemoryRows>;

export class MemoryEngine implements StorageEngine {
  readonly inc = 1;
  private waiting: (() => void)[] = [];
  /** By partition. */
  private readonly partitions: (Copies | undefined)[] = [];

  /** An empty store; `storeId` is a random one, and so is `hashKey`, which nobody else knows. */
  constructor(
    readonly storeId: string,
    private readonly clusterId: string,
    private readonly hashKey: HashKey,
  ) {}

  /** Nothing, as at every start. */
  load(): LoadedImage {
    const { storeId, inc, clusterId } = this;
    return { storeId, inc, promised: 0, map: emptyMap(clusterId), partitions: [], damaged: [] };
  }

  write(batch: StoreBatch, done: () => void): void {
    for (const op of batch.ops) this.apply(op);
    this.waiting.push(done);
    if (this.waiting.length === 1) setImmediate(() => this.callDone());
  }

  get(partition: number, copy: number, key: string, withValue = true): Row | undefined {
    return this.partitions[partition]?.get(copy)?.get(key, withValue);
  }

  range(partition: number, copy: number, after: string | undefined, limit: RangeLimit): RowRange {
    return this.partitions[partition]?.get(copy)?.range(after, limit) ?? { rows: [], more: false };
  }

  keys(partition: number, copy: number, after: string | undefined, limit: number): KeyRange {
    const rows = this.partitions[partition]?.get(copy);
    return rows?.keys(after, limit) ?? { keys: [], next: undefined };
  }

  marked(partition: number, copy: number): Iterable<RowMark> {
    return this.partitions[partition]?.get(copy)?.marked() ?? [];
  }

  stats(): StorageStats {
    let keys = 0;
    let bytes = 0;
    for (const copies of this.partitions) {
      for (const rows of copies?.values() ?? []) {
        keys += rows.size;
        bytes += rows.bytes;
      }
    }
    return { keys, bytes };
  }

  /** Deletes the partitions; the new identity comes with the next start anyway. */
  async renew(partitions: readonly number[]): Promise<void> {
    for (const number of partitions) this.partitions[number] = undefined;
  }

  async close(): Promise<void> {
    this.partitions.length = 0;
  }

  private apply(op: StoreOp): void {
    switch (op.type) {
      case 'row':
        if (op.row !== undefined) this.rowsOf(op.partition, op.copy).put(op.key, op.row);
        else this.partitions[op.partition]?.get(op.copy)?.delete(op.key);
        return;
      case 'drop-copy':
        this.partitions[op.partition]?.delete(op.copy);
        return;
      case 'forget':
        this.partitions[op.partition] = undefined;
        return;
      case 'map':
      case 'promised':
      case 'append':
      case 'truncate':
      case 'trim':
      case 'remember':
      case 'sessions':
      case 'marks':
        return;
    }
  }

  /** In a turn of its own, so that whoever writes again at once does not keep the event loop from its sockets. */
  private callDone(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const done of waiting) done();
  }

  private rowsOf(partition: number, copy: number): MemoryRows {
    let copies = this.partitions[partition];
    if (copies === undefined) {
      copies = new Map();
      this.partitions[partition] = copies;
    }
    let rows = copies.get(copy);
    if (rows === undefined) {
      rows = new MemoryRows(this.hashKey);
      copies.set(copy, rows);
    }
    return rows;
  }
}
