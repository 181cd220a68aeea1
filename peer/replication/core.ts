/**
 * What the modules of the core share: the clock readings of this step, the adopted map, the partitions, the
 * leases, and the outbox. Data and the smallest of verbs; the rules stand in the modules.
 *
 * Kept true: `leaseMs` and `wallMs` are those of the step that is being taken (L6).
 */

import type { ClusterMap, Incarnation, MapVersion, PeerId, StoreId } from '../../common/configuration.js';
import type { ReportMessage } from '../../common/control-messages.js';
import type { StateReader } from './machine.js';
import type { PeerMessage, ReadOutcome, WriteOutcome } from './messages.js';
import { Outbox } from './outbox.js';
import type { Partition } from './partition.js';
import { leaseGrantMs, type Settings } from './settings.js';
import type { Origin } from './waiters.js';

/** An own position in the log that becomes durable with a batch. */
interface OwnDurability {
  readonly batch: number;
  readonly partition: Partition;
  readonly epoch: number;
  readonly upto: number;
}

export class Core {
  leaseMs = 0;
  wallMs = 0;
  readonly bootAtMs: number;
  /** When every lease is over that an earlier process of this peer may have granted, own clock (L2). */
  readonly oldGrantsOverMs: number;
  readonly out: Outbox;
  readonly partitions = new Map<number, Partition>();
  /** Partitions with something to do when time passes. */
  readonly busy = new Set<Partition>();
  /** Partitions with something to send at the end of this turn. */
  pending: Partition[] = [];
  /** Partitions of which a peer does not know how far they are committed, and may be told; some of them know by now. */
  readonly untold = new Map<PeerId, Set<Partition>>();
  /** Partitions that this peer leads and that are active. */
  readonly led = new Set<Partition>();
  /** Size of what the led partitions have uncommitted, in bytes. */
  ledUncommitted = 0;
  /** Partitions that wait for removed peers to lose their leases (A3 c). */
  readonly fencing = new Set<Partition>();
  /** Until when a lease from a peer may be used, own clock (L1). */
  readonly leaseFrom = new Map<PeerId, number>();
  /** When a peer was last asked for a lease. */
  readonly leaseAskedAt = new Map<PeerId, number>();
  /** When the last lease is over that was granted to a peer, own clock (L2). */
  readonly grantedUntil = new Map<PeerId, number>();
  /** When a message of a peer last came. */
  readonly heardAt = new Map<PeerId, number>();
  readonly pulledAt = new Map<PeerId, number>();
  /** When a map was last given to a peer that had not asked for it. */
  readonly mapGivenAt = new Map<PeerId, number>();
  /** Nobody is accused before this time: our own event loop stood still. */
  excusedUntilMs: number;
  /** Positions of our own logs on their way to the disk, in order. */
  readonly durability: OwnDurability[] = [];
  /** When rows were last looked through for damage, and of which partition (-1: of none). */
  scrubbed = { atMs: Number.NEGATIVE_INFINITY, partition: -1 };
  /** Partitions that were deleted in the life of this process, with the number for their next copy of rows. */
  readonly nextCopy = new Map<number, number>();
  private ids = 0;

  constructor(
    readonly me: PeerId,
    readonly storeId: StoreId,
    readonly inc: Incarnation,
    public map: ClusterMap,
    public promised: MapVersion,
    readonly settings: Settings,
    readonly reader: StateReader,
    nowMs: number,
  ) {
    this.leaseMs = nowMs;
    this.bootAtMs = nowMs;
    this.excusedUntilMs = nowMs;
    this.oldGrantsOverMs = nowMs + leaseGrantMs(settings.maxLeaseHoldMs, settings);
    this.out = new Outbox(settings.lazyStoreMs, settings.lazyStoreOps);
  }

  /** A number that no other process of this peer uses. */
  newId(): number {
    this.ids++;
    return this.inc * 2 ** 32 + this.ids;
  }

  /** Sends to a peer, once batch `after` is durable (0: at once). */
  send(to: PeerId, body: PeerMessage, after = 0): void {
    const { map } = this;
    const envelope = { clusterId: map.clusterId, from: this.me, fromInc: this.inc, ver: map.ver, body };
    this.out.sends.push({ to, after, envelope });
  }

  /** Tells the orchestrators something. */
  report(body: ReportMessage, to: string | undefined = undefined, after = 0): void {
    this.out.reports.push({ to, after, ver: this.map.ver, body });
  }

  /** Tells whoever asked for a write. */
  answerWrite(origin: Origin, outcome: WriteOutcome): void {
    if (origin.kind === 'local') this.out.replies.push({ id: origin.id, outcome });
    else if (origin.kind === 'remote-write') {
      const { session, n, attempt } = origin;
      this.send(origin.to, { type: 'fwd_r', session, n, attempt, outcome });
    }
  }

  /** Tells whoever asked for a read. */
  answerRead(origin: Origin, outcome: ReadOutcome): void {
    if (origin.kind === 'local') this.out.replies.push({ id: origin.id, outcome });
    else if (origin.kind === 'remote-read') {
      this.send(origin.to, { type: 'rfwd_r', id: origin.id, inc: origin.inc, outcome });
    }
  }

  /** The partition has something to do, at the end of this turn and when time passes. */
  touch(partition: Partition): void {
    this.settle(partition);
    if (partition.isBusy) return;
    partition.isBusy = true;
    this.busy.add(partition);
  }

  /** The partition has something to do at the end of this turn. */
  settle(partition: Partition): void {
    if (partition.isPending) return;
    partition.isPending = true;
    this.pending.push(partition);
  }
}
