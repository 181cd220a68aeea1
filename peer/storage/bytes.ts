/**
 * Writing and reading records byte by byte: numbers as short as they can be, texts in UTF-8.
 *
 * Kept true: what was written reads back equal, whatever number it was. A reader never goes beyond its record; a
 * record that ends too early throws RangeError, which the caller takes for damage.
 */

const INITIAL_BYTES = 1_024;

/** Beyond this the shared space is given back after use. */
const KEPT_BYTES = 1_048_576;

export class ByteWriter {
  private space = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private end = 0;

  /** One byte, 0 to 255. */
  byte(value: number): void {
    this.reserve(1);
    this.space[this.end++] = value;
  }

  /** Unsigned 32 bits. */
  word(value: number): void {
    this.reserve(4);
    this.end = this.space.writeUInt32BE(value, this.end);
  }

  /** Any number: whole ones from 0 to 2^53-2 take 1 to 8 bytes, all others 9. */
  number(value: number): void {
    if (Number.isSafeInteger(value + 1) && value >= 0 && !Object.is(value, -0)) {
      this.varint(value + 1);
      return;
    }
    this.byte(0);
    this.reserve(8);
    this.end = this.space.writeDoubleBE(value, this.end);
  }

  /** A text with its length before it. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.reserve(length);
    this.end += this.space.write(value, this.end, length, 'utf8');
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.rest(value);
  }

  /** Bytes as they are, to the end of the record. */
  rest(value: Uint8Array): void {
    this.reserve(value.length);
    this.space.set(value, this.end);
    this.end += value.length;
  }

  /** A copy of what was written since the last call, after `room` unused bytes. */
  take(room = 0): Buffer {
    const taken = Buffer.allocUnsafe(room + this.end);
    this.space.copy(taken, room, 0, this.end);
    this.clear();
    return taken;
  }

  /** How many bytes were written since the last call: the first ones of `bytesWritten`, valid until the next write. */
  finish(): number {
    const { end } = this;
    this.end = 0;
    return end;
  }

  /** Where `finish` leaves what was written. */
  get bytesWritten(): Uint8Array {
    return this.space;
  }

  private clear(): void {
    this.end = 0;
    if (this.space.length > KEPT_BYTES) this.space = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  private varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.space[this.end++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.space[this.end++] = rest;
  }

  private reserve(bytes: number): void {
    const needed = this.end + bytes;
    if (needed <= this.space.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.space.length * 2));
    this.space.copy(grown, 0, 0, this.end);
    this.space = grown;
  }
}

export class ByteReader {
  private at: number;

  /** Reads `record` from byte `from` on; where it ends before the buffer does, `to` tells `rest`. */
  constructor(
    private readonly record: Buffer,
    from: number,
    private readonly to = record.length,
  ) {
    this.at = from;
  }

  byte(): number {
    const value = this.record[this.at++];
    if (value === undefined) throw new RangeError('the record ends too early');
    return value;
  }

  word(): number {
    const value = this.record.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  number(): number {
    const value = this.varint();
    if (value > 0) return value - 1;
    const other = this.record.readDoubleBE(this.at);
    this.at += 8;
    return other;
  }

  text(): string {
    const length = this.varint();
    if (length === 0) return '';
    const end = this.at + length;
    if (end > this.record.length) throw new RangeError('the record ends too early');
    const value = this.record.toString('utf8', this.at, end);
    this.at = end;
    return value;
  }

  /** Bytes that have their length before them; a view of the record. */
  bytes(): Buffer {
    const length = this.varint();
    const from = this.at;
    this.at += length;
    if (this.at > this.record.length) throw new RangeError('the record ends too early');
    return this.record.subarray(from, this.at);
  }

  /** What is left; a view of the record. */
  rest(): Buffer {
    return this.record.subarray(this.at, this.to);
  }

  /** A copy of what is left. */
  copyOfRest(): Buffer {
    const copy = Buffer.allocUnsafe(this.to - this.at);
    this.record.copy(copy, 0, this.at, this.to);
    return copy;
  }

  private varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
}
