/**
 * Pages of the whole cluster's keys: asks every primary for its first keys and merges them.
 *
 * Invariant: a page holds every key between its first and its last one that was there all the while; if a primary does
 * not answer in time there is no page, never one with a hole.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { compareBytes } from '../common/byte-order.js';
import type { ClusterMap } from '../common/configuration.js';
import { PARTITION_COUNT } from '../common/slots.js';
import type { KeyPage } from './gateway/store.js';
import type { Holdings } from './holdings.js';
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
  readonly holdings: Pick<Holdings, 'list'>;
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
    const { monotonicMs, requestMs } = this.parts;
    const deadlineMs = monotonicMs() + requestMs;
    const question = { prefix, after, limit: limit + 1 };
    const keys: string[] = [];
    let missing = partitions;
    for (;;) {
      const leftMs = deadlineMs - monotonicMs();
      if (leftMs <= 0) return null;
      missing = (await Promise.all(this.ask(missing, question, keys, Math.min(leftMs, ASK_MS)))).flat();
      if (missing.length === 0) break;
      await pause(RETRY_MS);
    }
    keys.sort(compareBytes);
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  /** Puts what is found into `keys`; each promise gives the partitions that are still to be asked. */
  private ask(
    missing: readonly number[],
    question: Question,
    keys: string[],
    waitMs: number,
  ): Promise<readonly number[]>[] {
    return [...this.byPrimary(missing)].map(async ([primary, partitions]) => {
      if (primary === undefined) return partitions;
      const found = await this.askOne(primary, partitions, question, waitMs);
      if (found === null) return partitions;
      for (const key of found.keys) keys.push(key);
      return found.refused;
    });
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

  private async askOne(
    primary: string,
    partitions: readonly number[],
    question: Question,
    waitMs: number,
  ): Promise<{ readonly keys: readonly string[]; readonly refused: readonly number[] } | null> {
    const { id, holdings, transport } = this.parts;
    const { prefix, after, limit } = question;
    if (primary === id) return holdings.list(partitions, prefix, after, limit);
    const reply = await transport.call(primary, { type: 'list', partitions, ...question }, waitMs);
    return reply.type === 'listed' ? reply : null;
  }
}
