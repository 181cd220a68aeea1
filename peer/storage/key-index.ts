/**
 * Finds the record of a key: a hash table of numbers, as a Map of strings costs each key some 80 bytes.
 *
 * Kept true: open addressing with linear probing, never more than three quarters full; a slot is a record's handle plus 1
 * (0: empty) and the key's hash. Removal closes the gap, so that no slot is lost. Slots move with every insertion and removal.
 * Source: Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithms L and R.
 */

/** Where the keys stand. */
export interface KeyHolder {
  /** Whether the record is of the key of these bytes. */
  holds(handle: number, key: Uint8Array, length: number): boolean;
}

const FEWEST_SLOTS = 16;
/** Two numbers a slot. */
const WIDTH = 2;

export class KeyIndex {
  private slots = new Uint32Array(FEWEST_SLOTS * WIDTH);
  private mask = FEWEST_SLOTS - 1;
  private count = 0;

  constructor(private readonly holder: KeyHolder) {}

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.slots.byteLength;
  }

  /** The slot of a key, -1 where there is none. */
  find(hash: number, key: Uint8Array, length: number): number {
    const { slots, mask } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const filled = slots[slot * WIDTH] as number;
      if (filled === 0) return -1;
      if (slots[slot * WIDTH + 1] === hash && this.holder.holds(filled - 1, key, length)) return slot;
    }
  }

  /** The slot of a record, -1 where the index does not name it. */
  slotOf(hash: number, handle: number): number {
    const { slots, mask } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const filled = slots[slot * WIDTH] as number;
      if (filled === 0) return -1;
      if (filled - 1 === handle) return slot;
    }
  }

  /** The record of a slot. */
  handleAt(slot: number): number {
    return (this.slots[slot * WIDTH] as number) - 1;
  }

  /** The key's record is another one from now on. */
  setHandle(slot: number, handle: number): void {
    this.slots[slot * WIDTH] = handle + 1;
  }

  /** Adds the record of a key that is not here. */
  add(hash: number, handle: number): void {
    this.count++;
    if (this.count * 4 > (this.mask + 1) * 3) this.resize((this.mask + 1) * 2);
    this.place(hash, handle + 1);
  }

  removeAt(slot: number): void {
    const { slots, mask } = this;
    let gap = slot;
    for (let next = (gap + 1) & mask; slots[next * WIDTH] !== 0; next = (next + 1) & mask) {
      const home = (slots[next * WIDTH + 1] as number) & mask;
      // Whoever would be found before the gap stays where it is.
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[gap * WIDTH] = slots[next * WIDTH] as number;
      slots[gap * WIDTH + 1] = slots[next * WIDTH + 1] as number;
      gap = next;
    }
    slots[gap * WIDTH] = 0;
    this.count--;
    if (mask >= FEWEST_SLOTS && this.count * 8 < mask) this.resize((mask + 1) / 2);
  }

  /** All records, in no order. Nothing may be added or removed meanwhile. */
  *handles(): Iterable<number> {
    for (let at = 0; at < this.slots.length; at += WIDTH) {
      const filled = this.slots[at] as number;
      if (filled !== 0) yield filled - 1;
    }
  }

  private resize(count: number): void {
    const old = this.slots;
    this.slots = new Uint32Array(count * WIDTH);
    this.mask = count - 1;
    for (let at = 0; at < old.length; at += WIDTH) {
      const filled = old[at] as number;
      if (filled !== 0) this.place(old[at + 1] as number, filled);
    }
  }

  private place(hash: number, filled: number): void {
    const { slots, mask } = this;
    let slot = hash & mask;
    while (slots[slot * WIDTH] !== 0) slot = (slot + 1) & mask;
    slots[slot * WIDTH] = filled;
    slots[slot * WIDTH + 1] = hash;
  }
}
