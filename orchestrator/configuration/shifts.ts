/**
 * Which single shift brings a distribution nearer to balance.
 *
 * Keeps true: a shift starts at somebody above its bounds or ends (directly or over others) at somebody below
 * them; it is the first edge of a shortest chain, so that shifts made one after another never go round in a
 * circle; none is returned where all are within bounds, so a balanced cluster stays still.
 * Used for copies (H: data moves) and for primaries (H: hand-overs) alike. Chains matter: with weights, or when
 * all partitions of the overloaded peer are on the underloaded one already, no direct shift exists.
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

/** The next shift, or undefined where nothing can or need be improved. */
export function nextShift(distribution: Distribution): Shift | undefined {
  return shiftFromOverloaded(distribution) ?? shiftToUnderloaded(distribution);
}

function shiftFromOverloaded({ counts, bounds, edges }: Distribution): Shift | undefined {
  const surplus = (id: string) => countOf(counts, id) - boundsOf(bounds, id).high;
  for (const giver of sortedBy(counts, (id) => -surplus(id))) {
    if (surplus(giver) <= 0) return undefined;
    const found = firstOfChain(giver, edges, (id) => surplus(id) < 0);
    if (found) return found;
  }
  return undefined;
}

function shiftToUnderloaded({ counts, bounds, edges }: Distribution): Shift | undefined {
  const above = (id: string) => countOf(counts, id) - boundsOf(bounds, id).low;
  if (![...counts.keys()].some((id) => above(id) < 0)) return undefined;
  for (const giver of sortedBy(counts, (id) => -above(id))) {
    if (above(giver) <= 0) return undefined;
    const found = firstOfChain(giver, edges, (id) => above(id) < 0);
    if (found) return found;
  }
  return undefined;
}

/** Breadth first from the giver to the nearest taker; answers the first edge of that way. */
function firstOfChain(
  giver: string,
  edges: Distribution['edges'],
  takes: (id: string) => boolean,
): Shift | undefined {
  const seen = new Set([giver]);
  let level: { at: string; first: Shift | undefined }[] = [{ at: giver, first: undefined }];
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { at, first } of level) {
      for (const [to, partition] of edges.get(at) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        const start = first ?? { partition, from: at, to };
        if (takes(to)) return start;
        next.push({ at: to, first: start });
      }
    }
    level = next;
  }
  return undefined;
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
