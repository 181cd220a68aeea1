/**
 * Shares items out to bins at the least cost: each item takes `need` different bins, and each bin has a number of
 * items it should reach and one it should not pass.
 *
 * It is a minimum-cost flow, found by successive cheapest paths: every unit that is handed out takes the cheapest
 * way there is, which may push items that already have a bin on to another. Source: Ahuja, Magnanti, Orlin, "Network
 * Flows", chapter 9.7.
 *
 * Invariants: the result depends on the arguments alone; bins are filled evenly first (nobody above `upper` while it
 * can be helped, then nobody below `lower`), and only among equals does `cost` decide.
 */

/** How many items a bin should take. */
export interface Bin {
  readonly lower: number;
  readonly upper: number;
}

export interface Task {
  readonly items: number;
  /** Different bins that each item takes; at most the bins that are open to it. */
  readonly need: number;
  readonly bins: readonly Bin[];
  /** What it costs to put the item there, not negative; Infinity closes the bin to the item. */
  cost(item: number, bin: number): number;
  /** Which bin to try first where several are as good. */
  first(item: number): number;
}

/** The bins of each item, in ascending order. */
export function assign(task: Task): number[][] {
  const sharing = new Sharing(task);
  for (let item = 0; item < task.items; item++) sharing.takeWhatIsFree(item);
  for (let item = 0; item < task.items; item++) {
    while (sharing.missing(item) > 0) sharing.takeCheapest(item);
  }
  return Array.from({ length: task.items }, (_, item) => sharing.binsOf(item));
}

class Sharing {
  readonly #task: Task;
  readonly #width: number;
  readonly #costs: Float64Array;
  readonly #held: Uint8Array;
  /** The items in each bin. */
  readonly #holders: Set<number>[];
  readonly #taken: Int32Array;
  /** The price of a place above a bin's lower mark, and above its upper mark: more than all costs together. */
  readonly #crowded: number;
  readonly #overfull: number;

  constructor(task: Task) {
    this.#task = task;
    this.#width = task.bins.length;
    this.#costs = new Float64Array(task.items * this.#width);
    let highest = 0;
    for (let place = 0; place < this.#costs.length; place++) {
      const cost = task.cost(Math.floor(place / this.#width), place % this.#width);
      this.#costs[place] = cost;
      if (cost !== Infinity) highest = Math.max(highest, cost);
    }
    const units = task.items * task.need;
    this.#crowded = 1 + units * highest;
    this.#overfull = (1 + units) * this.#crowded;
    this.#held = new Uint8Array(this.#costs.length);
    this.#holders = task.bins.map(() => new Set());
    this.#taken = new Int32Array(task.items);
  }

  missing(item: number): number {
    return this.#task.need - (this.#taken[item] as number);
  }

  binsOf(item: number): number[] {
    return this.#task.bins.map((_, bin) => bin).filter((bin) => this.#held[item * this.#width + bin] === 1);
  }

  /** The bins that cost nothing and have room: no search can find better. Most items stay where they were. */
  takeWhatIsFree(item: number): void {
    for (let bin = 0; bin < this.#width && this.missing(item) > 0; bin++) {
      if (this.#cost(item, bin) === 0 && this.#placePrice(bin) === 0) this.#put(item, bin);
    }
  }

  /** Gives the item one more bin, by the cheapest chain of pushes. */
  takeCheapest(item: number): void {
    const { price, pushed, from } = this.#search(item);
    let end = -1;
    let best = Infinity;
    const start = this.#task.first(item) + (this.#taken[item] as number);
    for (let step = 0; step < this.#width; step++) {
      const bin = (start + step) % this.#width;
      const total = (price[bin] as number) + this.#placePrice(bin);
      if (total < best) {
        best = total;
        end = bin;
      }
    }
    if (end < 0) throw new Error('assignment: an item needs more bins than are open to it');
    for (let bin = end; ; ) {
      const mover = pushed[bin] as number;
      this.#put(mover, bin);
      const left = from[bin] as number;
      if (left < 0) return;
      this.#remove(mover, left);
      bin = left;
    }
  }

  /**
   * The cheapest way for one more unit of the item to reach each bin (Bellman-Ford with a queue: pushing an item out
   * of a bin gives its cost back, so steps may have a negative price, but no circle does).
   */
  #search(item: number): { price: Float64Array; pushed: Int32Array; from: Int32Array } {
    const price = new Float64Array(this.#width).fill(Infinity);
    const pushed = new Int32Array(this.#width).fill(-1);
    const from = new Int32Array(this.#width).fill(-1);
    const queue: number[] = [];
    const queued = new Uint8Array(this.#width);
    const reach = (mover: number, left: number, paid: number): void => {
      const base = mover * this.#width;
      for (let bin = 0; bin < this.#width; bin++) {
        const total = paid + (this.#costs[base + bin] as number);
        if (this.#held[base + bin] === 1 || total >= (price[bin] as number)) continue;
        price[bin] = total;
        pushed[bin] = mover;
        from[bin] = left;
        if (queued[bin] === 1) continue;
        queued[bin] = 1;
        queue.push(bin);
      }
    };
    reach(item, -1, 0);
    for (let head = 0; head < queue.length; head++) {
      const bin = queue[head] as number;
      queued[bin] = 0;
      for (const holder of this.#holders[bin] as Set<number>) {
        if (holder !== item) reach(holder, bin, (price[bin] as number) - this.#cost(holder, bin));
      }
    }
    return { price, pushed, from };
  }

  /** What the next place in the bin costs. */
  #placePrice(bin: number): number {
    const { lower, upper } = this.#task.bins[bin] as Bin;
    const held = (this.#holders[bin] as Set<number>).size;
    if (held < lower) return 0;
    return held < upper ? this.#crowded : this.#overfull;
  }

  #cost(item: number, bin: number): number {
    return this.#costs[item * this.#width + bin] as number;
  }

  #put(item: number, bin: number): void {
    this.#held[item * this.#width + bin] = 1;
    (this.#holders[bin] as Set<number>).add(item);
    this.#taken[item] = (this.#taken[item] as number) + 1;
  }

  #remove(item: number, bin: number): void {
    this.#held[item * this.#width + bin] = 0;
    (this.#holders[bin] as Set<number>).delete(item);
    this.#taken[item] = (this.#taken[item] as number) - 1;
  }
}
