/**
 * The sums of INCRBYFLOAT, which Redis makes in x87 extended precision: 64 bits of mantissa, rounded to the nearest, even
 * in the middle. Doubles would give other digits: 0.1 + 0.2 is 0.3 here, not 0.30000000000000004.
 *
 * Invariant: a number is mantissa × 2^exponent, exactly, and its mantissa has at most 64 bits.
 */

const MANTISSA_BITS = 64;
/** The exponent of the highest bit of the largest number, and of the lowest bit of the smallest. */
const MAX_EXPONENT = 16_383;
const MIN_EXPONENT = -16_445;
/** Digits behind the point that are told. */
const FRACTION_DIGITS = 17n;
/** As long as Redis reads a number. */
const MAX_CHARS = 5 * 1024 - 1;
/** Decimal exponents beyond it are no number, whatever stands before them. */
const MAX_DECIMAL_EXPONENT = 10_000;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/;
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]{1,64})$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

export class LongDouble {
  static readonly ZERO = new LongDouble(0n, 0, true);

  private constructor(
    private readonly mantissa: bigint,
    private readonly exponent: number,
    private readonly finite: boolean,
  ) {}

  /** The number that the text spells; undefined if it is none, or too large. */
  static parse(bytes: Uint8Array): LongDouble | undefined {
    if (bytes.length === 0 || bytes.length > MAX_CHARS) return undefined;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    if (INFINITE.test(text)) return new LongDouble(0n, 0, false);
    const hexadecimal = HEXADECIMAL.exec(text);
    if (hexadecimal !== null) {
      const [, sign, digits] = hexadecimal;
      return rational(sign, BigInt(`0x${digits}`), 1n);
    }
    const decimal = DECIMAL.exec(text);
    const [, sign, whole = '', fraction = '', power = '0'] = decimal ?? [];
    const exponent = Number(power) - fraction.length;
    const digits = whole + fraction;
    if (decimal === null || digits === '') return undefined;
    const number = BigInt(digits);
    if (number === 0n) return LongDouble.ZERO;
    if (Math.abs(exponent) > MAX_DECIMAL_EXPONENT) return undefined;
    const scale = 10n ** BigInt(Math.abs(exponent));
    return exponent >= 0 ? rational(sign, number * scale, 1n) : rational(sign, number, scale);
  }

  /** numerator / denominator, rounded; undefined if it is too large or too small. */
  static of(numerator: bigint, denominator: bigint): LongDouble | undefined {
    if (numerator === 0n) return LongDouble.ZERO;
    const size = numerator < 0n ? -numerator : numerator;
    // Two bits more than are kept, and whether anything was left: enough to round.
    const guess = bitsOf(size) - bitsOf(denominator) - MANTISSA_BITS - 2;
    const up = guess < 0 ? size << BigInt(-guess) : size;
    const down = guess > 0 ? denominator << BigInt(guess) : denominator;
    const quotient = ((up / down) << 1n) | (up % down === 0n ? 0n : 1n);
    const { mantissa, exponent } = rounded(quotient, guess - 1);
    if (exponent + bitsOf(mantissa) - 1 > MAX_EXPONENT || exponent < MIN_EXPONENT) return undefined;
    return new LongDouble(numerator < 0n ? -mantissa : mantissa, exponent, true);
  }

  /** The sum, rounded; undefined if it is no finite number. */
  plus(other: LongDouble): LongDouble | undefined {
    if (!this.finite || !other.finite) return undefined;
    const exponent = Math.min(this.exponent, other.exponent);
    const sum =
      (this.mantissa << BigInt(this.exponent - exponent)) +
      (other.mantissa << BigInt(other.exponent - exponent));
    return exponent >= 0
      ? LongDouble.of(sum << BigInt(exponent), 1n)
      : LongDouble.of(sum, 1n << BigInt(-exponent));
  }

  /** In decimal digits, 17 of them behind the point, without zeros at the end. */
  toString(): string {
    const scaled = (this.mantissa < 0n ? -this.mantissa : this.mantissa) * 10n ** FRACTION_DIGITS;
    const units = this.exponent >= 0 ? scaled << BigInt(this.exponent) : halfEven(scaled, -this.exponent);
    const digits = units.toString().padStart(Number(FRACTION_DIGITS) + 1, '0');
    const point = digits.length - Number(FRACTION_DIGITS);
    const fraction = digits.slice(point).replace(/0+$/, '');
    const text = fraction === '' ? digits.slice(0, point) : `${digits.slice(0, point)}.${fraction}`;
    return this.mantissa < 0n && text !== '0' ? `-${text}` : text;
  }
}

function rational(sign: string | undefined, numerator: bigint, denominator: bigint): LongDouble | undefined {
  return LongDouble.of(sign === '-' ? -numerator : numerator, denominator);
}

/** Cut to 64 bits. */
function rounded(value: bigint, exponent: number): { readonly mantissa: bigint; readonly exponent: number } {
  const surplus = bitsOf(value) - MANTISSA_BITS;
  if (surplus <= 0) return { mantissa: value, exponent };
  return { mantissa: halfEven(value, surplus), exponent: exponent + surplus };
}

/** value / 2^bits, to the nearest, even in the middle. */
function halfEven(value: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  const floor = value >> shift;
  const rest = value - (floor << shift);
  const half = 1n << (shift - 1n);
  return rest > half || (rest === half && (floor & 1n) === 1n) ? floor + 1n : floor;
}

function bitsOf(value: bigint): number {
  return (
    value.toString(16).length * 4 - Math.clz32(Number.parseInt(value.toString(16)[0] as string, 16)) + 28
  );
}
