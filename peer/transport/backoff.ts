/** How long to wait before the next attempt to connect: longer each time, and never in step with other peers. */

const FIRST_MS = 50;
const MAX_MS = 500;

/**
 * Milliseconds, 25 to 500, before the next attempt.
 * @param failures attempts that failed in a row, 1 or more
 * @param random a fraction, 0 inclusive to 1 exclusive
 */
export function backoffMs(failures: number, random: number): number {
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** (failures - 1));
  return ceiling / 2 + (ceiling / 2) * random;
}
