/** What the orchestrator tells people about the cluster, as values that are ready for JSON. */
import { hostPort } from '../common/names.js';
import type { Member, View } from '../common/view.js';
import type { Keeper } from './keeper.js';
import { moving } from './registry.js';

/** One member; the shape is that of a peer's `/all-nodes`. */
export interface NodeReport {
  readonly id: string;
  readonly address: string;
  readonly status: Member['status'];
  readonly since: string;
  readonly weight: number;
  readonly partitions: { readonly primary: number; readonly replica: number };
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `GET /all-nodes` */
export function membersReport(view: View, url: string): object {
  return { cluster: view.cluster, epoch: view.epoch, orchestrator: url, nodes: nodesOf(view) };
}

/** `GET /partitions` */
export function partitionsReport(view: View): object {
  const partitions = view.partitions.map((each, partition) => ({ partition, ...each }));
  return { cluster: view.cluster, epoch: view.epoch, copies: view.copies, partitions };
}

/** `GET /status`: members with their health, and what is under way. */
export function statusReport(keeper: Keeper, url: string, nowMs: number): object {
  const { view } = keeper;
  const nodes = nodesOf(view).map((node) => {
    const contact = keeper.contact(node.id);
    const answered = contact?.answeredMs ?? null;
    return {
      ...node,
      health: {
        answeredAgoMs: answered === null ? null : Math.round(nowMs - answered),
        missing: contact?.missingSinceMs !== null,
        epoch: contact?.epoch ?? 0,
        fetching: contact?.fetching ?? 0,
      },
    };
  });
  const moves = view.partitions.flatMap(({ primary, source }, partition) =>
    source === null ? [] : [{ partition, from: source, to: primary }],
  );
  return {
    cluster: view.cluster,
    epoch: view.epoch,
    copies: view.copies,
    orchestrator: url,
    ready: readinessReport(keeper).every((check) => check.ok),
    nodes,
    rebalance: { pending: moves.length, moves },
    partitions: {
      total: view.partitions.length,
      unowned: view.partitions.filter((partition) => partition.primary === null).length,
    },
  };
}

/** `GET /readyz`: the checks by name. An orchestrator without peers is ready: they cannot come before it is. */
export function readinessReport(keeper: Keeper): Check[] {
  const { fault, view } = keeper;
  const up = view.members.filter((member) => member.status === 'up').length;
  return [
    {
      name: 'registry',
      ok: fault === null,
      detail: fault === null ? `view ${view.epoch}` : `views cannot be stored (${fault})`,
    },
    {
      name: 'peers',
      ok: true,
      detail: `${up} of ${view.members.length} up, ${moving(view)} partitions on their way`,
    },
  ];
}

function nodesOf(view: View): NodeReport[] {
  const primary = new Map<string, number>();
  const replica = new Map<string, number>();
  for (const partition of view.partitions) {
    if (partition.primary !== null) count(primary, partition.primary);
    for (const id of partition.replicas) count(replica, id);
  }
  return view.members.map(({ id, host, port, status, memberSinceMs, weight }) => ({
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
