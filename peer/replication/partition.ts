/**
 * All that one replica knows of one partition. Data only: the rules stand in the modules that change it.
 *
 * Kept true: base <= com <= prep; `rows` and `sessions` show the log up to com; `dirty` names exactly the keys
 * that entries above com write. Whatever belongs to one epoch only hangs on `lead` (for its primary), `learning`
 * (for its learner) or the queues of reads, and goes with the epoch (rule E2).
 */

import type { Epoch, PartitionConfig, PeerId } from '../../common/configuration.js';
import { type Entry, eachChange, type Row, sizeOf } from './entry.js';
import type { Log } from './log.js';
import type { PartitionMarks } from './machine.js';
import type { ReadOutcome, Snap, SnapEnd, WriteOutcome } from './messages.js';
import type { Rows } from './rows.js';
import type { Sessions } from './sessions.js';
import type { Waiters } from './waiters.js';

/** What this peer is for a partition, in the epoch that it has adopted. */
export type Role = 'none' | 'learner' | 'member' | 'starting' | 'active';

/** A copy on its way to a learner (C2). */
export interface OutgoingSnapshot {
  readonly id: number;
  readonly s0: number;
  readonly s0Checksum: number;
  /** The last key sent, undefined before the first. */
  cursor: string | undefined;
  rowsDone: boolean;
  /** Entries were sent up to here. */
  entriesSent: number;
  /** The part that the learner has not confirmed; sent again as it was, never made anew. */
  outstanding: Snap | SnapEnd;
  sentAtMs: number;
}

/** What the primary knows of one other member, or of a learner. */
export interface Progress {
  /** Durable there, in this epoch, through here. */
  acked: number;
  /** The next position to send. */
  next: number;
  /** The highest position that was ever sent. */
  sent: number;
  /** When entries were last sent. */
  sentAtMs: number;
  /** When we last went back to what it had not acknowledged. */
  wentBackAtMs: number;
  /** When it was last seen to owe nothing, or to get on. */
  progressAtMs: number;
  /** The committed position that it was last told. */
  comTold: number;
  /** Members and learners that have joined get every entry. */
  streaming: boolean;
  snapshot: OutgoingSnapshot | undefined;
}

/** What a primary knows in its epoch, starting or active. */
export interface Lead {
  readonly startedAtMs: number;
  /** The log as it was when the epoch began: com, and the entries above it, which are all kept (A1). */
  readonly alignCom: number;
  readonly alignComChecksum: number;
  readonly alignSuffix: readonly Entry[];
  readonly alignEnd: number;
  /** Members that have answered. */
  readonly alignOk: Set<PeerId>;
  alignSentAtMs: number;
  /** A3: removed peers, each with the time after which it holds no lease of ours. */
  readonly fence: Map<PeerId, number>;
  /** Our own log and alignment are durable (A3 a). */
  selfAligned: boolean;
  /** Our own log was given to our disk through here. */
  handed: number;
  /** Our own log is durable through here. */
  selfDurable: number;
  /** When our own disk was last seen to owe nothing, or to get on. */
  selfProgressAtMs: number;
  readonly progress: Map<PeerId, Progress>;
  /** C3: commits wait for this learner too; cleared by nothing but a new epoch. */
  addPending: PeerId | undefined;
  addSentAtMs: number;
  addSinceMs: number;
  accusedAtMs: number;
  readonly waiters: Waiters;
  /** By session: the highest request that entered the log above com, in this epoch or before it (D2). */
  readonly newest: Map<string, number>;
  /** Idempotency-Keys in the log above com, by token: the position. */
  readonly openTokens: Map<string, number>;
  /** Requests that wait for the activation. */
  queue: QueuedRequest[];
  /** Every member holds everything up to here. */
  gc: number;
  /** The map version whose peers the sessions were last compared with (D4). */
  retiredAtVer: number;
  /** Sessions whose end was appended in this epoch. */
  readonly retired: Set<string>;
}

/** A write that arrived while its primary was starting. */
export interface QueuedRequest {
  readonly atMs: number;
  run(): void;
  answer(outcome: WriteOutcome): void;
}

/** What a learner knows in its epoch. */
export interface Learning {
  joined: boolean;
  joinSentAtMs: number;
  /** JOIN leaves when this batch is stored. */
  joinAfter: number;
  incoming: IncomingSnapshot | undefined;
  /** The snapshot that was taken over, if its end comes again. */
  finished: number | undefined;
}

