/**
 * Reads that other peers forwarded to this one: as many a turn as it can answer without keeping everybody else waiting.
 *
 * Invariants: what is answered in one turn is about `TURN_BYTES` at most, unless values have just become larger; a peer is
 * not answered while `BACKLOG_BYTES` wait for the wire to it, so that an answer finds room there and small ones come soon; what
 * its asker has given up, or lost with its connection, is not answered. Peers take turns. Of one peer's reads the newest is the
 * first, since under overload the oldest is the likeliest to be given up before its answer comes.
 */
import type { PeerEnvelope } from './replication/messages.js';

/** Values that are read and sent in one turn of the event loop. */
const TURN_BYTES = 2 * 1024 * 1024;
/** The most reads of one turn. */
const TURN_READS = 32;
/** Of the 64 MiB that may wait for the wire (`maxBulkBytes`); an answer that is refused there is asked for again. */
const BACKLOG_BYTES = 4 * 1024 * 1024;
/** While all wires are full, they are looked at this often. */
const LOOK_MS = 5;
/** Reads of one peer; beyond it the oldest is forgotten. The peer has fewer open itself (`maxOpenReads`), some asked for twice. */
const MAX_WAITING = 20_000;

export interface ReadQueueParts {
  /** Answers it, by the end of this turn or later. */
  pass(envelope: PeerEnvelope): void;
  /** Bytes that wait for the wire to a peer. */
  backlog(peer: string): number;
  atEndOfTurn(task: () => void): void;
  monotonicMs(): number;
  /** After so long the asker has given up. */
  readonly expireMs: number;
}

interface Waiting {
  readonly envelope: PeerEnvelope;
  readonly sinceMs: number;
}

export class ReadQueue {
  private readonly waiting = new Map<string, Waiting[]>();
  /** How many reads a turn may take. */
  private share = TURN_READS;
  /** How many this turn has taken, and bytes of values that were sent in it. */
  private passed = 0;
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly parts: ReadQueueParts) {}

  /** A forwarded read: answered now, if nothing speaks against it. */
  take(envelope: PeerEnvelope): void {
    const { from } = envelope;
    if (this.waiting.size === 0 && this.isReady(from)) {
      this.pass(envelope);
      return;
    }
    const queue = this.waiting.get(from) ?? [];
    if (queue.length === MAX_WAITING) queue.shift();
    queue.push({ envelope, sinceMs: this.parts.monotonicMs() });
    if (queue.length === 1) this.waiting.set(from, queue);
    if (this.passed === 0) this.look();
  }

  /** What is sent in this turn: its answers count. */
  sent(envelopes: readonly PeerEnvelope[]): void {
    if (this.passed === 0) return;
    for (const { body } of envelopes) {
      if (body.type === 'rfwd_r' && body.outcome.kind === 'row') {
        this.bytes += body.outcome.row?.value?.bytes.length ?? 0;
      }
    }
  }

  /** What the peer asked for goes nowhere any more. */
  drop(peer: string): void {
    this.waiting.delete(peer);
  }

  stop(): void {
    this.stopped = true;
    this.waiting.clear();
    clearTimeout(this.timer);
  }

  private isReady(peer: string): boolean {
    return this.passed < this.share && this.parts.backlog(peer) < BACKLOG_BYTES;
  }

  private pass(envelope: PeerEnvelope): void {
    this.parts.pass(envelope);
    // After what `pass` itself wants done at the end of the turn, which is to answer.
    if (this.passed === 0) this.parts.atEndOfTurn(() => this.closeTurn());
    this.passed++;
  }

  private closeTurn(): void {
    const fitting = Math.floor((this.passed * TURN_BYTES) / Math.max(1, this.bytes));
    this.share = Math.max(1, Math.min(TURN_READS, fitting));
    this.passed = 0;
    this.bytes = 0;
    this.goOn();
  }

  /** Takes what waits, a read of each peer in turn, until the turn's share or all wires are full. */
  private goOn(): void {
    if (this.stopped || this.waiting.size === 0) return;
    const nowMs = this.parts.monotonicMs();
    let moved = true;
    while (moved) {
      moved = false;
      for (const [peer, queue] of this.waiting) {
        if (!this.isReady(peer)) continue;
        const { envelope, sinceMs } = queue.pop() as Waiting;
        if (queue.length === 0) this.waiting.delete(peer);
        if (nowMs - sinceMs < this.parts.expireMs) this.pass(envelope);
        moved = true;
      }
    }
    if (this.waiting.size > 0 && this.passed === 0) this.look();
  }

  private look(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.goOn();
    }, LOOK_MS);
  }
}
