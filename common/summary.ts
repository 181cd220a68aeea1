/**
 * The members of a cluster as people are told of them, by the orchestrator and by every peer alike: who owns what
 * from the map, who is there from the orchestrator's roster.
 */
import type { ClusterMap } from './configuration.js';
import { hostPort } from './names.js';
import { parsePeerAddress } from './peer-address.js';
import type { Roster, Status } from './roster.js';

/** One member, ready for JSON. */
export interface NodeSummary {
  readonly id: string;
  /** host:port for clients. */
  readonly address: string;
  /** `unknown` where no orchestrator has told. */
  readonly status: Status | 'unknown';
  /** Since when it has this status, as ISO 8601; null where that is unknown. */
  readonly since: string | null;
  readonly weight: number;
  /** Partitions of which it is the primary, holds a further copy, and is being given one. */
  readonly partitions: { readonly primary: number; readonly replica: number; readonly joining: number };
}

/** All members, peer-2 before peer-10. */
export function summarise(map: ClusterMap, roster: Roster | null): NodeSummary[] {
  const counts = countPartitions(map);
  const known = new Map(roster?.peers.map((entry) => [entry.id, entry]));
  const byName = new Intl.Collator('en', { numeric: true });
  return [...map.peers]
    .sort(([a], [b]) => byName.compare(a, b))
    .map(([id, { addr, weight }]) => {
      const entry = known.get(id);
      return {
        id,
        address: clientAddress(addr),
        status: entry?.status ?? 'unknown',
        since: entry === undefined ? null : new Date(entry.sinceMs).toISOString(),
        weight: weight ?? 1,
        partitions: counts.get(id) ?? NONE,
      };
    });
}

/** host:port for clients, of the text that maps carry as `addr`. */
export function clientAddress(addr: string): string {
  const address = parsePeerAddress(addr);
  return address === undefined ? addr : hostPort(address.host, address.port);
}

const NONE = { primary: 0, replica: 0, joining: 0 };

function countPartitions({ parts }: ClusterMap): Map<string, NodeSummary['partitions']> {
  const counts = new Map<string, { primary: number; replica: number; joining: number }>();
  const of = (id: string) => {
    const known = counts.get(id) ?? { ...NONE };
    counts.set(id, known);
    return known;
  };
  for (const part of parts) {
    if (part === undefined) continue;
    for (const id of part.members.keys()) {
      if (id === part.primary) of(id).primary++;
      else of(id).replica++;
    }
    for (const id of part.learners) of(id).joining++;
  }
  return counts;
}
