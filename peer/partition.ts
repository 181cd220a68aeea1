/**
 * The data of one partition on one peer, in memory, and what the peer may do with it.
 *
 *   absent    -> nothing is here
 *   fetching  -> this peer is the primary, the data is still on its way; requests are held
 *   serving   -> this peer is the primary and has all of the data
 *   held      -> another peer is the primary now and fetches the data from here; nobody may change it
 *
 * Invariants: data is read and changed only while serving; the sequence never goes back while a partition's data lives,
 * on whichever peer; data that is held does not change until it is dropped.
 *
 * The replication protocol takes this file's place (see the replication core); it is kept plain on purpose.
 */
import { compareBytes } from '../common/byte-order.js';
import type { Operation, Outcome, StoredRecord } from '../common/records.js';

export type PartitionState = 'absent' | 'fetching' | 'serving' | 'held';

/** A part of a held partition on its way to the new primary. */
export interface Part {
  readonly entries: readonly (readonly [key: string, record: StoredRecord])[];
  /** Where the next part begins; '' after the last. */
  readonly cursor: string;
}

/** A part is closed once its values reach this size… */
const PART_BYTES = 1024 * 1024;
/** …or it has this many entries. */
const PART_ENTRIES = 2_000;

export class Partition {
  state: PartitionState = 'absent';
  /** First half of the versions given here: the view's epoch since which this peer is the primary. */
  epoch = 0;
  /** The peer to fetch from, while fetching. */
  source = '';
  /** Second half of the last version given. */
  sequence = 0;
  private records = new Map<string, StoredRecord>();
  /** The keys in the order in which they are handed over, while held. */
  private handedOver: readonly string[] = [];

  get size(): number {
    return this.records.size;
  }

  /** Begins to serve with the data that is here. */
  serve(epoch: number): void {
    this.state = 'serving';
    this.epoch = epoch;
    this.source = '';
    this.handedOver = [];
  }

  /** Becomes the primary of data that is elsewhere. What is here is not part of it. */
  fetch(epoch: number, source: string): void {
    this.drop();
    this.state = 'fetching';
    this.epoch = epoch;
    this.source = source;
  }

  /** Freezes the data for the new primary. */
  hold(): void {
    this.state = 'held';
    this.handedOver = [...this.records.keys()];
  }

  drop(): void {
    this.state = 'absent';
    this.records = new Map();
    this.handedOver = [];
    this.sequence = 0;
    this.source = '';
  }

  /** Runs an operation; the caller has made sure that this peer serves. */
  execute(operation: Operation, wallMs: number): Outcome {
    switch (operation.type) {
      case 'get': {
        const record = this.records.get(operation.key);
        return record === undefined ? { type: 'absent' } : { type: 'found', record };
      }
      case 'put': {
        const created = !this.records.has(operation.key);
        const version = { epoch: this.epoch, sequence: ++this.sequence };
        this.records.set(operation.key, { ...operation.value, version, modifiedMs: wallMs });
        return { type: 'written', version, created };
      }
      case 'delete':
        if (!this.records.delete(operation.key)) return { type: 'absent' };
        this.sequence++;
        return { type: 'deleted' };
    }
  }

  /** The version of a key, without a look at its value. */
  versionOf(key: string): StoredRecord['version'] | undefined {
    return this.records.get(key)?.version;
  }

  keys(): IterableIterator<string> {
    return this.records.keys();
  }

  /** Its entries in byte order of the keys, as they are when the iteration starts; deleted ones are left out. */
  *sorted(prefix: string, after: string): Iterable<readonly [string, StoredRecord]> {
    const keys = [...this.records.keys()].filter(
      (key) => key.startsWith(prefix) && compareBytes(key, after) > 0,
    );
    for (const key of keys.sort(compareBytes)) {
      const record = this.records.get(key);
      if (record !== undefined) yield [key, record];
    }
  }

  /** The part of the held data that begins at the cursor. */
  part(cursor: string): Part {
    const entries: (readonly [string, StoredRecord])[] = [];
    let index = Number(cursor);
    for (
      let bytes = 0;
      index < this.handedOver.length && bytes < PART_BYTES && entries.length < PART_ENTRIES;
      index++
    ) {
      const key = this.handedOver[index] as string;
      const record = this.records.get(key) as StoredRecord;
      entries.push([key, record]);
      bytes += record.bytes.length;
    }
    return { entries, cursor: index < this.handedOver.length ? String(index) : '' };
  }

  /** Takes in a part while fetching. */
  take(part: Part, sequence: number): void {
    for (const [key, record] of part.entries) this.records.set(key, record);
    this.sequence = Math.max(this.sequence, sequence);
  }
}
