/** Views for tests, with just what a test cares about. */
import { PARTITION_COUNT } from '../../../common/slots.js';
import type { Member, PartitionView, View } from '../../../common/view.js';

export const CLUSTER = 'test';

export function member(id: string, over: Partial<Member> = {}): Member {
  const base = { id, host: '127.0.0.1', port: 1, peerPort: 2, instance: 1, weight: 1, status: 'up' as const };
  return { ...base, memberSinceMs: 0, statusSinceMs: 0, ...over };
}

/** A view in which `place` says who owns a partition. */
export function viewOf(
  epoch: number,
  members: readonly Member[],
  place: (partition: number) => Partial<PartitionView>,
): View {
  const partitions = Array.from({ length: PARTITION_COUNT }, (_, i) => ({
    ...{ epoch, primary: null, replicas: [], source: null },
    ...place(i),
  }));
  return { cluster: CLUSTER, epoch, copies: 1, members: [...members], partitions };
}
