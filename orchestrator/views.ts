/** Questions about whole views. */
import { PARTITION_COUNT } from '../common/slots.js';
import type { View } from '../common/view.js';

/** Far beyond any epoch that counting reaches, and far below where counting by one fails. */
const MAX_EPOCH = 2 ** 50;

/** The view of a cluster that nobody has joined yet. */
export function emptyView(cluster: string, copies: number): View {
  const nobody = { epoch: 0, primary: null, replicas: [], source: null };
  const partitions = Array.from({ length: PARTITION_COUNT }, () => nobody);
  return { cluster, epoch: 0, copies, members: [], partitions };
}

/** How many partitions' data is on its way to a new primary. */
export function moving(view: View): number {
  return view.partitions.filter((partition) => partition.source !== null).length;
}

/** Whether data is on its way to this peer. */
export function isExpecting(view: View, id: string): boolean {
  return view.partitions.some(({ primary, source }) => primary === id && source !== null);
}

/** What is wrong with a view that has the right form, which its schema cannot say; null where nothing is. */
export function viewFault(view: View): string | null {
  const ids = new Set(view.members.map((member) => member.id));
  if (ids.size !== view.members.length) return 'a member is named twice';
  if (view.epoch > MAX_EPOCH) return `epoch ${view.epoch} is not one that was counted`;
  for (const [index, { epoch, primary, replicas, source }] of view.partitions.entries()) {
    if (epoch > view.epoch) return `partition ${index} is newer than the view`;
    for (const id of [primary, source, ...replicas]) {
      if (id !== null && !ids.has(id)) return `partition ${index} names ${id}, who is no member`;
    }
    if (primary === null && source !== null) return `partition ${index} has a source but no primary`;
    const holders = primary === null ? replicas : [primary, ...replicas];
    if (new Set(holders).size !== holders.length) return `partition ${index} names a peer twice`;
  }
  return null;
}
