/**
 * All partitions of this peer: follows the view, runs what this peer may run, holds requests for what is on its way.
 *
 * Invariants: a partition is served by a peer only under a view that names the peer, with this instance, as its primary;
 * adopting a view is one synchronous step, so that no request ever sees half of it; data is dropped only when no view
 * may ask this peer for it again.
 */
import { compareBytes } from '../common/byte-order.js';
import type { Operation, Outcome, StoredRecord } from '../common/records.js';
import { PARTITION_COUNT } from '../common/slots.js';
import { memberOf, type PartitionView, type View } from '../common/view.js';
import { Partition } from './partition.js';

/** Requests that may wait at once for partitions on their way; more are refused. */
const MAX_HELD_REQUESTS = 20_000;

/** What became of partitions when a view was adopted. */
export interface Adoption {
  /** Partitions to be fetched from their source. */
  readonly toFetch: readonly number[];
  /** Partitions that were to be fetched, whose source is gone: served with what had come. */
  readonly cutShort: readonly number[];
}

export class Partitions {
  private readonly all = Array.from({ length: PARTITION_COUNT }, () => new Partition());
  private readonly held = new Map<number, (() => void)[]>();
  private heldCount = 0;

  constructor(
    private readonly id: string,
    private readonly instance: number,
    private readonly wallMs: () => number,
  ) {}

  /** The partition with this number. */
  at(index: number): Partition {
    return this.all[index] as Partition;
  }

  serves(index: number): boolean {
    return this.at(index).state === 'serving';
  }

  /** Takes the roles that the view gives this peer. */
  adopt(view: View): Adoption {
    const isMember = memberOf(view, this.id)?.instance === this.instance;
    const toFetch: number[] = [];
    const cutShort: number[] = [];
    for (const [index, wanted] of view.partitions.entries()) {
      if (isMember && wanted.primary === this.id) this.lead(index, wanted, toFetch, cutShort);
      else this.follow(index, isMember && wanted.source === this.id);
      if (this.at(index).state !== 'fetching') this.letGo(index);
    }
    return { toFetch, cutShort };
  }

  /** Runs an operation if this peer serves its partition, else undefined. */
  execute(index: number, operation: Operation): Outcome | undefined {
    const partition = this.at(index);
    return partition.state === 'serving' ? partition.execute(operation, this.wallMs()) : undefined;
  }

  /**
   * Resolves when the partition is no longer on its way here: it is served, or it belongs to another.
   * @returns undefined where too many requests wait already
   */
  settled(index: number): Promise<void> | undefined {
    if (this.at(index).state !== 'fetching') return Promise.resolve();
    if (this.heldCount >= MAX_HELD_REQUESTS) return undefined;
    this.heldCount++;
    return new Promise((resolve) => {
      const waiting = this.held.get(index);
      if (waiting === undefined) this.held.set(index, [resolve]);
      else waiting.push(resolve);
    });
  }

  /** Everything has come and the source has let go: serve. False where a newer view decided otherwise meanwhile. */
  complete(index: number, epoch: number): boolean {
    if (!this.isFetching(index, epoch)) return false;
    this.at(index).serve(epoch);
    this.letGo(index);
    return true;
  }

  isFetching(index: number, epoch: number): boolean {
    const partition = this.at(index);
    return partition.state === 'fetching' && partition.epoch === epoch;
  }

  /** Numbers of the partitions in a state. */
  inState(...states: readonly Partition['state'][]): number[] {
    const found: number[] = [];
    for (const [index, partition] of this.all.entries())
      if (states.includes(partition.state)) found.push(index);
    return found;
  }

  /** The first `limit` keys in byte order after `after` that begin with `prefix`, of the partitions given. */
  list(indexes: readonly number[], prefix: string, after: string, limit: number): string[] {
    const smallest = new Smallest(limit);
    for (const index of indexes) {
      for (const key of this.at(index).keys()) {
        if (key.startsWith(prefix) && compareBytes(key, after) > 0) smallest.add(key);
      }
    }
    return smallest.sorted();
  }

  /** The entries of the partitions served here: by partition, in each by key. Starts behind the key `after`. */
  *entries(prefix: string, after: string, afterPartition: number): Iterable<readonly [string, StoredRecord]> {
    for (const index of this.inState('serving')) {
      if (index >= afterPartition)
        yield* this.at(index).sorted(prefix, index === afterPartition ? after : '');
    }
  }

  private lead(index: number, wanted: PartitionView, toFetch: number[], cutShort: number[]): void {
    const partition = this.at(index);
    const known = partition.epoch === wanted.epoch;
    if (partition.state === 'serving' && known) return;
    const source = wanted.source === this.id ? null : wanted.source;
    if (partition.state === 'fetching' && known && partition.source === source) return;
    if (source === null) {
      if (partition.state === 'fetching') cutShort.push(index);
      partition.serve(wanted.epoch);
    } else {
      partition.fetch(wanted.epoch, source);
      toFetch.push(index);
    }
  }

  private follow(index: number, isSource: boolean): void {
    const partition = this.at(index);
    const hasData = partition.state === 'serving' || partition.state === 'held';
    if (!isSource || !hasData) partition.drop();
    else if (partition.state === 'serving') partition.hold();
  }

  private letGo(index: number): void {
    const waiting = this.held.get(index);
    if (waiting === undefined) return;
    this.held.delete(index);
    this.heldCount -= waiting.length;
    for (const resolve of waiting) resolve();
  }
}

/** The smallest keys of many, in room for twice as many as are wanted. */
class Smallest {
  private kept: string[] = [];
  private bound: string | undefined;

  constructor(private readonly limit: number) {}

  add(key: string): void {
    if (this.bound !== undefined && compareBytes(key, this.bound) >= 0) return;
    this.kept.push(key);
    if (this.kept.length >= 2 * this.limit + 16) this.cut();
  }

  sorted(): string[] {
    this.cut();
    return this.kept;
  }

  private cut(): void {
    this.kept.sort(compareBytes);
    this.kept.length = Math.min(this.kept.length, this.limit);
    if (this.kept.length === this.limit) this.bound = this.kept.at(-1);
  }
}
