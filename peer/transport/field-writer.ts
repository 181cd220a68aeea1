/**
 * Writes protobuf messages field by field.
 *
 * Invariants: fields are given in the order of their numbers, which is how `field-reader.ts` expects them. What has
 * its default is left out (0, '', false, no bytes), but for what is `maybe` there: that is left out only if undefined.
 * A number that would not come back as it is throws, and nothing of it is sent.
 */
import protobuf from 'protobufjs';

/** How a message is written. */
export interface Writes<T> {
  write(w: FieldWriter, value: T): void;
}

const VARINT = 0;
const EIGHT_BYTES = 1;
const WITH_LENGTH = 2;
const FOUR_BYTES = 5;

const REAL_BYTES = 8;

const TWO_POW_32 = 2 ** 32;

export class FieldWriter {
  private readonly writer = protobuf.Writer.create();

  /** Bytes so far. */
  get length(): number {
    return this.writer.len;
  }

  /** The bytes of everything that was written. */
  finish(): Buffer {
    return this.writer.finish() as Buffer;
  }

  /** A whole number from 0 to 2^53 - 1. */
  whole(field: number, value: number): void {
    if (value !== 0) this.maybeWhole(field, value);
  }

  maybeWhole(field: number, value: number | undefined): void {
    if (value === undefined) return;
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not from 0 to 2^53 - 1`);
    this.tag(field, VARINT);
    // The same bytes, but the larger ones take a detour through two halves.
    if (value < TWO_POW_32) this.writer.uint32(value);
    else this.writer.uint64(value);
  }

  /** An unsigned number of 32 bits that is rarely small: a checksum. */
  word(field: number, value: number): void {
    if (value === 0) return;
    if (value >>> 0 !== value) throw new RangeError(`${value} is not an unsigned number of 32 bits`);
    this.tag(field, FOUR_BYTES);
    this.writer.fixed32(value);
  }

  /** Any finite number. */
  real(field: number, value: number): void {
    if (!Object.is(value, 0)) this.maybeReal(field, value);
  }

  maybeReal(field: number, value: number | undefined): void {
    if (value === undefined) return;
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
    this.tag(field, EIGHT_BYTES);
    this.writer.double(value);
  }

  flag(field: number, value: boolean): void {
    if (!value) return;
    this.tag(field, VARINT);
    this.writer.bool(true);
  }

  text(field: number, value: string): void {
    if (value !== '') this.maybeText(field, value);
  }

  maybeText(field: number, value: string | undefined): void {
    if (value === undefined) return;
    this.tag(field, WITH_LENGTH);
    this.writer.string(value);
  }

  texts(field: number, values: readonly string[]): void {
    for (const value of values) this.maybeText(field, value);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.tag(field, WITH_LENGTH);
    this.writer.bytes(value);
  }

  /** Unsigned numbers of 32 bits, packed. */
  numbers(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.tag(field, WITH_LENGTH);
    this.writer.fork();
    for (const value of values) {
      if (value >>> 0 !== value) throw new RangeError(`${value} is not an unsigned number of 32 bits`);
      this.writer.uint32(value);
    }
    this.writer.ldelim();
  }

  /** Finite numbers, packed. */
  reals(field: number, values: readonly number[]): void {
    const bytes = Buffer.allocUnsafe(REAL_BYTES * values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
      bytes.writeDoubleLE(value, REAL_BYTES * i);
    }
    this.bytes(field, bytes);
  }

  /** A message; one without any field is written too. */
  message<T>(field: number, form: Writes<T>, value: T): void {
    this.tag(field, WITH_LENGTH);
    this.writer.fork();
    form.write(this, value);
    this.writer.ldelim();
  }

  maybe<T>(field: number, form: Writes<T>, value: T | undefined): void {
    if (value !== undefined) this.message(field, form, value);
  }

  messages<T>(field: number, form: Writes<T>, values: Iterable<T>): void {
    for (const value of values) this.message(field, form, value);
  }

  private tag(field: number, wireType: number): void {
    this.writer.uint32((field << 3) | wireType);
  }
}
