/**
 * The next view in the making: the changes that one event makes to the present one, all under one new epoch.
 *
 * Invariants: the view it started from stays untouched; where nothing really changed there is no new view.
 */
import type { Registration } from '../common/control.js';
import type { Member, PartitionView, View } from '../common/view.js';

/** Partitions of a process that is not there any more. */
export interface Losses {
  /** Their only copy is gone. */
  readonly lost: number;
  /** They were on their way to it: their source may have let go already, and what it has may be old. */
  readonly doubtful: number;
}

export class Draft {
  readonly members: Map<string, Member>;
  readonly #wallMs: number;
  #base: View;
  #partitions: readonly PartitionView[];
  #copies: number;
  #changed = false;

  constructor(base: View, wallMs: number) {
    this.#base = base;
    this.#wallMs = wallMs;
    this.#partitions = base.partitions;
    this.#copies = base.copies;
    this.members = new Map(base.members.map((member) => [member.id, member]));
  }

  /** The epoch that the new view will have. */
  get epoch(): number {
    return this.#base.epoch + 1;
  }

  get partitions(): readonly PartitionView[] {
    return this.#partitions;
  }

  get copies(): number {
    return this.#copies;
  }

  /** The new view; null where nothing changed. */
  view(): View | null {
    if (!this.#changed) return null;
    return {
      cluster: this.#base.cluster,
      epoch: this.epoch,
      copies: this.#copies,
      members: [...this.members.values()],
      partitions: [...this.#partitions],
    };
  }

  /**
   * Goes on from a newer view of the same cluster. Members that only we know stay, owning nothing; of those that both
   * know, a later process wins.
   * @returns what was lost with processes that are not there any more
   */
  adopt(newer: View): Losses {
    const ours = [...this.members.values()];
    this.#base = newer;
    this.#changed = true;
    this.#partitions = newer.partitions;
    this.#copies = newer.copies;
    this.members.clear();
    for (const member of newer.members) this.members.set(member.id, member);
    const losses = { lost: 0, doubtful: 0 };
    for (const member of ours) {
      const theirs = this.members.get(member.id);
      if (theirs === undefined) this.members.set(member.id, member);
      else if (theirs.instance < member.instance) {
        const { lost, doubtful } = this.restart(member);
        losses.lost += lost;
        losses.doubtful += doubtful;
      }
    }
    return losses;
  }

  /** A new member, owning nothing yet. */
  join(registration: Registration): void {
    const { id, host, port, peerPort, instance, weight } = registration;
    this.#changed = true;
    this.members.set(id, {
      ...{ id, host, port, peerPort, instance, weight },
      status: 'up',
      memberSinceMs: this.#wallMs,
      statusSinceMs: this.#wallMs,
    });
  }

  update(id: string, changes: Partial<Member>): void {
    const member = this.members.get(id) as Member;
    const statusSinceMs =
      changes.status === undefined || changes.status === member.status ? member.statusSinceMs : this.#wallMs;
    this.#changed = true;
    this.members.set(id, { ...member, ...changes, statusSinceMs });
  }

  /** A member is a new process now, and what the one before held in memory is gone. */
  restart(process: Omit<Registration, 'view' | 'cluster'>): Losses {
    const { id, host, port, peerPort, instance, weight } = process;
    this.update(id, { host, port, peerPort, instance, weight, status: 'up' });
    const losses = { lost: 0, doubtful: 0 };
    this.#map((partition) => {
      const { primary, source } = partition;
      if (primary === id) {
        // A primary that was still fetching, as far as we know, fetches again what its source has not let go yet.
        if (source === null) losses.lost++;
        else losses.doubtful++;
        return { ...partition, epoch: this.epoch };
      }
      if (source !== id) return partition;
      losses.lost++;
      return { ...partition, source: null };
    });
    return losses;
  }

  /** The member follows the view of this epoch and still fetches these partitions: the others have arrived. */
  fetched(id: string, epoch: number, fetching: ReadonlySet<number>): void {
    this.#map((partition, index) => {
      const arrived =
        partition.primary === id &&
        partition.source !== null &&
        epoch >= partition.epoch &&
        !fetching.has(index);
      return arrived ? { ...partition, source: null } : partition;
    });
  }

  remove(id: string): void {
    this.#changed = true;
    this.members.delete(id);
    this.#map((partition) =>
      partition.replicas.includes(id)
        ? { ...partition, replicas: partition.replicas.filter((replica) => replica !== id) }
        : partition,
    );
  }

  setCopies(copies: number): void {
    this.#copies = copies;
    this.#changed = true;
  }

  /** Takes over another table; false where it is the same. */
  setPartitions(partitions: readonly PartitionView[]): boolean {
    const differs = partitions.some((partition, i) => partition !== this.#partitions[i]);
    if (differs) {
      this.#partitions = partitions;
      this.#changed = true;
    }
    return differs;
  }

  /** The members that may be given partitions. */
  ablePeers(): Member[] {
    return [...this.members.values()]
      .filter((member) => member.status === 'up' && member.weight > 0)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  hasOwners(): boolean {
    return this.#partitions.some((partition) => partition.primary !== null);
  }

  /** Whether the peer is the primary of a partition. */
  leads(id: string): boolean {
    return this.#partitions.some((partition) => partition.primary === id);
  }

  /** Whether a partition's data is, or may be, with this peer. */
  owns(id: string): boolean {
    return this.#partitions.some((partition) => partition.primary === id || partition.source === id);
  }

  #map(change: (partition: PartitionView, index: number) => PartitionView): void {
    this.setPartitions(this.#partitions.map(change));
  }
}
