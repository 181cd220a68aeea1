/** What the orchestrator tells people about the cluster, as values that are ready for JSON. */
import { summarise } from '../common/summary.js';
import type { View } from '../common/view.js';
import type { Keeper } from './keeper.js';
import { moving } from './views.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `GET /all-nodes` */
export function membersReport(view: View, url: string): object {
  return { cluster: view.cluster, epoch: view.epoch, orchestrator: url, nodes: summarise(view) };
}

/** `GET /partitions` */
export function partitionsReport(view: View): object {
  const partitions = view.partitions.map((each, partition) => ({ partition, ...each }));
  return { cluster: view.cluster, epoch: view.epoch, copies: view.copies, partitions };
}

/** `GET /status`: members with their health, and what is under way. */
export function statusReport(keeper: Keeper, url: string, nowMs: number): object {
  const { view } = keeper;
  const nodes = summarise(view).map((node) => {
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
