/**
 * Pages of the whole cluster's keys: asks every owner for its first keys and merges them.
 *
 * Invariant: a page holds every key between its first and its last one that was there all the while; if an owner
 * does not answer in time there is no page, never one with a hole.
 */
import { compareBytes } from '../common/byte-order.js';
import type { Follower } from './follower.js';
import type { KeyPage } from './gateway/store.js';
import type { Partitions } from './partitions.js';
import { waitForAll } from './router.js';
import type { Transport } from './transport/transport.js';

const RETRY_MS = 20;

interface Question {
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

export class Lister {
  constructor(
    private readonly id: string,
    private readonly partitions: Partitions,
    private readonly follower: Follower,
    private readonly transport: Transport,
    private readonly monotonicMs: () => number,
    private readonly requestMs: number,
  ) {}

  /** The first `limit` keys after `after`; null if a partition could not be asked in time. */
  async page(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    const deadline = this.monotonicMs() + this.requestMs;
    const question = { prefix, after, limit: limit + 1 };
    const keys: string[] = [];
    let missing = [...(this.follower.view?.partitions.keys() ?? [])];
    while (this.follower.view === null || missing.length > 0) {
      const left = deadline - this.monotonicMs();
      if (left <= 0) return null;
      if (this.follower.view === null) missing = await this.firstView(left);
      missing = (await Promise.all(this.askOwners(missing, question, keys, left))).flat();
      if (missing.length > 0) await this.follower.changed(Math.min(RETRY_MS, left));
    }
    keys.sort(compareBytes);
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  private async firstView(leftMs: number): Promise<number[]> {
    await this.follower.changed(leftMs);
    return [...(this.follower.view?.partitions.keys() ?? [])];
  }

  private askOwners(
    missing: readonly number[],
    question: Question,
    keys: string[],
    leftMs: number,
  ): Promise<number[]>[] {
    return [...this.follower.byOwner(missing, (index) => index)].map(([owner, group]) => {
      if (owner === null) return Promise.resolve(group);
      return owner === this.id
        ? this.askHere(group, question, keys, leftMs)
        : this.askThere(owner, group, question, keys, leftMs);
    });
  }

  private async askHere(
    group: number[],
    question: Question,
    keys: string[],
    leftMs: number,
  ): Promise<number[]> {
    await waitForAll(this.partitions, new Set(group), leftMs);
    const served = group.filter((index) => this.partitions.serves(index));
    keys.push(...this.partitions.list(served, question.prefix, question.after, question.limit));
    return group.filter((index) => !served.includes(index));
  }

  private async askThere(
    owner: string,
    group: number[],
    question: Question,
    keys: string[],
    leftMs: number,
  ): Promise<number[]> {
    const request = { type: 'list', epoch: this.follower.epoch, partitions: group, ...question } as const;
    const reply = await this.transport.call(owner, request, leftMs);
    if (reply.type === 'call-failed') return group;
    if (reply.type !== 'listed') throw new Error(`a list was answered with ${reply.type}`);
    keys.push(...reply.keys);
    if (reply.notOwned.length > 0) await this.follower.heard(owner, reply.epoch);
    return [...reply.notOwned];
  }
}
