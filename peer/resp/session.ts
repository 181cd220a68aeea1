/** What a peer knows of one connection between its commands. */
import type { Clock } from '../../common/clock.js';
import type { Version } from '../replication/commands.js';
import type { Context } from './action.js';
import type { Protocol } from './replies.js';

/** A command that waits for EXEC. */
export interface Queued {
  readonly name: string;
  readonly args: readonly Buffer[];
}

/** What MULTI began. */
export interface OpenTransaction {
  readonly queued: Queued[];
  bytes: number;
  /** A command could not be queued: EXEC will refuse. */
  broken: boolean;
}

export interface SessionParts {
  readonly id: number;
  /** host:port of the client, and of our end. */
  readonly address: string;
  readonly localAddress: string;
  readonly maxValueBytes: number;
  /** Whether the client needs to show no secret. */
  readonly trusted: boolean;
  readonly clock: Clock;
}

export class Session implements Context {
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  readonly maxValueBytes: number;
  readonly createdMs: number;
  readonly watched = new Map<string, Version | null>();
  protocol: Protocol = 2;
  trusted: boolean;
  name = '';
  libName = '';
  libVersion = '';
  noEvict = false;
  transaction: OpenTransaction | undefined;
  /** CLIENT REPLY OFF. */
  silent = false;
  /** CLIENT REPLY SKIP: the next command is not answered. */
  skipNext = false;
  /** Once all is answered, the connection is closed. */
  closing = false;
  lastCommand = 'NULL';
  lastMs: number;

  constructor(private readonly parts: SessionParts) {
    this.id = parts.id;
    this.address = parts.address;
    this.localAddress = parts.localAddress;
    this.maxValueBytes = parts.maxValueBytes;
    this.trusted = parts.trusted;
    this.createdMs = parts.clock.monotonicMs();
    this.lastMs = this.createdMs;
  }

  nowMs(): number {
    return this.parts.clock.wallMs();
  }

  /** As when it was opened. */
  reset(): void {
    this.protocol = 2;
    this.trusted = this.parts.trusted;
    this.name = '';
    this.noEvict = false;
    this.silent = false;
    this.skipNext = false;
    this.endTransaction();
  }

  /** Forgets what was queued and watched. */
  endTransaction(): void {
    this.transaction = undefined;
    this.watched.clear();
  }

  /** Notes that a command of an open transaction was refused. */
  breakTransaction(): void {
    if (this.transaction !== undefined) this.transaction.broken = true;
  }
}
