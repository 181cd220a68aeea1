/** What a command that is about more than single keys may see: who calls, and the peer that serves. */
import type { Clock } from '../../../common/clock.js';
import type { Executor } from '../executor.js';
import type { RespLimits } from '../limits.js';
import type { Session } from '../session.js';
import type { RespCluster, RespStore } from '../store.js';
import type { CommandSpec } from './command.js';

/** The version of Redis whose commands, answers and errors these are. */
export const REDIS_VERSION = '7.0.15';

/** What all connections of a peer share. */
export interface Services {
  readonly store: RespStore;
  readonly cluster: RespCluster;
  readonly executor: Executor;
  readonly limits: RespLimits;
  readonly clock: Clock;
  /** What clients have to show; null: nothing. */
  readonly secret: string | null;
  readonly maxValueBytes: number;
  readonly port: number;
  readonly counts: Counts;
  /** The connections that are open. */
  sessions(): Iterable<Session>;
}

/** Since the start. */
export interface Counts {
  readonly startedMs: number;
  connections: number;
  refused: number;
  commands: number;
}

export interface Caller {
  readonly session: Session;
  readonly services: Services;
  /** All commands; handed in, since the table holds commands that look into it. */
  readonly commands: ReadonlyMap<string, CommandSpec>;
}
