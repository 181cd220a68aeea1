/**
 * Promises that are checked while a run goes on, from what replicas say and from what lies on their disks:
 *  - DIVERGENCE: two replicas that committed the same position of a log committed the same history up to it;
 *  - LOST: every member of the newest decided configuration has every committed write on disk: looked at when a write is
 *    committed or acknowledged, when a configuration is decided, and when a disk cuts the end of a log;
 *  - COPIES: no client's write is acknowledged in an epoch with fewer members than the cluster asks for;
 *  - TWICE: no request of a gateway is committed at two positions;
 *  - LEASE: no lease read in an epoch after a later epoch, without the reader, became active; and when an epoch
 *    becomes active, nobody who was removed could still serve such a read.
 * The first broken one ends the run.
 */
import type { ClusterMap, Epoch, PeerId } from '../../common/configuration.js';
import type { Entry } from '../../peer/replication/entry.js';
import type { PeerMessage } from '../../peer/replication/messages.js';
import type { StoredImage, StoredPartition } from './image.js';

/** A promise that was broken. */
export class Violation extends Error {}

/** What the checks need to see of a peer. */
export interface Watched {
  readonly id: PeerId;
  readonly up: boolean;
  /** What is on its disk. */
  readonly stored: StoredImage;
  /** The map that it has adopted. */
  adopted(): ClusterMap;
  /** Could it answer a lease read of this partition now, and in which epoch? undefined: no. */
  servesReadsIn(partition: number): Epoch | undefined;
}

interface Activation {
  readonly epoch: Epoch;
  readonly members: ReadonlySet<PeerId>;
  readonly minInSync: number;
}

interface Truth {
  /** Checksums by position; what the cluster committed. */
  readonly checksums: Map<number, number>;
  top: number;
  readonly requests: Map<string, number>;
  readonly activations: Activation[];
}

/** Watches all partitions of one cluster. */
export class Checks {
  commits = 0;
  activations = 0;
  leaseReads = 0;
  private readonly truths: Truth[];
  private readonly watched = new Map<PeerId, Watched>();

  constructor(
    partitions: number,
    /** The newest decided map; undefined while the registry is lost and nothing is decided. */
    private readonly decided: () => ClusterMap | undefined,
    /** Clocks run within their bound; where they do not, all reads are strict and leases prove nothing. */
    private readonly leasesHold: boolean,
  ) {
    this.truths = Array.from({ length: partitions }, () => ({
      checksums: new Map([[0, 0]]),
      top: 0,
      requests: new Map(),
      activations: [],
    }));
  }

  /** Watches a peer as well. */
  watch(peer: Watched): void {
    this.watched.set(peer.id, peer);
  }

  /** How far a partition has committed, as far as anybody said. */
  committedTo(partition: number): number {
    return this.truth(partition).top;
  }

  /** A peer says something to another. */
  said(peer: Watched, body: PeerMessage): void {
    switch (body.type) {
      case 'prep':
        this.primaryActs(peer, body.partition, body.epoch);
        this.committed(peer, body.partition, body.com, body.comChecksum);
        return;
      case 'ack':
      case 'align':
        this.committed(peer, body.partition, body.com, body.comChecksum);
        return;
      default:
    }
  }

  /** A peer's disk now shows this partition's rows as of position `com`. */
  applied(peer: Watched, partition: number, stored: StoredPartition): void {
    const { com } = stored.marks;
    const checksum = stored.base === com ? stored.baseChecksum : stored.entry(com)?.checksum;
    if (checksum !== undefined) this.committed(peer, partition, com, checksum);
  }

  /** A configuration was decided: whoever is a member now has all that was committed before. */
  configured(map: ClusterMap): void {
    for (const partition of map.parts.keys()) {
      const { top, checksums } = this.truth(partition);
      const checksum = checksums.get(top);
      if (checksum === undefined) continue;
      for (const member of this.membersWithTheirStore(partition)) {
        if (!holds(member, partition, top, checksum)) {
          throw new Violation(
            `LOST: ${member.id} is a member of partition ${partition}, but has not got ${top}, committed, on disk`,
          );
        }
      }
    }
  }

  /** A peer's disk cuts the end of its log: nothing that is committed goes, if the peer is a member. */
  cut(peer: Watched, partition: number, held: readonly Entry[]): void {
    const { top, checksums } = this.truth(partition);
    if (!this.membersWithTheirStore(partition).includes(peer)) return;
    for (const { seq, checksum } of held) {
      if (seq > top || checksums.get(seq) !== checksum || holds(peer, partition, seq, checksum)) continue;
      throw new Violation(`LOST: ${peer.id}, a member of partition ${partition}, cuts ${seq}, committed`);
    }
  }

