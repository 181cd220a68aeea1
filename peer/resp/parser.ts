/**
 * Bytes of a Redis client -> commands, each a list of byte strings.
 *
 * Invariants: the same bytes give the same commands and errors however they were cut into chunks; nothing is looked at
 * twice but what is left of a chunk; never more is held than about twice what has arrived of one command, whatever
 * lengths were promised; after an error nothing more comes.
 * Arguments are views of the chunks they came in: whoever keeps one longer than the command runs copies it.
 */

import { Arguments } from './arguments.js';
import { CR, DOLLAR, LF, NOTHING, ZERO } from './ascii.js';
import { splitLine } from './inline.js';
import type { RespLimits } from './limits.js';

/** The client did not keep to the protocol: it is told the text, and its connection closed. */
export interface ProtocolError {
  readonly kind: 'protocol-error';
  readonly text: string;
}

/** What an argument costs beside its bytes, about. */
const ARG_OVERHEAD_BYTES = 128;
/** What is set aside for an argument that has only begun; it doubles as bytes arrive. */
const FIRST_RESERVE_BYTES = 64 * 1024;
/** Digits that surely fit a safe integer. */
const SAFE_DIGITS = 15;

const STAR = 0x2a;
const NINE = 0x39;
const CRLF_BYTES = 2;

/** Lengths that are none: the line is not there yet, holds no number, or does not end. */
const PENDING = -2;
const INVALID = -3;
const ENDLESS = -4;

/** Commands of more arguments, or arguments whose length has more digits, are read piece by piece, though they be there as a whole. */
const WHOLE_ARGS = 8;
const WHOLE_DIGITS = 5;

export class RequestParser {
  /** Whether the client has shown the secret, or needs none. */
  trusted = true;
  #chunk = NOTHING;
  #at = 0;
  /** Arguments of the command begun, and how many are still to come. */
  #args: Buffer[] = [];
  #missing = 0;
  /** Length of the argument whose bytes are awaited; -1 before its length is known. */
  #length = -1;
  /** An argument of which a part has arrived, and how much of it. */
  #begun: Buffer | undefined;
  #filled = 0;
  #commandBytes = 0;
  #argBytes = 0;
  #taken = 0;
  #error: ProtocolError | undefined;
  readonly #given = new Arguments();

  /** See `#takeWhole`. */
  readonly #wholeArgs: number;
  readonly #wholeBytes: number;

  constructor(private readonly limits: RespLimits) {
    const { args, strangerArgs, bulkBytes, strangerBulkBytes, commandBytes } = limits;
    this.#wholeArgs = Math.min(WHOLE_ARGS, args, strangerArgs);
    const share = Math.floor(commandBytes / WHOLE_ARGS) - ARG_OVERHEAD_BYTES;
    this.#wholeBytes = Math.min(10 ** WHOLE_DIGITS - 1, bulkBytes, strangerBulkBytes, share);
  }

  /** Commands that were given out. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that are held of a command that has not wholly arrived, with what keeping them costs. */
  get heldBytes(): number {
    return this.#argBytes + (this.#begun?.length ?? 0) + this.unread;
  }

  /** Bytes that were fed and not looked at. */
  get unread(): number {
    return this.#chunk.length - this.#at;
  }

