/**
 * Brings the data of a partition to its new primary: the old one holds it, the new one copies it part by part, tells the
 * old one to let go, and only then serves.
 *
 * Invariants: at no time do two peers serve a partition of which both follow the view; the old primary keeps everything
 * until the new one has everything. The order of the last two steps matters: if the new primary served first and then
 * died, the old copy would come back without the writes made meanwhile.
 */
import type { Logger } from '../common/log.js';
import type { Follower } from './follower.js';
import type { Partitions } from './partitions.js';
import type { PeerReply } from './transport/messages.js';
import type { Transport } from './transport/transport.js';

/** Partitions copied at the same time. */
const LANES = 4;
/** One part must come within this time, else it is asked for again. */
const PART_MS = 2_000;
/** Pause before a question is repeated. */
const RETRY_MS = 25;

interface Job {
  readonly index: number;
  readonly epoch: number;
  readonly source: string;
}

export class Handover {
  private readonly queue: Job[] = [];
  private running = 0;
  private stopped = false;

  constructor(
    private readonly partitions: Partitions,
    private readonly follower: Follower,
    private readonly transport: Transport,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
  ) {}

  /** Fetches these partitions from the sources that the partitions themselves name. */
  start(indexes: readonly number[]): void {
    for (const index of indexes) {
      const { epoch, source } = this.partitions.at(index);
      this.queue.push({ index, epoch, source });
    }
    while (this.running < LANES && this.queue.length > 0) void this.work();
  }

  stop(): void {
    this.stopped = true;
    this.queue.length = 0;
  }

  private async work(): Promise<void> {
    this.running++;
    for (let job = this.queue.shift(); job !== undefined; job = this.queue.shift()) await this.bring(job);
    this.running--;
  }

  private async bring(job: Job): Promise<void> {
    if (!(await this.copy(job))) return;
    const released = await this.persist(job, (epoch) => ({ type: 'release', epoch, partition: job.index }));
    if (released !== null) this.partitions.complete(job.index, job.epoch);
  }

  /** False where the job is no longer wanted. */
  private async copy(job: Job): Promise<boolean> {
    for (let cursor = '0'; cursor !== ''; ) {
      const at = cursor;
      const reply = await this.persist(job, (epoch) => ({
        type: 'fetch',
        epoch,
        partition: job.index,
        cursor: at,
      }));
      if (reply === null) return false;
      if (reply.type !== 'fetched') {
        this.log.warn(
          { partition: job.index, from: job.source },
          'data is lost: the old primary has nothing of the partition any more',
        );
        return true;
      }
      this.partitions.at(job.index).take(reply, reply.sequence);
      cursor = reply.cursor;
    }
    return true;
  }

  /** Asks until there is an answer that is final under the view of both; null where the job is no longer wanted. */
  private async persist(
    job: Job,
    request: (epoch: number) => Parameters<Transport['call']>[1],
  ): Promise<PeerReply | null> {
    for (;;) {
      if (!this.wanted(job)) return null;
      const reply = await this.transport.call(job.source, request(this.follower.epoch), PART_MS);
      if (!this.wanted(job)) return null;
      if (reply.type !== 'call-failed') {
        if (this.isFinal(reply)) return reply;
        await this.follower.heard(job.source, reply.epoch);
      }
      await this.follower.changed(RETRY_MS);
    }
  }

  /** A refusal counts only if both follow the same view; else the one behind has to catch up first. */
  private isFinal(reply: PeerReply): boolean {
    if (reply.type !== 'refused') return true;
    return reply.reason === 'not-held' && reply.epoch === this.follower.epoch;
  }

  private wanted(job: Job): boolean {
    if (this.stopped || !this.partitions.isFetching(job.index, job.epoch)) return false;
    return this.partitions.at(job.index).source === job.source;
  }
}
