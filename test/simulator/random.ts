/** All chance in a simulation comes from here: a seeded generator (sfc32), the same on every machine. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.a = Math.imul(seed, 0x9e37_79b1) | 0;
    this.b = Math.imul(seed ^ 0x5bd1_e995, 0x85eb_ca6b) | 0;
    this.c = Math.floor(seed / 2 ** 32) ^ 0x27d4_eb2f;
    for (let i = 0; i < 12; i += 1) this.bits();
  }

  private bits(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** True with probability `p`; takes a number from the stream only if that matters. */
  chance(p: number): boolean {
    return p > 0 && this.next() < p;
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T;
  }

  /** One of them, or undefined if there is none. */
  pickMaybe<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : this.pick(from);
  }
}
