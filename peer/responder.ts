/**
 * Answers what other peers ask.
 *
 * Invariant: it never asks a third peer on behalf of the asker, so that a request takes one hop at most; what it does not
 * own it refuses, and the asker looks for the owner again.
 */
import type { Operation } from '../common/records.js';
import { partitionOfKey } from '../common/slots.js';
import type { Follower } from './follower.js';
import type { Partitions } from './partitions.js';
import { waitForAll } from './router.js';
import type { ForwardedOutcome, PeerReply, PeerRequest } from './transport/messages.js';

/** A reply is closed once it carries this much of values, so that no frame grows beyond what the stream takes. */
const REPLY_BYTES = 8 * 1024 * 1024;

type Ask<T extends PeerRequest['type']> = Extract<PeerRequest, { type: T }>;

export class Responder {
  constructor(
    private readonly partitions: Partitions,
    private readonly follower: Follower,
    /** How long a request may be held for a partition that is on its way here, milliseconds. */
    private readonly holdMs: number,
  ) {}

  answer(from: string, request: PeerRequest): PeerReply | Promise<PeerReply> {
    void this.follower.heard(from, request.epoch);
    switch (request.type) {
      case 'execute':
        return this.execute(request.operations);
      case 'list':
        return this.list(request);
      case 'fetch':
        return this.fetch(request);
      case 'release':
        return this.release(request);
      case 'view': {
        const view = this.follower.view;
        return {
          type: 'view',
          epoch: this.follower.epoch,
          view: view !== null && view.epoch > request.epoch ? view : null,
        };
      }
    }
  }

  private execute(operations: readonly Operation[]): PeerReply | Promise<PeerReply> {
    const indexes = operations.map((operation) => partitionOfKey(operation.key));
    const onTheirWay = indexes.filter((index) => this.partitions.at(index).state === 'fetching');
    if (onTheirWay.length === 0) return this.executeNow(operations, indexes);
    return waitForAll(this.partitions, new Set(onTheirWay), this.holdMs).then(() =>
      this.executeNow(operations, indexes),
    );
  }

  /** Runs them in order, until the values found fill a reply; what is left is for the asker to ask again. */
  private executeNow(operations: readonly Operation[], indexes: readonly number[]): PeerReply {
    const outcomes: ForwardedOutcome[] = [];
    let bytes = 0;
    for (const [i, operation] of operations.entries()) {
      if (bytes > REPLY_BYTES) break;
      const outcome = this.partitions.execute(indexes[i] as number, operation) ?? { type: 'not-owner' };
      if (outcome.type === 'found') bytes += outcome.record.bytes.length;
      outcomes.push(outcome);
    }
    return { type: 'executed', epoch: this.follower.epoch, outcomes };
  }

  private async list(request: Ask<'list'>): Promise<PeerReply> {
    await waitForAll(this.partitions, new Set(request.partitions), this.holdMs);
    const owned = request.partitions.filter((index) => this.partitions.serves(index));
    return {
      type: 'listed',
      epoch: this.follower.epoch,
      keys: this.partitions.list(owned, request.prefix, request.after, request.limit),
      notOwned: request.partitions.filter((index) => !this.partitions.serves(index)),
    };
  }

  private fetch(request: Ask<'fetch'>): PeerReply {
    const epoch = this.follower.epoch;
    if (epoch < request.epoch) return { type: 'refused', epoch, reason: 'behind' };
    const partition = this.partitions.at(request.partition);
    if (partition.state !== 'held') return { type: 'refused', epoch, reason: 'not-held' };
    return { type: 'fetched', epoch, ...partition.part(request.cursor), sequence: partition.sequence };
  }

  private release(request: Ask<'release'>): PeerReply {
    const epoch = this.follower.epoch;
    if (epoch < request.epoch) return { type: 'refused', epoch, reason: 'behind' };
    const partition = this.partitions.at(request.partition);
    if (partition.state === 'held') partition.drop();
    return { type: 'released', epoch };
  }
}
