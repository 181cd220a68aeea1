/**
 * Which shifts bring a distribution one step nearer to balance.
 *
 * Keeps true: a chain of shifts starts at somebody above its bounds or ends at somebody below them, and leaves
 * those in between as they were; so every chain that is carried out whole lowers the imbalance, and they never go
 * round in a circle. None is returned where all are within bounds: a balanced cluster stays still.
 * Used for copies (H: data moves) and for primaries (H: hand-overs) alike. Chains matter: with weights, or when
 * all partitions of the overloaded peer are on the underloaded one already, no single shift helps.
 * The shifts of a shortest chain concern different partitions: if two of them concerned the same one, its first
 * holder could give it to its last taker directly, and the chain would be shorter.
 */
import type { ShareBounds } from './shares.js';

/** One thing (a copy or a primary of a partition) to be moved between two holders. */
export interface Shift {
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

/** A distribution: who holds how many, what would be fair, and what may be moved. */
export interface Distribution {
  /** How many each holder has; every holder that may give or take is listed. */
  readonly counts: ReadonlyMap<string, number>;
  readonly bounds: ReadonlyMap<string, ShareBounds>;
  /** For each giver, the takers that it could give something to, and which partition. */
  readonly edges: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The next shifts, to be made together, or none where nothing can or need be improved. */
export function nextShifts(distribution: Distribution): readonly Shift[] {
  return fromOverloaded(distribution) ?? toUnderloaded(distribution) ?? [];
}

function fromOverloaded({ counts, bounds, edges }: Distribution): Shift[] | undefined {
  const surplus = (id: string) => countOf(counts, id) - boundsOf(bounds, id).high;
  for (const giver of sortedBy(counts, (id) => -surplus(id))) {
    if (surplus(giver) <= 0) return undefined;
    const found = shortestChain(giver, edges, (id) => surplus(id) < 0);
    if (found) return found;
  }
  return undefined;
}

function toUnderloaded({ counts, bounds, edges }: Distribution): Shift[] | undefined {
  const above = (id: string) => countOf(counts, id) - boundsOf(bounds, id).low;
  if (![...counts.keys()].some((id) => above(id) < 0)) return undefined;
  for (const giver of sortedBy(counts, (id) => -above(id))) {
    if (above(giver) <= 0) return undefined;
    const found = shortestChain(giver, edges, (id) => above(id) < 0);
    if (found) return found;
  }
  return undefined;
}

/** Breadth first from the giver to the nearest taker. */
function shortestChain(
  giver: string,
  edges: Distribution['edges'],
  takes: (id: string) => boolean,
): Shift[] | undefined {
  const cameBy = new Map<string, Shift>();
  const queue = [giver];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const [to, partition] of edges.get(at) ?? []) {
      if (to === giver || cameBy.has(to)) continue;
      cameBy.set(to, { partition, from: at, to });
      if (takes(to)) return chainTo(to, giver, cameBy);
      queue.push(to);
    }
  }
  return undefined;
}

function chainTo(end: string, start: string, cameBy: ReadonlyMap<string, Shift>): Shift[] {
  const chain: Shift[] = [];
  for (let at = end; at !== start; ) {
    const shift = cameBy.get(at) as Shift;
    chain.unshift(shift);
    at = shift.from;
  }
  return chain;
}

function sortedBy(counts: ReadonlyMap<string, number>, rank: (id: string) => number): string[] {
  return [...counts.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function countOf(counts: ReadonlyMap<string, number>, id: string): number {
  return counts.get(id) ?? 0;
}

const NOTHING: ShareBounds = { low: 0, high: 0 };

function boundsOf(bounds: ReadonlyMap<string, ShareBounds>, id: string): ShareBounds {
  return bounds.get(id) ?? NOTHING;
}
