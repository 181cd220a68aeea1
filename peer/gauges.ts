/** What `GET /metrics` shows of a peer beside its requests, as it is at that moment. */
import type { Gauge } from '../common/http-metrics.js';
import { PARTITION_COUNT } from '../common/slots.js';
import type { OrchestratorLink } from './orchestrator-link.js';
import type { Replica } from './replica.js';
import type { Role } from './replication/partition.js';
import type { StorageEngine } from './storage/engine.js';

const ROLES: readonly Exclude<Role, 'none'>[] = ['active', 'starting', 'member', 'learner'];

/** Reads everything once. */
export function gaugesOf(
  replica: Pick<Replica, 'map' | 'status'>,
  engine: Pick<StorageEngine, 'stats'>,
  link: Pick<OrchestratorLink, 'silentMs'>,
): Gauge[] {
  const roles = new Map<Role, number>();
  let uncommitted = 0;
  let unreadable = 0;
  let damaged = 0;
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    const status = replica.status(partition);
    if (status === undefined) continue;
    roles.set(status.role, (roles.get(status.role) ?? 0) + 1);
    uncommitted += status.prep - status.com;
    damaged += status.damaged;
    if (status.role === 'member' && !status.readable) unreadable++;
  }
  const { keys, bytes } = engine.stats();
  return [
    ...ROLES.map((role) => ({
      name: 'covey_partitions',
      help: 'Partitions here, by what this peer is for them; active and starting ones it leads.',
      value: roles.get(role) ?? 0,
      labels: { role },
    })),
    {
      name: 'covey_unreadable_partitions',
      help: 'Partitions whose reads wait for a lease of another copy.',
      value: unreadable,
    },
    {
      name: 'covey_uncommitted_entries',
      help: 'Writes here that not every in-sync copy has yet.',
      value: uncommitted,
    },
    { name: 'covey_damaged_rows', help: 'Rows whose checksum is wrong, not mended yet.', value: damaged },
    { name: 'covey_map_version', help: 'Version of the map that this peer follows.', value: replica.map.ver },
    { name: 'covey_stored_rows', help: 'Rows in the store, tombstones included.', value: keys },
    { name: 'covey_stored_bytes', help: 'Bytes in use by the store.', value: bytes },
    {
      name: 'covey_orchestrator_silent_seconds',
      help: 'Time since the orchestrator last spoke to this peer.',
      value: Math.min(link.silentMs, Number.MAX_SAFE_INTEGER) / 1_000,
    },
  ];
}
