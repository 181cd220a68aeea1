/**
 * The only place that reads time and randomness. Logic takes a Clock or a plain number, so that a test, or the
 * simulator, can hand in its own.
 */
import { randomBytes } from 'node:crypto';

export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** A fraction, 0 inclusive to 1 exclusive, for jitter. Not for secrets. */
  random(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
};

/** 128 random bits as hexadecimal digits, fit for a secret. */
export function randomToken(): string {
  return randomBytes(16).toString('hex');
}
