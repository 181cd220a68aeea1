/** Which key a request is about: numbers from 0 to below `count`, uniform or zipfian. */
import type { Random } from './random.js';

export type Distribution = 'uniform' | 'zipfian';

/** How skewed YCSB's zipfian choice is, unless told otherwise. */
export const YCSB_THETA = 0.99;

/** Draws from the distribution. */
export function chooser(distribution: Distribution, count: number, random: Random): () => number {
  return distribution === 'uniform' ? () => Math.floor(random() * count) : zipfian(count, YCSB_THETA, random);
}

/**
 * Zipfian numbers, 0 the most popular: number i comes with a probability that is proportional to 1 / (i + 1)^theta. The
 * algorithm of Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly generating billion-record synthetic databases"
 * (SIGMOD 1994), section 3.2, which YCSB uses (Cooper et al., SoCC 2010). The first two are exact, the rest follow a curve.
 */
export function zipfian(count: number, theta: number, random: Random): () => number {
  const zetaN = zeta(count, theta);
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - zeta(2, theta) / zetaN);
  return () => {
    const u = random();
    const uz = u * zetaN;
    if (uz < 1) return 0;
    if (uz < 1 + 0.5 ** theta) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha));
  };
}

/** The sum of 1 / i^theta for i from 1 to n. */
export function zeta(n: number, theta: number): number {
  let sum = 0;
  for (let i = 1; i <= n; i += 1) sum += 1 / i ** theta;
  return sum;
}
