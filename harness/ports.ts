/**
 * Ports for processes that are started later, and perhaps more than once.
 *
 * Invariants: they lie below those that a system gives to connections that go out (from 32,768 on Linux, from 49,152
 * elsewhere), so that none of these takes one before its process listens, or while that is restarted; and away from the
 * demo's. A process gives out each of them once, until it has given out all.
 */
import { systemClock } from '../common/clock.js';
import { isFree } from '../common/free-port.js';

const FIRST = 23_000;
const COUNT = 7_000;

/** Somewhere, so that test runs side by side seldom meet. */
let next = Math.floor(systemClock.random() * COUNT);

/** Ports of 127.0.0.1 that nobody listens on, all different. @throws where there are not so many */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries === COUNT)
      throw new Error(`of the ports from ${FIRST} to ${FIRST + COUNT - 1}, not ${count} are free`);
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}