  /** A write was acknowledged at this position. */
  acknowledged(partition: number, epoch: Epoch, seq: number): void {
    const activation = this.truth(partition).activations.find((known) => known.epoch === epoch);
    if (activation !== undefined && activation.members.size < activation.minInSync) {
      throw new Violation(
        `COPIES: write ${epoch}/${seq} of partition ${partition} was acknowledged with ${activation.members.size} members`,
      );
    }
    for (const member of this.membersWithTheirStore(partition)) {
      const stored = member.stored.partitions.get(partition);
      if (stored !== undefined && seq <= stored.base) continue;
      const entry = stored?.entry(seq);
      if (entry?.epoch !== epoch) {
        throw new Violation(
          `LOST: write ${epoch}/${seq} of partition ${partition} was acknowledged, but ${member.id}, a member, has not got it on disk`,
        );
      }
    }
  }

  /** A lease read was answered. */
  read(peer: Watched, partition: number, epoch: Epoch): void {
    if (!this.leasesHold) return;
    this.leaseReads += 1;
    const { activations } = this.truth(partition);
    for (let i = activations.length - 1; i >= 0; i -= 1) {
      const later = activations[i] as Activation;
      if (later.epoch <= epoch) return;
      if (!later.members.has(peer.id)) {
        throw new Violation(
          `LEASE: ${peer.id} reads partition ${partition} in epoch ${epoch}, but epoch ${later.epoch}, without it, is active`,
        );
      }
    }
  }

  /** A primary acts as one: the first time that this is seen of an epoch, it has just become active. */
  primaryActs(peer: Watched, partition: number, epoch: Epoch): void {
    const { activations } = this.truth(partition);
    if (activations.some((known) => known.epoch === epoch)) return;
    const { parts, minInSync = 1 } = peer.adopted();
    const config = parts[partition];
    if (config?.epoch !== epoch) return;
    const members = new Set(config.members.keys());
    activations.push({ epoch, members, minInSync });
    activations.sort((a, b) => a.epoch - b.epoch);
    this.activations += 1;
    if (!this.leasesHold) return;
    for (const other of this.watched.values()) {
      if (members.has(other.id) || !other.up) continue;
      const serving = other.servesReadsIn(partition);
      if (serving !== undefined && serving < epoch) {
        throw new Violation(
          `LEASE: ${peer.id} activates epoch ${epoch} of partition ${partition}, but ${other.id}, removed, can still read in epoch ${serving}`,
        );
      }
    }
  }

  private committed(peer: Watched, partition: number, com: number, checksum: number): void {
    const truth = this.truth(partition);
    if (com > truth.top) this.extend(peer, partition, truth, com, checksum);
    const known = truth.checksums.get(com);
    if (known !== undefined && known !== checksum) {
      throw new Violation(
        `DIVERGENCE: ${peer.id} has another history of partition ${partition} up to ${com} than was committed`,
      );
    }
  }

  /** Positions are committed that nobody spoke of before: every member must have them on disk. */
  private extend(peer: Watched, partition: number, truth: Truth, com: number, checksum: number): void {
    const members = this.membersWithTheirStore(partition);
    for (const member of members) {
      if (!holds(member, partition, com, checksum)) {
        throw new Violation(
          `LOST: ${peer.id} committed partition ${partition} up to ${com}, but ${member.id}, a member, has not got that on disk`,
        );
      }
    }
    const holder = [peer, ...members].find(
      ({ stored }) => stored.partitions.get(partition)?.entry(com)?.checksum === checksum,
    );
    const stored = holder?.stored.partitions.get(partition);
    for (let seq = truth.top + 1; seq <= com; seq += 1) {
      const entry = stored?.entry(seq);
      if (entry === undefined) continue;
      truth.checksums.set(seq, entry.checksum);
      this.once(partition, truth, entry);
    }
    truth.checksums.set(com, checksum);
    this.commits += com - truth.top;
    truth.top = com;
  }

  private once(partition: number, truth: Truth, { request, seq }: Entry): void {
    if (request === undefined) return;
    const name = `${request.session}#${request.n}`;
    const before = truth.requests.get(name);
    if (before !== undefined && before !== seq) {
      throw new Violation(
        `TWICE: request ${name} is committed in partition ${partition} at ${before} and ${seq}`,
      );
    }
    truth.requests.set(name, seq);
  }

  private membersWithTheirStore(partition: number): Watched[] {
    const config = this.decided()?.parts[partition];
    if (config === undefined) return [];
    const found: Watched[] = [];
    for (const [id, storeId] of config.members) {
      const peer = this.watched.get(id);
      if (peer !== undefined && peer.stored.storeId === storeId) found.push(peer);
    }
    return found;
  }

  private truth(partition: number): Truth {
    return this.truths[partition] as Truth;
  }
}

/** Whether a peer's disk holds the history up to `seq` that has this checksum. */
function holds({ stored }: Watched, partition: number, seq: number, checksum: number): boolean {
  const image = stored.partitions.get(partition);
  if (image === undefined) return seq === 0;
  if (seq < image.base) return true;
  return (seq === image.base ? image.baseChecksum : image.entry(seq)?.checksum) === checksum;
}
