/** The members of a cluster as people are told of them, by the orchestrator and by every peer alike. */
import { hostPort } from './names.js';
import type { Status, View } from './view.js';

/** One member, ready for JSON. */
export interface NodeSummary {
  readonly id: string;
  /** host:port for clients. */
  readonly address: string;
  readonly status: Status;
  /** When it became a member, as ISO 8601. */
  readonly since: string;
  readonly weight: number;
  /** Partitions of which it is the primary, and a further copy. */
  readonly partitions: { readonly primary: number; readonly replica: number };
}

/** All members, peer-2 before peer-10. */
export function summarise(view: View): NodeSummary[] {
  const primary = new Map<string, number>();
  const replica = new Map<string, number>();
  for (const partition of view.partitions) {
    if (partition.primary !== null) count(primary, partition.primary);
    for (const id of partition.replicas) count(replica, id);
  }
  const byName = new Intl.Collator('en', { numeric: true });
  return view.members
    .toSorted((a, b) => byName.compare(a.id, b.id))
    .map(({ id, host, port, status, memberSinceMs, weight }) => ({
      id,
      address: hostPort(host, port),
      status,
      since: new Date(memberSinceMs).toISOString(),
      weight,
      partitions: { primary: primary.get(id) ?? 0, replica: replica.get(id) ?? 0 },
    }));
}

function count(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
