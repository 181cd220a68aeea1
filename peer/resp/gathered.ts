/**
 * Bytes of answers, gathered one behind another until they leave together.
 *
 * Invariants: what was taken is never written again; it holds on to at most about twice the memory of its bytes.
 */
import { CR, DOLLAR, LF, NOTHING, ZERO } from './ascii.js';

/** Less is not set aside. */
const LEAST_BYTES = 64;
/** More is not set aside before it is needed. */
const MOST_AHEAD_BYTES = 16_384;
/** Longer texts are quicker to write as a whole. */
const SHORT_TEXT = 32;
/** The most that a byte string has beside its bytes: a dollar, digits of a length, and two line ends. */
const BULK_EXTRA_BYTES = 16;

export class Gathered {
  #space = NOTHING;
  #used = 0;
  /** As much as was taken last is likely to be taken next. */
  #expected = LEAST_BYTES;

  get length(): number {
    return this.#used;
  }

  /** A text of one byte a character. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length);
    if (length > SHORT_TEXT) this.#space.write(text, this.#used, 'latin1');
    else for (let i = 0; i < length; i++) this.#space[this.#used + i] = text.charCodeAt(i);
    this.#used += length;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#space.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** A byte string, with its length before it. */
  bulk(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length + BULK_EXTRA_BYTES);
    const space = this.#space;
    space[this.#used++] = DOLLAR;
    this.#number(length);
    this.#lineEnd();
    space.set(bytes, this.#used);
    this.#used += length;
    this.#lineEnd();
  }

  /** All of it; then there is nothing here. */
  take(): Buffer {
    const used = this.#used;
    const view = this.#space.subarray(0, used);
    const taken = this.#space.length > 2 * used + LEAST_BYTES ? Buffer.from(view) : view;
    this.#expected = Math.min(MOST_AHEAD_BYTES, Math.ceil(used / LEAST_BYTES) * LEAST_BYTES);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#space = NOTHING;
    this.#used = 0;
  }

  #number(value: number): void {
    let end = this.#used + 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end++;
    let rest = value;
    for (let at = end - 1; at >= this.#used; at--) {
      this.#space[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.#used = end;
  }

  #lineEnd(): void {
    this.#space[this.#used++] = CR;
    this.#space[this.#used++] = LF;
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#space.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#space.length * 2, this.#expected));
    if (this.#used > 0) grown.set(this.#space.subarray(0, this.#used));
    this.#space = grown;
  }
}
