/** A message of `peer.proto` in both directions; whoever changes one line of a form sees the other beside it. */
import type { Reads } from './field-reader.js';
import type { Writes } from './field-writer.js';

/** What `read` gives is equal to what `write` was given. */
export type Form<T> = Writes<T> & Reads<T>;

/** The names of an enum on the wire, each with its number from 1 up; 0 is none of them. New ones get the next number. */
export class Names<T extends string> {
  private readonly names: ReadonlyMap<number, T>;

  constructor(private readonly numbers: Readonly<Record<T, number>>) {
    this.names = new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as T]));
  }

  /** The number of a name. */
  numberOf(name: T): number {
    return this.numbers[name];
  }

  /** The name of a number. Throws RangeError for an unknown one. */
  nameOf(number: number): T {
    const name = this.names.get(number);
    if (name === undefined)
      throw new RangeError(`${number} is none of ${[...this.names.values()].join(', ')}`);
    return name;
  }
}
