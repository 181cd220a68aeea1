/** A message of `peer.proto` in both directions; whoever changes one line of a form sees the other beside it. */
import type { Reads } from './field-reader.js';
import type { Writes } from './field-writer.js';

/** What `read` gives is equal to what `write` was given. */
export type Form<T> = Writes<T> & Reads<T>;

/** The names of an enum on the wire, by their numbers; 0 is none of them. New ones go to the end. */
export class Names<T extends string> {
  private readonly numbers: ReadonlyMap<T, number>;

  constructor(private readonly names: readonly T[]) {
    this.numbers = new Map(names.map((name, at) => [name, at + 1]));
  }

  /** The number of a name. */
  numberOf(name: T): number {
    const number = this.numbers.get(name);
    if (number === undefined) throw new RangeError(`${name} has no number on the wire`);
    return number;
  }

  /** The name of a number. Throws RangeError for an unknown one. */
  nameOf(number: number): T {
    const name = this.names[number - 1];
    if (name === undefined) throw new RangeError(`${number} is none of ${this.names.join(', ')}`);
    return name;
  }
}
