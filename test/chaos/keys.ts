/**
 * Which keys clients work on: a few hot ones for contention, some warm ones, and many cold ones that are written and looked at
 * again much later.
 *
 * Invariant: a hot or warm key is given up after so many operations and never used again before the end, so that no history
 * grows beyond what the checker decides; at the end all keys are read.
 */
import type { Random } from '../simulator/random.js';

const HOT = 6;
const WARM = 40;
const COLD = 400;
const HOT_OPERATIONS = 400;
const WARM_OPERATIONS = 200;

interface Slot {
  key: string;
  left: number;
}

export class Keys {
  private made = 0;
  private readonly given = new Set<string>();
  private readonly hot: Slot[];
  private readonly warm: Slot[];

  constructor(private readonly random: Random) {
    this.hot = Array.from({ length: HOT }, () => this.fresh('hot', HOT_OPERATIONS));
    this.warm = Array.from({ length: WARM }, () => this.fresh('warm', WARM_OPERATIONS));
  }

  /** The next key to work on. */
  draw(): string {
    const dice = this.random.next();
    if (dice < 0.4) return this.use(this.hot, 'hot', HOT_OPERATIONS);
    if (dice < 0.8) return this.use(this.warm, 'warm', WARM_OPERATIONS);
    const key = `cold-${this.random.integer(1, COLD)}`;
    this.given.add(key);
    return key;
  }

  /** All keys that were ever drawn. */
  used(): string[] {
    return [...this.given];
  }

  private use(slots: Slot[], name: string, operations: number): string {
    const at = this.random.integer(0, slots.length - 1);
    let slot = slots[at] as Slot;
    if (slot.left === 0) {
      slot = this.fresh(name, operations);
      slots[at] = slot;
    }
    slot.left -= 1;
    this.given.add(slot.key);
    return slot.key;
  }

  private fresh(name: string, left: number): Slot {
    this.made += 1;
    return { key: `${name}-${this.made}`, left };
  }
}

/** Whether writes of the key are tried so often that a stall of it tells of the cluster, not of the clients. */
export function isHot(key: string): boolean {
  return key.startsWith('hot-');
}
