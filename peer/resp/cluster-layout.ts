/**
 * The cluster as Redis clients see one: runs of slots, each with the peer that leads it and those that have a copy.
 *
 * Every peer answers for every key, so whatever a client makes of this only changes how far its requests travel.
 */
import { createHash } from 'node:crypto';
import type { PartitionConfig, PeerId } from '../../common/configuration.js';
import { PARTITION_COUNT, SLOT_COUNT } from '../../common/slots.js';
import type { RespCluster } from './store.js';

const SLOTS_PER_PARTITION = SLOT_COUNT / PARTITION_COUNT;

/** A peer that Redis clients can reach. */
export interface ClusterNode {
  /** As Redis names nodes: 40 hexadecimal digits. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** Neighbouring slots that the same peers hold. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly primary: ClusterNode;
  readonly replicas: readonly ClusterNode[];
}

/** The name of a peer as Redis clients are told it. */
export function nodeId(peer: PeerId): string {
  return createHash('sha1').update(peer).digest('hex');
}

/** The peer as a node; undefined where it is not known to serve Redis clients. */
export function nodeOf(cluster: RespCluster, peer: PeerId): ClusterNode | undefined {
  const address = cluster.respAddress(peer);
  return address && { id: nodeId(peer), ...address };
}

/** Who holds which slots, from slot 0 up; slots that nobody holds yet are left out. */
export function slotRanges(cluster: RespCluster): SlotRange[] {
  const ranges: SlotRange[] = [];
  let signature = '';
  for (const [partition, config] of cluster.map().parts.entries()) {
    const holders = config && holdersOf(cluster, config);
    if (config === undefined || holders === undefined) {
      signature = '';
      continue;
    }
    const last = (partition + 1) * SLOTS_PER_PARTITION - 1;
    const next = [holders.primary, ...holders.replicas].map(({ id }) => id).join();
    const open = ranges.at(-1);
    if (open !== undefined && next === signature) ranges[ranges.length - 1] = { ...open, last };
    else ranges.push({ first: partition * SLOTS_PER_PARTITION, last, ...holders });
    signature = next;
  }
  return ranges;
}

/** A primary that serves no Redis clients is stood in for by this peer, which forwards. */
function holdersOf(
  cluster: RespCluster,
  { primary, members }: PartitionConfig,
): Pick<SlotRange, 'primary' | 'replicas'> | undefined {
  const leader = nodeOf(cluster, primary) ?? nodeOf(cluster, cluster.id);
  if (leader === undefined) return undefined;
  const replicas = [...members.keys()]
    .filter((id) => id !== primary)
    .sort()
    .flatMap((id) => nodeOf(cluster, id) ?? [])
    .filter(({ id }) => id !== leader.id);
  return { primary: leader, replicas };
}
