/**
 * The copies that are on their way, seen from outside: since when, how many came to an end, and what a log says.
 *
 * Invariants: a move is told once when it begins and once when it ends (at level debug, one by one); people are told
 * of a whole run of moves: its begin, how far it is every few seconds, its end.
 */
import type { Imbalance, ManagerStatus, Move } from './configuration/machine.js';

/** How often a run that goes on is told of. */
const TELL_EVERY_MS = 5_000;

/** A copy on its way, with its age. */
export interface WatchedMove extends Move {
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** A run of moves: from the first one until nothing is left to do. */
interface Run {
  readonly startedMs: number;
  toldMs: number;
  done: number;
}

export interface MoveLine {
  readonly level: 'debug' | 'info';
  readonly text: string;
}

export class MoveWatch {
  readonly #moves = new Map<string, WatchedMove>();
  #run: Run | undefined;

  get moves(): readonly WatchedMove[] {
    return [...this.#moves.values()];
  }

  /** How many copies have arrived in the run that is under way. */
  get done(): number {
    return this.#run?.done ?? 0;
  }

  /** Looks at what moves now; answers what is to be said. `left` is asked only where it is needed. */
  look(
    { moving, map }: Pick<ManagerStatus, 'moving' | 'map'>,
    nowMs: number,
    wallMs: number,
    left: () => Imbalance,
  ): MoveLine[] {
    const lines: MoveLine[] = [];
    const now = new Map(moving.map((move) => [keyOf(move), move]));
    for (const [key, move] of this.#moves) {
      if (now.has(key)) continue;
      this.#moves.delete(key);
      // Dropping the copy that is too many is the last step of the same move.
      if (move.to === undefined) continue;
      const arrived = map.parts[move.partition]?.members.has(move.to) === true;
      if (this.#run && arrived) this.#run.done++;
      const end = arrived ? 'has its copy' : 'gets no copy after all';
      lines.push({ level: 'debug', text: `partition ${move.partition}: ${move.to} ${end}` });
    }
    for (const [key, move] of now) {
      if (this.#moves.has(key)) continue;
      this.#moves.set(key, { ...move, sinceMs: Math.round(wallMs) });
      if (move.to !== undefined) lines.push({ level: 'debug', text: begun(move) });
    }
    return [...lines, ...this.#follow(nowMs, left)];
  }

  #follow(nowMs: number, left: () => Imbalance): MoveLine[] {
    const underWay = this.#moves.size;
    if (this.#run === undefined) {
      if (underWay === 0) return [];
      this.#run = { startedMs: nowMs, toldMs: nowMs, done: 0 };
      return [{ level: 'info', text: progress(underWay, 0, left()) }];
    }
    if (nowMs - this.#run.toldMs < TELL_EVERY_MS && underWay > 0) return [];
    const { missing, copies } = left();
    if (underWay === 0 && missing + copies === 0) return [this.#finish(nowMs)];
    if (nowMs - this.#run.toldMs < TELL_EVERY_MS) return [];
    this.#run.toldMs = nowMs;
    return [{ level: 'info', text: progress(underWay, this.#run.done, left()) }];
  }

  #finish(nowMs: number): MoveLine {
    const { done = 0, startedMs = nowMs } = this.#run ?? {};
    this.#run = undefined;
    const seconds = ((nowMs - startedMs) / 1_000).toFixed(1);
    return {
      level: 'info',
      text: `all copies are where they belong: ${done} moved or made anew in ${seconds} s`,
    };
  }
}

function keyOf({ partition, to }: Move): string {
  return `${partition} ${to ?? ''}`;
}

function begun({ partition, from, to }: Move): string {
  return `partition ${partition}: a copy goes to ${to}${from === undefined ? '' : `, in place of ${from}`}`;
}

function progress(underWay: number, done: number, { missing, copies }: Imbalance): string {
  return `copies on their way: ${underWay}, to come: ${missing + copies}, done: ${done}`;
}
