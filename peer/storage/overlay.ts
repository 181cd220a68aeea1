/**
 * Changes that are in the journal and not in LMDB's tables yet: the newest of each key.
 *
 * Kept true: what is here hides what the tables have of the same key, deletions included. Keys are held as texts of
 * one character a byte, whose order is that of the bytes.
 */

import { type Change, TABLES, type Table } from './lmdb-layout.js';

/** What a change takes in memory besides its key and record, about. */
const CHANGE_BYTES = 200;

/** A change under its key's name. */
export interface Named {
  readonly name: string;
  readonly change: Pick<Change, 'key' | 'record'>;
}

/** The key as a text that sorts like it. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

export class Overlay {
  private readonly tables = new Map(TABLES.map((table) => [table, new OverlayTable()]));
  /** Keys with a change. */
  size = 0;
  /** Memory, about. */
  bytes = 0;

  /** Takes changes in, in order. */
  add(changes: readonly Change[]): void {
    for (const change of changes) {
      const replaced = this.table(change.table).put(change);
      this.bytes += sizeOf(change);
      if (replaced === undefined) this.size++;
      else this.bytes -= sizeOf(replaced);
    }
  }

  /** The newest change of a key; undefined: there is none. */
  get(table: Table, name: string): Change | undefined {
    return this.table(table).changes.get(name);
  }

  /** The changes of keys from `start` to before `end`, in order. */
  range(table: Table, start: string, end: string): Iterable<Named> {
    return this.table(table).range(start, end);
  }

  /** All changes of a table, in the order of their keys. */
  *sorted(table: Table): Iterable<Change> {
    const { changes } = this.table(table);
    for (const name of this.table(table).names()) yield changes.get(name) as Change;
  }

  private table(table: Table): OverlayTable {
    return this.tables.get(table) as OverlayTable;
  }
}

class OverlayTable {
  readonly changes = new Map<string, Change>();
  private sorted: string[] = [];
  private fresh: string[] = [];

  /** Returns the change that this one replaces. */
  put(change: Change): Change | undefined {
    const name = nameOf(change.key);
    const replaced = this.changes.get(name);
    if (replaced === undefined) this.fresh.push(name);
    this.changes.set(name, change);
    return replaced;
  }

  *range(start: string, end: string): Iterable<Named> {
    const names = this.names();
    for (let at = firstFrom(names, start); at < names.length; at++) {
      const name = names[at] as string;
      if (name >= end) return;
      yield { name, change: this.changes.get(name) as Change };
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

function sizeOf({ key, record }: Change): number {
  return CHANGE_BYTES + key.length + (record?.length ?? 0);
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
