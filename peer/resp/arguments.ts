/**
 * The arguments of one command, as they stand in the bytes that came: a Buffer is made of one only where somebody asks for it.
 *
 * Invariant: the object is the parser's, which fills it anew for each command; what it gives out are views of the chunks that came.
 * Whoever keeps one longer than the command runs copies it.
 */
import { NOTHING } from './ascii.js';

export class Arguments {
  #length = 0;
  /** Where they stand, unless they are in the list. */
  #chunk = NOTHING;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #list: readonly Buffer[] | undefined;

  /** Those of a list. */
  static of(list: readonly Buffer[]): Arguments {
    const args = new Arguments();
    args.take(list);
    return args;
  }

  /** How many, with the command's name. */
  get length(): number {
    return this.#length;
  }

  /** Begins anew: they stand in this chunk. */
  beginIn(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#list = undefined;
    this.#length = 0;
  }

  /** One more, from `start` up to `end` of the chunk. */
  add(start: number, end: number): void {
    this.#starts[this.#length] = start;
    this.#ends[this.#length] = end;
    this.#length++;
  }

  /** Begins anew, with those of a list. */
  take(list: readonly Buffer[]): void {
    this.#chunk = NOTHING;
    this.#list = list;
    this.#length = list.length;
  }

  /** Lets go of all bytes. */
  clear(): void {
    this.beginIn(NOTHING);
  }

  /** All of them. */
  list(): readonly Buffer[] {
    this.#list ??= Array.from({ length: this.#length }, (_, index) => this.at(index));
    return this.#list;
  }

  /** One of them; there is one at this index. */
  at(index: number): Buffer {
    return this.#list?.[index] ?? this.#chunk.subarray(this.#starts[index], this.#ends[index]);
  }

  /** The bytes that the argument at `index` is a part of. */
  holder(index: number): Buffer {
    return this.#list?.[index] ?? this.#chunk;
  }

  /** Where the argument at `index` begins in its holder. */
  start(index: number): number {
    return this.#list === undefined ? (this.#starts[index] as number) : 0;
  }

  /** Where the argument at `index` ends in its holder. */
  end(index: number): number {
    return this.#list === undefined ? (this.#ends[index] as number) : (this.#list[index] as Buffer).length;
  }
}
