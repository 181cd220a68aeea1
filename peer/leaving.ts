/**
 * A clean end: everything this peer holds goes to others before it stops.
 *
 * Invariant: when it returns `handed-over`, no key is lost by this process's end, and the peers that follow the newest view
 * ask nothing of it any more.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../common/log.js';
import type { Node } from './node.js';

/** The hand-over takes at most this long; then the peer stops with what is left. */
const HAND_OVER_MS = 3_000;
/** How long a peer without data still answers, so that those who follow an older view learn that it owns nothing. */
const LINGER_MS = 500;
const LOOK_MS = 20;

export type Leave = 'nothing-held' | 'handed-over' | 'refused' | 'late';

/**
 * Hands everything over.
 * @param ask asks the orchestrator; resolves to null where it agrees, else to its reason
 */
export async function handOver(
  node: Node,
  ask: () => Promise<string | null>,
  monotonicMs: () => number,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<Leave> {
  if (!node.isMember()) return 'nothing-held';
  log.info('hands its partitions over, then stops');
  const deadline = monotonicMs() + HAND_OVER_MS;
  const refusal = await ask();
  if (refusal !== null) {
    log.warn(`stops without handing over: ${refusal}`);
    return 'refused';
  }
  while (!node.isEmpty()) {
    if (monotonicMs() > deadline) {
      log.warn('time is up: stops before all was handed over');
      return 'late';
    }
    await pause(LOOK_MS);
  }
  await pause(LINGER_MS);
  return 'handed-over';
}
