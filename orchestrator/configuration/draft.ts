/**
 * The next map, in the making: every change to a configuration passes here.
 *
 * Keeps true (E1, E4, E8):
 * - a change of members or primary, the loss of a learner, or a restart sets `epoch` to the new map's version,
 *   clears `active`, and makes the fence `(active before ? nobody : old fence) + (old members - new members)`;
 *   a peer taken back as a member stays in the fence while no epoch in between was active;
 * - gaining a learner keeps the epoch;
 * - the primary of a new epoch is in `members` and in `la`, and there is at least one member; anything else is
 *   a broken invariant and throws;
 * - what did not change is the same object in both maps, and the map before is never touched.
 * Several edits of one partition in one draft count as one step from the map before to the map after.
 */
import {
  CHANGES_PER_TERM,
  type ClusterMap,
  type Epoch,
  type MapVersion,
  type PartitionConfig,
  type PeerId,
  type PeerRecord,
  type StoreId,
} from '../../common/configuration.js';

/** What an edit sets; what it leaves out stays. */
export interface PartitionEdit {
  readonly primary?: PeerId;
  readonly members?: ReadonlyMap<PeerId, StoreId>;
  readonly learners?: readonly PeerId[];
  /** A new epoch although nothing else changed (a member restarted: E6). */
  readonly renew?: boolean;
}

/** A map being changed; `finish` gives the result. */
export class MapDraft {
  readonly base: ClusterMap;
  /** The version that the finished map will have. */
  readonly ver: MapVersion;
  #peers: Map<PeerId, PeerRecord> | undefined;
  #parts: (PartitionConfig | undefined)[] | undefined;
  #minInSync: number | undefined;
  /** For partitions with a new epoch: the configuration that it follows. */
  readonly #origins = new Map<number, PartitionConfig>();

  /** @param ver the version of the result; the one after `base` unless a rebuild starts a new term */
  constructor(base: ClusterMap, ver: MapVersion = base.ver + 1) {
    assert(
      ver > base.ver && base.ver % CHANGES_PER_TERM < CHANGES_PER_TERM - 1,
      'the version must grow',
      ver,
    );
    this.base = base;
    this.ver = ver;
  }

  /** Whether the result would differ from the base. */
  get changed(): boolean {
    return this.#peers !== undefined || this.#parts !== undefined || this.#minInSync !== undefined;
  }

  get peers(): ReadonlyMap<PeerId, PeerRecord> {
    return this.#peers ?? this.base.peers;
  }

  get parts(): readonly (PartitionConfig | undefined)[] {
    return this.#parts ?? this.base.parts;
  }

  get minInSync(): number {
    return this.#minInSync ?? this.base.minInSync ?? 1;
  }

  /** Whether this draft has already given the partition a new epoch. */
  isRenewed(partition: number): boolean {
    return this.#origins.has(partition);
  }

  setPeer(id: PeerId, record: PeerRecord): void {
    this.#peers ??= new Map(this.base.peers);
    this.#peers.set(id, record);
  }

  dropPeer(id: PeerId): void {
    this.#peers ??= new Map(this.base.peers);
    this.#peers.delete(id);
  }

  setMinInSync(copies: number): void {
    this.#minInSync = copies;
  }

  /** E5: this epoch's primary has activated, so its members are the last that are known to have been active. */
  markActive(partition: number, epoch: Epoch): void {
    const part = this.parts[partition];
    if (!part || part.epoch !== epoch || part.active) return;
    this.#set(partition, { ...part, active: true, la: [...part.members.keys()] });
  }

  /** Creates a partition that does not exist yet; all its members are its first, empty copies. */
  create(partition: number, primary: PeerId, members: ReadonlyMap<PeerId, StoreId>): void {
    assert(this.parts[partition] === undefined, 'a partition is created once', partition);
    const la = [...members.keys()];
    const part = { epoch: this.ver, primary, members, learners: [], fence: [], active: false, la };
    checkPart(partition, part);
    this.#set(partition, part);
  }

  /** Takes a configuration over as it is, in a new epoch: it is not known any more whether it was active. */
  adopt(partition: number, part: PartitionConfig): void {
    this.#origins.set(partition, { ...part, active: false });
    this.#set(partition, { ...part, active: false });
    this.edit(partition, { learners: [], renew: true });
  }

  edit(partition: number, edit: PartitionEdit): void {
    const before = this.parts[partition];
    assert(before !== undefined, 'only an existing partition can be changed', partition);
    const members = edit.members ?? before.members;
    const learners = (edit.learners ?? before.learners).filter((id) => !members.has(id));
    const primary = edit.primary ?? before.primary;
    const origin = this.#origins.get(partition);
    const lostLearner = before.learners.some((id) => !learners.includes(id) && !members.has(id));
    const renewed =
      origin !== undefined ||
      edit.renew === true ||
      primary !== before.primary ||
      lostLearner ||
      !sameMembers(members, before.members);
    if (!renewed) {
      this.#set(partition, { ...before, learners });
      return;
    }
    const follows = origin ?? before;
    this.#origins.set(partition, follows);
    const part: PartitionConfig = {
      epoch: this.ver,
      primary,
      members,
      learners,
      fence: fenceOf(follows, members),
      active: false,
      la: follows.la,
    };
    checkPart(partition, part);
    this.#set(partition, part);
  }

  /** The finished map; the base itself where nothing changed. */
  finish(): ClusterMap {
    if (!this.changed) return this.base;
    const { ver, peers, parts, minInSync } = this;
    return { clusterId: this.base.clusterId, ver, peers, parts, ...(minInSync > 1 && { minInSync }) };
  }

  #set(partition: number, part: PartitionConfig): void {
    this.#parts ??= [...this.base.parts];
    while (this.#parts.length < partition) this.#parts.push(undefined);
    this.#parts[partition] = part;
  }
}

function fenceOf(before: PartitionConfig, members: ReadonlyMap<PeerId, StoreId>): PeerId[] {
  const fence = before.active ? [] : [...before.fence];
  for (const id of before.members.keys()) {
    if (!members.has(id) && !fence.includes(id)) fence.push(id);
  }
  return fence;
}

function sameMembers(a: ReadonlyMap<PeerId, StoreId>, b: ReadonlyMap<PeerId, StoreId>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [id, storeId] of a) if (b.get(id) !== storeId) return false;
  return true;
}

function checkPart(partition: number, part: PartitionConfig): void {
  assert(part.members.size > 0, 'a partition has a member', partition);
  assert(part.members.has(part.primary), 'the primary is a member (E4)', partition);
  assert(part.la.includes(part.primary), 'the primary was in the last active configuration (E4)', partition);
}

function assert(holds: boolean, what: string, seen: unknown): asserts holds {
  if (!holds) throw new Error(`invariant broken: expected that ${what}, saw ${String(seen)}`);
}
