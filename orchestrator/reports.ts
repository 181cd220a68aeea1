/** What the orchestrator tells people about the cluster, as values that are ready for JSON. */
import type { Roster } from '../common/roster.js';
import { type NodeSummary, summarise } from '../common/summary.js';
import type { Imbalance, ManagerStatus, Undecided } from './configuration/machine.js';
import type { Health } from './health.js';
import type { WatchedMove } from './move-watch.js';
import { listed } from './notes.js';

/** One moment of the orchestrator, as it is told of. */
export interface Outlook {
  readonly status: ManagerStatus;
  readonly imbalance: Imbalance;
  readonly roster: Roster;
  readonly moves: readonly WatchedMove[];
  /** Copies that arrived in the run of moves that is under way. */
  readonly moved: number;
  /** Why the registry cannot be stored; null where it can. */
  readonly fault: string | null;
  /** Copies that the cluster is to have of each partition. */
  readonly copies: number;
  readonly url: string;
  readonly nowMs: number;
  health(peer: string): Health;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `GET /all-nodes` */
export function membersReport({ status: { map }, roster, url }: Outlook): object {
  return { cluster: map.clusterId, epoch: map.ver, orchestrator: url, nodes: summarise(map, roster) };
}

/** `GET /partitions` */
export function partitionsReport({ status: { map }, copies }: Outlook): object {
  const partitions = map.parts.flatMap((part, partition) => {
    if (part === undefined) return [];
    const { epoch, primary, members, learners, active } = part;
    const replicas = [...members.keys()].filter((id) => id !== primary);
    return [{ partition, epoch, primary, replicas, joining: learners, active }];
  });
  return { cluster: map.clusterId, epoch: map.ver, copies, partitions };
}

/** `GET /status`: members with their health, and what is under way. */
export function statusReport(outlook: Outlook): object {
  const { status, copies, url, imbalance } = outlook;
  const { map, phase } = status;
  return {
    cluster: map.clusterId,
    epoch: map.ver,
    copies,
    minInSync: map.minInSync ?? 1,
    orchestrator: url,
    ready: readinessReport(outlook).every((check) => check.ok),
    phase,
    waitsFor: waitsFor(outlook),
    nodes: summarise(map, outlook.roster).map((node) => ({ ...node, health: healthOf(node, outlook) })),
    rebalance: {
      underWay: outlook.moves.length,
      done: outlook.moved,
      toCome: imbalance.missing + imbalance.copies,
      primariesToHandOver: imbalance.primaries,
      moves: outlook.moves.map(({ partition, from, to, sinceMs }) => ({
        partition,
        from: from ?? null,
        to: to ?? null,
        since: new Date(sinceMs).toISOString(),
      })),
    },
    drains: drains(outlook),
    partitions: partitionCounts(status, copies),
  };
}

/** What must happen before things go on, in plain words; nothing where nothing is waited for. */
export function waitsFor({ status, fault }: Outlook): string[] {
  const { lost, suspectsSelf } = status;
  const waits = fault === null ? [] : [`the disk of the registry: ${fault}`];
  waits.push(...phaseWaitsFor(status));
  if (lost.length > 0) waits.push(`${listed('partition', lost)}: lost, until an old disk comes back`);
  if (suspectsSelf) waits.push('more than half of all peers fell silent at once: nothing is changed for now');
  return waits;
}

/** The same for the log, in one short line: who is missing, but not for what. */
export function headline(status: ManagerStatus): string {
  const { phase, undecided } = status;
  if (phase !== 'rebuilding' || undecided.length === 0) return phaseWaitsFor(status).join('; ');
  const missing = [...new Set(undecided.flatMap((each) => each.missing))].sort();
  const who = missing.length === 0 ? 'any peer' : missing.join(', ');
  return `rebuilding: ${undecided.length} partitions need answers of ${who}`;
}

/** What must happen before the cluster is managed at all. */
function phaseWaitsFor({ phase, missingFounders, undecided }: ManagerStatus): string[] {
  if (phase === 'rebuilding') return rebuildLines(undecided);
  if (phase !== 'waiting') return [];
  if (missingFounders === 0) return ['the registry is empty: waiting for a peer that knows the cluster'];
  return [`waiting for ${missingFounders} more ${missingFounders === 1 ? 'peer' : 'peers'}`];
}

/** `rebuilding: partitions 3, 7 need an answer of peer-2` */
function rebuildLines(undecided: readonly Undecided[]): string[] {
  const byMissing = new Map<string, number[]>();
  for (const { partition, missing } of undecided) {
    const who = missing.length === 0 ? 'any peer' : missing.join(' and ');
    byMissing.set(who, [...(byMissing.get(who) ?? []), partition]);
  }
  return [...byMissing].map(([who, partitions]) => {
    const verb = partitions.length === 1 ? 'needs' : 'need';
    return `rebuilding: ${listed('partition', partitions)} ${verb} an answer of ${who}`;
  });
}

/** `GET /readyz`: the checks by name. An orchestrator without peers is ready: they cannot come before it is. */
export function readinessReport(outlook: Outlook): Check[] {
  const { status, fault } = outlook;
  const { map, live, phase } = status;
  const waits = waitsFor(outlook);
  return [
    {
      name: 'registry',
      ok: fault === null && phase !== 'reading',
      detail: fault === null ? `${phase}, map ${map.ver}` : `maps cannot be stored (${fault})`,
    },
    {
      name: 'peers',
      ok: true,
      detail: [`${live.length} of ${map.peers.size} answer`, ...waits].join('; '),
    },
  ];
}

function healthOf({ id }: NodeSummary, { health, nowMs, status }: Outlook): object {
  const { answeredMs, epoch, fault } = health(id);
  return {
    answeredAgoMs: answeredMs === null ? null : Math.round(nowMs - answeredMs),
    missing: !status.live.includes(id),
    epoch,
    ...(fault === null ? {} : { fault }),
  };
}

function drains({ status: { map }, roster }: Outlook): object[] {
  const nodes = new Map(summarise(map, roster).map((node) => [node.id, node]));
  return [...map.peers].flatMap(([id, { drain }]) => {
    if (drain === undefined) return [];
    const { primary = 0, replica = 0, joining = 0 } = nodes.get(id)?.partitions ?? {};
    const left = primary + replica + joining;
    return [{ id, ...drain, left, done: left === 0 }];
  });
}

function partitionCounts({ map, lost, undecided }: ManagerStatus, copies: number): object {
  const parts = map.parts.filter((part) => part !== undefined);
  return {
    total: parts.length,
    active: parts.filter((part) => part.active).length,
    short: parts.filter((part) => part.members.size < copies).length,
    lost,
    undecided: undecided.map(({ partition, missing }) => ({ partition, missing })),
  };
}
