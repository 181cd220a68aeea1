/**
 * The log of one partition in memory: entries base+1 to prep, and the checksums that chain them.
 *
 * Kept true: no gap, no overlap; base <= com <= prep is kept by the callers, which know com. An entry's checksum
 * follows from the one before it: an entry that does not fit is refused by ending the process (silent divergence
 * is the one thing that must not be).
 */

import type { Epoch } from '../../common/configuration.js';
import { chainedChecksum } from './checksum.js';
import { type Draft, type Entry, sizeOf } from './entry.js';
import { broken } from './invariant.js';

export class Log {
  private entries: (Entry | undefined)[] = [];
  /** Where base+1 stands in `entries`; before it are the empty places of trimmed ones, until the next sweep. */
  private head = 0;
  private size = 0;

  constructor(
    readonly partition: number,
    private first: number,
    private firstSum: number,
    stored: readonly Entry[],
  ) {
    for (const entry of stored) this.append(entry);
  }

  /** The position before the first entry that is kept. */
  get base(): number {
    return this.first;
  }

  /** Chained checksum at `base`. */
  get baseChecksum(): number {
    return this.firstSum;
  }

  /** The last position. */
  get prep(): number {
    return this.first + this.entries.length - this.head;
  }

  /** Approximate size in memory of what is kept, in bytes. */
  get bytes(): number {
    return this.size;
  }

  /** The entry at `seq`, which must be in base+1 to prep. */
  at(seq: number): Entry {
    const entry = seq > this.first ? this.entries[this.head + seq - this.first - 1] : undefined;
    return (
      entry ??
      broken(`entry ${seq} of partition ${this.partition} in the log`, `${this.base}+1..${this.prep}`)
    );
  }

  /** About how much memory the entry at `seq` takes, in bytes. */
  sizeAt(seq: number): number {
    return sizeOf(this.at(seq));
  }

  /** The chained checksum at `seq`, which must be in base to prep. */
  checksumAt(seq: number): number {
    return seq === this.first ? this.firstSum : this.at(seq).checksum;
  }

  /** Ends the process unless the checksum at `seq` is `sum`; positions that are not kept cannot be compared. */
  compare(seq: number, sum: number, source: string): void {
    if (seq < this.base || seq > this.prep) return;
    const mine = this.checksumAt(seq);
    if (mine !== sum) {
      broken(
        `checksum ${mine} at ${seq} of partition ${this.partition}`,
        `${sum} from ${source}: replicas diverged`,
      );
    }
  }

  /** Adds the next entry, as another peer or the disk has it. */
  append(entry: Entry): void {
    const sum = this.nextChecksum(entry);
    if (sum !== entry.checksum) {
      broken(`checksum ${sum} for entry ${entry.seq} of partition ${this.partition}`, `${entry.checksum}`);
    }
    this.push(entry);
  }

  /** Makes the next entry of what is decided here, and adds it. */
  extend(epoch: Epoch, ts: number, draft: Draft): Entry {
    const { key, effect, result, request, idempotency } = draft;
    const entry = { seq: this.prep + 1, epoch, ts, key, effect, result, request, idempotency, checksum: 0 };
    entry.checksum = this.nextChecksum(entry);
    this.push(entry);
    return entry;
  }

  /** Entries from `from` to `to`, both included; empty if to < from. */
  slice(from: number, to: number): readonly Entry[] {
    if (to < from) return [];
    if (from <= this.first || to > this.prep)
      broken(`${from}..${to} in the log`, `${this.base}+1..${this.prep}`);
    const start = this.head + from - this.first - 1;
    return this.entries.slice(start, start + to - from + 1) as Entry[];
  }

  /** Like `slice` from `from` to prep, but no more than `maxEntries` and about `maxBytes`; at least one if there is one. */
  run(from: number, maxEntries: number, maxBytes: number): readonly Entry[] {
    let to = from - 1;
    let bytes = 0;
    const last = Math.min(this.prep, from + maxEntries - 1);
    while (to < last) {
      bytes += sizeOf(this.at(to + 1));
      if (bytes > maxBytes && to >= from) break;
      to++;
    }
    return this.slice(from, to);
  }

  /** Drops everything above `after`, which is not below base. */
  truncate(after: number): void {
    if (after < this.first) broken(`a cut at or above ${this.first}`, `${after}`);
    for (let seq = this.prep; seq > after; seq--) this.size -= sizeOf(this.at(seq));
    this.entries.length = this.head + after - this.first;
  }

  /** Drops everything up to `base`, which is not above prep. */
  trim(base: number): void {
    const sum = this.checksumAt(base);
    for (let seq = this.first + 1; seq <= base; seq++) this.size -= sizeOf(this.at(seq));
    const end = this.head + base - this.first;
    this.entries.fill(undefined, this.head, end);
    this.head = end;
    this.first = base;
    this.firstSum = sum;
    if (this.head > 64 && this.head * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
  }

  /** Starts over at `base` without an entry (a snapshot was taken over). */
  reset(base: number, baseChecksum: number): void {
    this.entries = [];
    this.head = 0;
    this.size = 0;
    this.first = base;
    this.firstSum = baseChecksum;
  }

  private nextChecksum(body: Omit<Entry, 'checksum'>): number {
    if (body.seq !== this.prep + 1)
      broken(`entry ${this.prep + 1} of partition ${this.partition}`, `${body.seq}`);
    return chainedChecksum(this.checksumAt(this.prep), body);
  }

  private push(entry: Entry): void {
    this.entries.push(entry);
    this.size += sizeOf(entry);
  }
}
