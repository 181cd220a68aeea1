/** A whole cluster in one Map: the smallest Store that is true to its interface, and one that can be told to fail. */
import { compareBytes } from '../../common/byte-order.js';
import type { Operation, Outcome, StoredRecord } from '../../common/records.js';
import { partitionOfKey } from '../../common/slots.js';
import type { Answer, ClusterSummary, Holder, KeyPage, Store } from '../../peer/gateway/store.js';

/** What each record is said to have been written at. */
export const WRITTEN_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export class MemoryStore implements Store {
  readonly id = 'peer-1';
  readonly records = new Map<string, StoredRecord>();
  /** Answers instead of the store, where it returns one. */
  fault: (operation: Operation) => Outcome | undefined = () => undefined;
  /** Whether listing fails. */
  silent = false;
  ready = true;
  /** How many operations were asked for. */
  asked = 0;
  /** Iterators of `ownData` that were begun and not closed. */
  open = 0;
  #sequence = 0;

  partitionOf(key: string): number {
    return partitionOfKey(key);
  }

  execute(operation: Operation): Promise<Answer> {
    this.asked++;
    return Promise.resolve({ outcome: this.fault(operation) ?? this.#do(operation), servedBy: this.id });
  }

  executeMany(operations: readonly Operation[]): Promise<readonly Answer[]> {
    return Promise.all(operations.map((operation) => this.execute(operation)));
  }

  list(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    if (this.silent) return Promise.resolve(null);
    const keys = this.#keys(prefix, after);
    return Promise.resolve({ keys: keys.slice(0, limit), more: keys.length > limit });
  }

  *ownData(prefix: string, after: string): Iterable<readonly [string, StoredRecord]> {
    this.open++;
    try {
      // By partition, as a node holds it: nothing may rely on the keys' own order.
      const rank = (key: string) => [this.partitionOf(key), key] as const;
      const keys = this.#keys(prefix, '').map(rank).sort(byPartition);
      const rest = after === '' ? keys : keys.filter((each) => byPartition(each, rank(after)) > 0);
      for (const [, key] of rest) yield [key, this.records.get(key) as StoredRecord];
    } finally {
      this.open--;
    }
  }

  holders(key: string): Promise<readonly Holder[]> {
    const found = this.records.get(key);
    const version = found === undefined ? null : `${found.version.epoch}-${found.version.sequence}`;
    return Promise.resolve([
      { id: this.id, address: '127.0.0.1:8080', role: 'primary', status: 'up', version },
    ]);
  }

  cluster(): ClusterSummary {
    const partitions = { primary: 256, replica: 0 };
    const node = {
      id: this.id,
      address: '127.0.0.1:8080',
      status: 'up' as const,
      since: '',
      weight: 1,
      partitions,
    };
    return { cluster: 'test', epoch: 1, orchestrator: 'http://127.0.0.1:8079', nodes: [node] };
  }

  readiness(): readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[] {
    return [{ name: 'view', ok: this.ready, detail: this.ready ? 'epoch 1' : 'no view yet' }];
  }

  #do(operation: Operation): Outcome {
    const before = this.records.get(operation.key);
    switch (operation.type) {
      case 'get':
        return before === undefined ? { type: 'absent' } : { type: 'found', record: before };
      case 'put': {
        const version = { epoch: 1, sequence: ++this.#sequence };
        this.records.set(operation.key, { ...operation.value, version, modifiedMs: WRITTEN_MS });
        return { type: 'written', version, created: before === undefined };
      }
      case 'delete':
        return this.records.delete(operation.key) ? { type: 'deleted' } : { type: 'absent' };
    }
  }

  #keys(prefix: string, after: string): string[] {
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix));
    return keys.filter((key) => after === '' || compareBytes(key, after) > 0).sort(compareBytes);
  }
}

function byPartition(a: readonly [number, string], b: readonly [number, string]): number {
  return a[0] - b[0] || compareBytes(a[1], b[1]);
}
