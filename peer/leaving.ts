/**
 * A clean end: what this peer leads, and where others suffice also what it holds, goes to others before it stops.
 *
 * Invariant: it always ends, at the latest when its time is up; what is still here then is safe on the disk, and only its
 * writes wait until the others have noticed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterMap } from '../common/configuration.js';
import { mayStop } from '../common/leaving.js';
import type { Logger } from '../common/log.js';

/** A restart: the data stays on the disk. */
const RESTART_MS = 5_000;
/** The data goes with the process, so it must go to others first. */
const FOR_GOOD_MS = 60_000;
/** It is asked again this often. */
const ASK_MS = 250;
const LOOK_MS = 20;
/** How long a peer without data still answers, so that those who follow an older map learn that it owns nothing. */
const LINGER_MS = 300;
/** Without a word of the orchestrator for this long there is nobody to hand over to. */
const SILENT_MS = 2_000;

export interface LeavingParts {
  readonly id: string;
  map(): ClusterMap;
  /** Asks the orchestrators once. */
  leave(only: 'duties' | undefined): void;
  /** Milliseconds since the orchestrator last spoke. */
  orchestratorSilentMs(): number;
  monotonicMs(): number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** What is left here of the share: the partitions led, and held. */
interface Left {
  readonly led: number;
  readonly held: number;
}

/** Hands over before a stop. `forGood`: the data goes with the process. */
export async function handOver(parts: LeavingParts, forGood: boolean): Promise<void> {
  const { monotonicMs, log } = parts;
  let left = leftHere(parts);
  if (left.held === 0 || parts.orchestratorSilentMs() > SILENT_MS) return;
  log.info(left, forGood ? 'hands everything over, then stops' : 'hands over what it leads, then stops');
  const startedMs = monotonicMs();
  let askedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    // What nobody can take is left behind as for a restart.
    const wholly = forGood && hasTaker(parts);
    const verdict = wholly ? 'wait' : mayStop(parts.map(), parts.id);
    if (verdict === 'free') break;
    const nowMs = monotonicMs();
    const isLate = nowMs - startedMs > (wholly ? FOR_GOOD_MS : RESTART_MS);
    if (verdict === 'alone' || isLate || parts.orchestratorSilentMs() > SILENT_MS) {
      log.warn(left, 'stops before all was handed over');
      return;
    }
    if (nowMs - askedMs >= ASK_MS) {
      askedMs = nowMs;
      parts.leave(wholly ? undefined : 'duties');
    }
    await pause(LOOK_MS);
    left = leftHere(parts);
  }
  log.info({ ms: Math.round(monotonicMs() - startedMs) }, 'handed over');
  await pause(LINGER_MS);
}

/** Whether some copy that is here can be made on another peer, which has none of it and stays. */
function hasTaker({ id, map }: LeavingParts): boolean {
  const { parts, peers } = map();
  const takers = [...peers].filter(
    ([peer, { weight = 1, drain }]) => peer !== id && weight > 0 && drain === undefined,
  );
  return parts.some((part) => part?.members.has(id) && takers.some(([peer]) => !part.members.has(peer)));
}

function leftHere({ id, map }: LeavingParts): Left {
  const { parts } = map();
  const led = parts.filter((part) => part?.primary === id).length;
  const held = parts.filter((part) => part?.members.has(id) || part?.learners.includes(id)).length;
  return { led, held };
}
