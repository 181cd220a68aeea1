/**
 * Pages of the whole cluster's keys, and their number: asks every primary for its part and puts them together.
 *
 * Invariant: a page holds every key between its first and its last one that was there all the while; if a primary does
 * not answer in time there is no page and no number, never one with a hole.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { compareBytes } from '../common/byte-order.js';
import type { ClusterMap } from '../common/configuration.js';
import { PARTITION_COUNT } from '../common/slots.js';
import type { KeyPage } from './gateway/store.js';
import type { Holdings } from './holdings.js';
import type { PeerReply } from './transport/messages.js';
import type { Transport } from './transport/transport.js';

/** Between two rounds of asking those that could not answer, in ms. */
const RETRY_MS = 20;
/** One question waits this long for its answer, in ms; then its partitions are asked for again. */
const ASK_MS = 1_000;

const ALL_PARTITIONS: readonly number[] = Array.from(
  { length: PARTITION_COUNT },
  (_, partition) => partition,
);

export interface ListerParts {
  readonly id: string;
  readonly holdings: Pick<Holdings, 'list' | 'count'>;
  readonly transport: Pick<Transport, 'call'>;
  map(): ClusterMap;
  monotonicMs(): number;
  /** Time that a page may take, in ms. */
  readonly requestMs: number;
}

interface Question {
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

/** Asks one primary; gives the partitions that it cannot answer for, undefined: it did not answer. */
type Ask = (
  primary: string,
  partitions: readonly number[],
  waitMs: number,
) => Promise<readonly number[] | undefined>;

export class Lister {
  constructor(private readonly parts: ListerParts) {}

  /** The first `limit` keys after `after`; null if a partition could not be asked in time. */
  page(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    return this.pageOf(ALL_PARTITIONS, prefix, after, limit);
  }

  /** The same for some partitions only. */
  async pageOf(
    partitions: readonly number[],
    prefix: string,
    after: string,
    limit: number,
  ): Promise<KeyPage | null> {
    const keys: string[] = [];
    const question = { prefix, after, limit: limit + 1 };
    const all = await this.askAll(partitions, async (primary, asked, waitMs) => {
      const found = await this.askForKeys(primary, asked, question, waitMs);
      for (const key of found?.keys ?? []) keys.push(key);
      return found?.refused;
    });
    if (!all) return null;
    keys.sort(compareBytes);
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  /** How many keys there are; null if a partition could not be asked in time. */
  async count(): Promise<number | null> {
    let keys = 0;
    const all = await this.askAll(ALL_PARTITIONS, async (primary, asked, waitMs) => {
      const found = await this.askForCount(primary, asked, waitMs);
      keys += found?.keys ?? 0;
      return found?.refused;
    });
    return all ? keys : null;
  }

  /** Asks the primaries of partitions, again where one refuses or does not answer; false: not all answered in time. */
  private async askAll(partitions: readonly number[], ask: Ask): Promise<boolean> {
    const { monotonicMs, requestMs } = this.parts;
    const deadlineMs = monotonicMs() + requestMs;
    let missing = partitions;
    for (;;) {
      const leftMs = deadlineMs - monotonicMs();
      if (leftMs <= 0) return false;
      const waitMs = Math.min(leftMs, ASK_MS);
      const asked = [...this.byPrimary(missing)].map(async ([primary, some]) =>
        primary === undefined ? some : ((await ask(primary, some, waitMs)) ?? some),
      );
      missing = (await Promise.all(asked)).flat();
      if (missing.length === 0) return true;
      await pause(RETRY_MS);
    }
  }

  private byPrimary(partitions: readonly number[]): Map<string | undefined, number[]> {
    const { parts } = this.parts.map();
    const groups = new Map<string | undefined, number[]>();
    for (const partition of partitions) {
      const primary = parts[partition]?.primary;
      const group = groups.get(primary);
      if (group === undefined) groups.set(primary, [partition]);
      else group.push(partition);
    }
    return groups;
  }

  private async askForKeys(
    primary: string,
    partitions: readonly number[],
    question: Question,
    waitMs: number,
  ): Promise<Omit<Extract<PeerReply, { type: 'listed' }>, 'type'> | undefined> {
    const { id, holdings, transport } = this.parts;
    const { prefix, after, limit } = question;
    if (primary === id) return holdings.list(partitions, prefix, after, limit);
    const reply = await transport.call(primary, { type: 'list', partitions, ...question }, waitMs);
    return reply.type === 'listed' ? reply : undefined;
  }

  private async askForCount(
    primary: string,
    partitions: readonly number[],
    waitMs: number,
  ): Promise<Omit<Extract<PeerReply, { type: 'counted' }>, 'type'> | undefined> {
    const { id, holdings, transport } = this.parts;
    if (primary === id) return holdings.count(partitions);
    const reply = await transport.call(primary, { type: 'count', partitions }, waitMs);
    return reply.type === 'counted' ? reply : undefined;
  }
}
