/**
 * Reads protobuf messages field by field, in the order of their numbers, as `field-writer.ts` writes them.
 *
 * Invariants: it never reads beyond the message it is in; what is not of the asked type, out of order, or cut short
 * throws; fields beyond the last one asked for are skipped, so that later versions may add some. A number is safe
 * (below 2^53) or finite. Bytes that make up less than half of what was received are copied, so that a small value
 * never keeps a large batch in memory; others are windows on it.
 */

/** How a message is read. */
export interface Reads<T> {
  read(r: FieldReader): T;
}

const VARINT = 0;
const EIGHT_BYTES = 1;
const WITH_LENGTH = 2;
const FOUR_BYTES = 5;

const REAL_BYTES = 8;

const NOTHING = Buffer.alloc(0);

export class FieldReader {
  private at = 0;
  private end: number;
  /** Of the next field of this message: its number and wire type; 0 where none is left. */
  private tag = 0;

  constructor(private readonly received: Buffer) {
    this.end = received.length;
    this.next();
  }

  whole(field: number): number {
    return this.maybeWhole(field) ?? 0;
  }

  maybeWhole(field: number): number | undefined {
    if (!this.isAt(field, VARINT)) return undefined;
    const value = this.varint();
    this.next();
    return value;
  }

  word(field: number): number {
    if (!this.isAt(field, FOUR_BYTES)) return 0;
    const value = this.received.readUInt32LE(this.advance(4));
    this.next();
    return value;
  }

  real(field: number): number {
    return this.maybeReal(field) ?? 0;
  }

  maybeReal(field: number): number | undefined {
    if (!this.isAt(field, EIGHT_BYTES)) return undefined;
    const value = this.received.readDoubleLE(this.advance(8));
    if (!Number.isFinite(value)) throw new RangeError(`field ${field} is not finite`);
    this.next();
    return value;
  }

  flag(field: number): boolean {
    return this.maybeWhole(field) === 1;
  }

  text(field: number): string {
    return this.maybeText(field) ?? '';
  }

  maybeText(field: number): string | undefined {
    if (!this.isAt(field, WITH_LENGTH)) return undefined;
    const length = this.varint();
    const from = this.advance(length);
    const value = this.received.toString('utf8', from, from + length);
    this.next();
    return value;
  }

  /** No more than `most` of them, or it throws. */
  texts(field: number, most = Number.POSITIVE_INFINITY): string[] {
    const values: string[] = [];
    for (;;) {
      const value = this.maybeText(field);
      if (value === undefined) return values;
      if (values.length === most) throw new RangeError(`field ${field} is there more than ${most} times`);
      values.push(value);
    }
  }

  bytes(field: number): Buffer {
    if (!this.isAt(field, WITH_LENGTH)) return NOTHING;
    const length = this.varint();
    const from = this.advance(length);
    const window = this.received.subarray(from, from + length);
    this.next();
    return length * 2 < this.received.length ? Buffer.from(window) : window;
  }

  /** Unsigned numbers, packed; no more than `most` of them, or it throws. */
  numbers(field: number, most = Number.POSITIVE_INFINITY): number[] {
    if (!this.isAt(field, WITH_LENGTH)) return [];
    const length = this.varint();
    const end = this.at + length;
    if (end > this.end) throw new RangeError(`field ${field} is longer than its message`);
    const values: number[] = [];
    while (this.at < end) {
      if (values.length === most) throw new RangeError(`field ${field} has more than ${most} numbers`);
      values.push(this.varint());
    }
    if (this.at > end) throw new RangeError(`field ${field} is cut short`);
    this.next();
    return values;
  }

  /** Finite numbers, packed. */
  reals(field: number): number[] {
    if (!this.isAt(field, WITH_LENGTH)) return [];
    const length = this.varint();
    if (length % REAL_BYTES !== 0) throw new RangeError(`field ${field} is cut short`);
    const from = this.advance(length);
    const values: number[] = [];
    for (let at = from; at < from + length; at += REAL_BYTES) {
      const value = this.received.readDoubleLE(at);
      if (!Number.isFinite(value)) throw new RangeError(`field ${field} is not finite`);
      values.push(value);
    }
    this.next();
    return values;
  }

  message<T>(field: number, form: Reads<T>): T {
    if (!this.isAt(field, WITH_LENGTH)) throw new RangeError(`field ${field} is missing`);
    return this.nested(form);
  }

  maybe<T>(field: number, form: Reads<T>): T | undefined {
    return this.isAt(field, WITH_LENGTH) ? this.nested(form) : undefined;
  }

  messages<T>(field: number, form: Reads<T>): T[] {
    const values: T[] = [];
    while (this.isAt(field, WITH_LENGTH)) values.push(this.nested(form));
    return values;
  }

  /** The number of the next field, 0 if none is left: which member of a oneof it is. */
  nextField(): number {
    return this.tag >>> 3;
  }

  /** Goes past what this version does not know, to the end of this message. */
  finish(): void {
    while (this.tag !== 0) {
      this.skip();
      const before = this.tag >>> 3;
      this.next();
      if (this.tag !== 0 && this.tag >>> 3 < before) throw new RangeError(`a field stands after ${before}`);
    }
  }

  private nested<T>(form: Reads<T>): T {
    const length = this.varint();
    const outerEnd = this.end;
    this.end = this.at + length;
    if (this.end > outerEnd) throw new RangeError('a message is longer than the one around it');
    this.next();
    const value = form.read(this);
    this.finish();
    this.end = outerEnd;
    this.next();
    return value;
  }

  /** Whether the next field is this one; throws if it is one before it, which should have been there earlier. */
  private isAt(field: number, wireType: number): boolean {
    const { tag } = this;
    if (tag === ((field << 3) | wireType)) return true;
    const number = tag >>> 3;
    if (tag !== 0 && number <= field)
      throw new RangeError(`field ${number} is of another type or out of order`);
    return false;
  }

  private next(): void {
    if (this.at === this.end) {
      this.tag = 0;
      return;
    }
    this.tag = this.varint();
    if (this.tag < 8 || this.tag >= 2 ** 32) throw new RangeError(`${this.tag} is the tag of no field`);
  }

  private skip(): void {
    switch (this.tag & 7) {
      case VARINT:
        this.varint();
        break;
      case EIGHT_BYTES:
        this.advance(8);
        break;
      case WITH_LENGTH:
        this.advance(this.varint());
        break;
      case FOUR_BYTES:
        this.advance(4);
        break;
      default:
        throw new RangeError(`wire type ${this.tag & 7} is unknown`);
    }
  }

  /** Goes past so many bytes of this message; answers with where they begin. */
  private advance(length: number): number {
    const from = this.at;
    if (from + length > this.end) throw new RangeError('a field is longer than its message');
    this.at = from + length;
    return from;
  }

  private varint(): number {
    const { received, end } = this;
    let value = 0;
    for (let scale = 1; this.at < end; scale *= 128) {
      const byte = received[this.at++] as number;
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number of 2^53 or more');
      if (byte < 128) return value;
    }
    throw new RangeError('a number is cut short');
  }
}