/** Where the looking for damaged rows, and their mending, stand. */
export interface Mending {
  askedAtMs: number;
  /** Counts the questions: the members are asked in turn. */
  turn: number;
  /** Rows up to this key were looked at in this round; undefined: a new round begins. */
  scrubbed: string | undefined;
}

/** A read that waits for other members. */
export interface WaitingRead {
  readonly key: string;
  /** What was there before anybody was asked, if the key was clean (R4). */
  readonly noted: Row | undefined;
  /** The committed position must be asked for: the key is dirty, or its time to live seems over. */
  readonly needsCom: boolean;
  readonly expired: boolean;
  answer(outcome: ReadOutcome): void;
}

/** A question to other members, and the reads that wait for it; all of them came before it was sent. */
export interface Question {
  readonly kind: 'rseq' | 'conf';
  readonly reads: readonly WaitingRead[];
  readonly untilMs: number;
  /** Members that have not answered. */
  readonly awaited: Set<PeerId>;
  /** The primary's answer, -1 until it came. */
  com: number;
}

/** A copy on its way in; the old one stays until it is whole (C2). */
export interface IncomingSnapshot {
  readonly id: number;
  readonly rows: Rows;
  got: number;
  readonly entries: Entry[];
}

export class Partition {
  role: Role = 'none';
  config: PartitionConfig | undefined;
  /** The members of the configuration apart from this peer. */
  others: readonly PeerId[] = [];
  lead: Lead | undefined;
  learning: Learning | undefined;
  /** An acknowledgement is owed with this turn; with `gapSeen` it says that something is missing. */
  ackOwed = false;
  gapSeen = false;
  /** Reads of this turn that will ask the primary (R3), or all members (R4). */
  asking: WaitingRead[] = [];
  confirming: WaitingRead[] = [];
  /** Questions that are out, oldest first. */
  readonly questions = new Map<number, Question>();
  waitingReads = 0;
  /** Keys that entries above com write, each with the last position that does. */
  readonly dirty = new Map<string, number>();
  /** Size of the entries above com. */
  uncommittedBytes = 0;
  /** Since when this copy is of no use to anybody, if it is. */
  uselessSinceMs: number | undefined;
  /** Whether it is among the core's pending, or busy ones. */
  isPending = false;
  isBusy = false;
  /** When this peer last saw a member leave, on the lease clock. */
  memberLeftAtMs = Number.NEGATIVE_INFINITY;
  readonly mending: Mending = { askedAtMs: Number.NEGATIVE_INFINITY, turn: 0, scrubbed: undefined };
  /** Log time never goes back. */
  lastTs = 0;

  constructor(
    readonly number: number,
    readonly log: Log,
    public rows: Rows,
    public sessions: Sessions,
    public alignedEpoch: Epoch,
    public com: number,
    /** The newest copy of rows that was begun. */
    public staging: number,
    /** Keys that have a value, as of com. */
    public keyCount: number,
  ) {
    this.reindex();
  }

  /** The epoch of the adopted configuration; -1 before the first. */
  get epoch(): Epoch {
    return this.config?.epoch ?? -1;
  }

  /** The last position of the log. */
  get prep(): number {
    return this.log.prep;
  }

  /** Whether this peer is a member of the adopted configuration, with its store. */
  get isMember(): boolean {
    return this.role === 'member' || this.role === 'starting' || this.role === 'active';
  }

  /** What goes with the log and the rows into the store. */
  marks(): PartitionMarks {
    const { alignedEpoch, com, rows, staging, keyCount } = this;
    return { alignedEpoch, com, copy: rows.copy, staging, keyCount };
  }

  /** Notes the newest entry of the log in the indexes. */
  index(entry: Entry): void {
    const { kind } = entry.effect;
    if (kind === 'put' || kind === 'delete') this.dirty.set(entry.key, entry.seq);
    else eachChange(entry, (key) => this.dirty.set(key, entry.seq));
    this.uncommittedBytes += sizeOf(entry);
    if (entry.ts > this.lastTs) this.lastTs = entry.ts;
  }

  /** Builds the indexes anew from the log above com, after it changed in another way than by its end. */
  reindex(): void {
    this.dirty.clear();
    this.uncommittedBytes = 0;
    this.lastTs = 0;
    if (this.prep > this.log.base) this.lastTs = this.log.at(this.prep).ts;
    for (let seq = this.com + 1; seq <= this.prep; seq++) this.index(this.log.at(seq));
  }
}
