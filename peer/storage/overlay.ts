/**
 * Changes that are in the journal and not in LMDB's tables yet: the newest of each key.
 *
 * Kept true: what is here hides what the tables have of the same key, deletions included. Keys are held as texts of
 * one character a byte, whose order is that of the bytes; nothing else of a change is held but its record, for what is here
 * lives long enough to be a burden to the garbage collector.
 */

import type { Change, Table } from './lmdb-layout.js';

/** What a change takes in memory besides its key and record, about. */
const CHANGE_BYTES = 200;

/** A record, or that there is none any more. */
export type Newest = Buffer | null;

/** A change under its key's name. */
export interface Named {
  readonly name: string;
  readonly record: Newest;
}

/** The key as a text that sorts like it. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

/** The key with this name. */
export function keyOf(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}

export class Overlay {
  private readonly tables: Readonly<Record<Table, OverlayTable>> = {
    meta: new OverlayTable(),
    rows: new OverlayTable(),
    marks: new OverlayTable(),
    log: new OverlayTable(),
  };
  /** Keys with a change. */
  size = 0;
  /** Memory, about. */
  bytes = 0;

  /** Takes changes in, in order. */
  add(changes: readonly Change[]): void {
    for (const { table, key, record } of changes) {
      const replaced = this.tables[table].put(nameOf(key), record ?? null);
      this.bytes += record?.length ?? 0;
      if (replaced === undefined) {
        this.size++;
        this.bytes += CHANGE_BYTES + key.length;
      } else if (replaced !== null) this.bytes -= replaced.length;
    }
  }

  /** The newest change of a key; undefined: there is none. */
  get(table: Table, name: string): Newest | undefined {
    return this.tables[table].changes.get(name);
  }

  /** The changes of keys from `start` to before `end`, in order. */
  range(table: Table, start: string, end: string): Iterable<Named> {
    return this.tables[table].range(start, end);
  }

  /** All changes of a table, in the order of their keys. */
  *sorted(table: Table): Iterable<Change> {
    const { changes } = this.tables[table];
    for (const name of this.tables[table].names()) {
      yield { table, key: keyOf(name), record: changes.get(name) ?? undefined };
    }
  }
}

class OverlayTable {
  readonly changes = new Map<string, Newest>();
  private sorted: string[] = [];
  private fresh: string[] = [];

  /** Returns what this replaces. */
  put(name: string, record: Newest): Newest | undefined {
    const replaced = this.changes.get(name);
    if (replaced === undefined) this.fresh.push(name);
    this.changes.set(name, record);
    return replaced;
  }

  *range(start: string, end: string): Iterable<Named> {
    const names = this.names();
    for (let at = firstFrom(names, start); at < names.length; at++) {
      const name = names[at] as string;
      if (name >= end) return;
      yield { name, record: this.changes.get(name) as Newest };
    }
  }

  /** The names in order. */
  names(): readonly string[] {
    if (this.fresh.length > 0) {
      this.sorted = merged(this.sorted, this.fresh.sort());
      this.fresh = [];
    }
    return this.sorted;
  }
}

/** The position of the first name that is not before `start`. */
function firstFrom(names: readonly string[], start: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] as string) < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Two sorted lists as one; they share no name. */
function merged(one: readonly string[], other: string[]): string[] {
  if (one.length === 0) return other;
  const all: string[] = [];
  let at = 0;
  for (const name of other) {
    while (at < one.length && (one[at] as string) < name) all.push(one[at++] as string);
    all.push(name);
  }
  while (at < one.length) all.push(one[at++] as string);
  return all;
}