  /** Takes in what has arrived. The chunk is the parser's from here on. */
  feed(chunk: Buffer): void {
    const left = this.#chunk.length - this.#at;
    if (left === 0) this.#chunk = chunk;
    else this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), chunk], left + chunk.length);
    this.#at = 0;
  }

  /** The next command, of at least one argument, good until the next call; undefined until more has arrived. */
  next(): Arguments | ProtocolError | undefined {
    if (this.#error !== undefined) return this.#error;
    if (this.#missing === 0 && this.#takeWhole()) {
      this.#taken++;
      return this.#given;
    }
    const pieces = this.#pieces();
    if (!Array.isArray(pieces)) {
      this.#given.clear();
      return pieces;
    }
    this.#given.take(pieces);
    return this.#given;
  }

  /**
   * Takes the next command if all of it is in the chunk, and nothing about it is odd; else nothing changes.
   * Invariant: it takes what `#pieces` would give out next; nothing that it takes is beyond a limit, even of a stranger.
   */
  #takeWhole(): boolean {
    const chunk = this.#chunk;
    const given = this.#given;
    let at = this.#at;
    if (at >= chunk.length || chunk[at] !== STAR) return false;
    const count = (chunk[at + 1] as number) - ZERO;
    if (!(count > 0 && count <= this.#wholeArgs) || chunk[at + 2] !== CR) return false;
    at += 4;
    given.beginIn(chunk);
    for (let missing = count; missing > 0; missing--) {
      if (chunk[at] !== DOLLAR) return false;
      const first = at + 1;
      let length = 0;
      for (at = first; isDigit(chunk[at]); at++) length = length * 10 + (chunk[at] as number) - ZERO;
      const digits = at - first;
      if (digits === 0 || digits > WHOLE_DIGITS || (digits > 1 && chunk[first] === ZERO)) return false;
      if (chunk[at] !== CR || length > this.#wholeBytes) return false;
      const start = at + CRLF_BYTES;
      at = start + length + CRLF_BYTES;
      if (at > chunk.length) return false;
      given.add(start, start + length);
    }
    this.#at = at;
    return true;
  }

  #pieces(): Buffer[] | ProtocolError | undefined {
    for (;;) {
      if (this.#missing > 0) return this.#arguments();
      if (this.#at >= this.#chunk.length) return this.#rest();
      if (this.#chunk[this.#at] !== STAR) {
        const words = this.#inline();
        if (words === undefined || !Array.isArray(words) || words.length > 0) return words;
        continue;
      }
      const count = this.#number();
      if (count === PENDING) return this.#rest();
      if (count === ENDLESS) return this.#fail('too big mbulk count string');
      if (count > this.limits.args || count === INVALID) return this.#fail('invalid multibulk length');
      if (count > this.limits.strangerArgs && !this.trusted)
        return this.#fail('unauthenticated multibulk length');
      this.#missing = Math.max(0, count);
      this.#commandBytes = 0;
    }
  }

  #arguments(): Buffer[] | ProtocolError | undefined {
    while (this.#missing > 0) {
      if (this.#length < 0) {
        const wrong = this.#takeLength();
        if (wrong !== undefined) return wrong;
        if (this.#length < 0) return this.#rest();
      }
      const arg = this.#begun === undefined ? this.#whole() : this.#continued();
      if (arg === undefined) return undefined;
      this.#args.push(arg);
      this.#argBytes += arg.length + ARG_OVERHEAD_BYTES;
      this.#length = -1;
      this.#missing--;
    }
    const args = this.#args;
    this.#args = [];
    this.#argBytes = 0;
    this.#taken++;
    return args;
  }

  /** Reads the line that says how long the next argument is; nothing changes if it is not there yet. */
  #takeLength(): ProtocolError | undefined {
    if (this.#at >= this.#chunk.length) return undefined;
    const marker = this.#chunk[this.#at] as number;
    // As in Redis, what stands at the line's begin is looked at when the line is there.
    const length = this.#number();
    if (length === PENDING) return undefined;
    if (length === ENDLESS) return this.#fail('too big bulk count string');
    if (marker !== DOLLAR) return this.#fail(`expected '$', got '${String.fromCharCode(marker)}'`);
    if (length < 0 || length > this.limits.bulkBytes) return this.#fail('invalid bulk length');
    if (length > this.limits.strangerBulkBytes && !this.trusted)
      return this.#fail('unauthenticated bulk length');
    this.#commandBytes += ARG_OVERHEAD_BYTES + length;
    if (this.#commandBytes > this.limits.commandBytes) return this.#fail('too big command');
    this.#length = length;
    return undefined;
  }

  /** The argument, if all of it and its line end are in the chunk; else what there is of it is set aside. */
  #whole(): Buffer | undefined {
    const start = this.#at;
    const end = start + this.#length;
    if (end + CRLF_BYTES <= this.#chunk.length) {
      this.#at = end + CRLF_BYTES;
      return this.#chunk.subarray(start, end);
    }
    this.#begun = Buffer.allocUnsafeSlow(Math.min(this.#length + CRLF_BYTES, FIRST_RESERVE_BYTES));
    this.#filled = 0;
    return this.#continued();
  }

  /** Adds what has arrived to an argument that came in parts. */
  #continued(): Buffer | undefined {
    const need = this.#length + CRLF_BYTES;
    const take = Math.min(need - this.#filled, this.#chunk.length - this.#at);
    const filled = this.#filled + take;
    let begun = this.#begun as Buffer;
    if (filled > begun.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(need, Math.max(filled, begun.length * 2)));
      begun.copy(grown, 0, 0, this.#filled);
      begun = grown;
    }
    this.#chunk.copy(begun, this.#filled, this.#at, this.#at + take);
    this.#begun = begun;
    this.#filled = filled;
    this.#at += take;
    if (filled < need) return this.#rest();
    this.#begun = undefined;
    return begun.subarray(0, this.#length);
  }

  #inline(): Buffer[] | ProtocolError | undefined {
    const end = this.#chunk.indexOf(LF, this.#at);
    const bytes = (end < 0 ? this.#chunk.length : end) - this.#at;
    if (bytes > this.limits.lineBytes) return this.#fail('too big inline request');
    if (end < 0) return this.#rest();
    const last = end > this.#at && this.#chunk[end - 1] === CR ? end - 1 : end;
    const words = splitLine(this.#chunk.subarray(this.#at, last));
    this.#at = end + 1;
    this.#taken++;
    return words ?? this.#fail('unbalanced quotes in request');
  }

  /** The number behind the marker of the line begun, and on to the next line; or what is wrong with it. */
  #number(): number {
    const chunk = this.#chunk;
    let at = this.#at + 1;
    const first = chunk[at];
    let value = 0;
    for (; at < chunk.length; at++) {
      const digit = chunk[at] as number;
      if (digit < ZERO || digit > NINE) break;
      value = value * 10 + digit - ZERO;
    }
    const digits = at - this.#at - 1;
    const plain = digits === 1 || (digits > 1 && digits <= SAFE_DIGITS && first !== ZERO);
    if (plain && chunk[at] === CR && at + 1 < chunk.length) {
      this.#at = at + CRLF_BYTES;
      return value;
    }
    return this.#oddNumber();
  }

  /** A line that is not there yet, a negative number, or none. */
  #oddNumber(): number {
    const end = this.#chunk.indexOf(CR, this.#at);
    const bytes = (end < 0 ? this.#chunk.length : end) - this.#at;
    if (bytes > this.limits.lineBytes) return ENDLESS;
    if (end < 0 || end + 1 >= this.#chunk.length) return PENDING;
    const text = this.#chunk.toString('latin1', this.#at + 1, end);
    this.#at = end + CRLF_BYTES;
    return /^-[1-9]\d{0,18}$/.test(text) ? -1 : INVALID;
  }

  /** All that is there was taken: the chunk is let go. */
  #rest(): undefined {
    if (this.#at < this.#chunk.length) return;
    this.#chunk = NOTHING;
    this.#at = 0;
  }

  #fail(what: string): ProtocolError {
    this.#error = { kind: 'protocol-error', text: `ERR Protocol error: ${what}` };
    this.#chunk = NOTHING;
    this.#at = 0;
    this.#args = [];
    this.#argBytes = 0;
    this.#begun = undefined;
    return this.#error;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
