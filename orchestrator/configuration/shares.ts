/**
 * What each peer's fair share is.
 *
 * Keeps true: the shares add up to the total, no share exceeds the cap, and a share is proportional to the
 * peer's weight unless the cap cuts it. "Balanced" means that every peer's count lies between the share
 * rounded down and the share rounded up, so nobody is more than 1 away from the ideal.
 * Source: architecture.md ("copies and primaries a peer within 1 of the ideal share (weighted)").
 */

/** The whole numbers next to a share; `low` = `high` where the share is whole. */
export interface ShareBounds {
  readonly low: number;
  readonly high: number;
}

/** Shares are ratios of sums; this much of an error is still "a whole number". */
const ROUNDING = 1e-9;

/**
 * The bounds of each share, in the order of `weights`.
 * @param total what is dealt out, a whole number >= 0
 * @param weights relative sizes, each >= 0; a peer of weight 0 gets nothing
 * @param cap the most that one peer can take (a peer holds at most one copy of a partition)
 */
export function shareBounds(total: number, weights: readonly number[], cap: number): ShareBounds[] {
  return idealShares(total, weights, cap).map((share) => ({
    low: Math.floor(share + ROUNDING),
    high: Math.ceil(share - ROUNDING),
  }));
}

/** The shares themselves: proportional to weight; what the cap cuts off goes to the others. */
export function idealShares(total: number, weights: readonly number[], cap: number): number[] {
  const shares = weights.map(() => 0);
  let open = weights.map((_, index) => index).filter((index) => (weights[index] as number) > 0);
  let left = total;
  while (open.length > 0) {
    const sum = open.reduce((acc, index) => acc + (weights[index] as number), 0);
    const unit = left / sum;
    const capped = open.filter((index) => (weights[index] as number) * unit >= cap);
    if (capped.length === 0) {
      for (const index of open) shares[index] = (weights[index] as number) * unit;
      return shares;
    }
    for (const index of capped) shares[index] = cap;
    left = Math.max(0, left - cap * capped.length);
    open = open.filter((index) => !capped.includes(index));
  }
  return shares;
}
