/**
 * What an operator may ask for: drains, moves, forgetting a peer, and going on without what is missing.
 *
 * Invariants: a wish is checked wholly before the manager hears of it; 202 says that it is taken up, not that it is
 * done (`GET /status` shows how far it is); what may lose writes is done only with `?accept-loss=true`.
 */
import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import type { ChangeAnswer, PlannedChange } from '../common/control-messages.js';
import { readJson } from '../common/http-body.js';
import { nameSchema } from '../common/names.js';
import { Problem } from '../common/problems.js';
import type { Outlook } from './reports.js';

const MAX_BODY_BYTES = 4 * 1024;

/** What an operator's request needs of the orchestrator. */
export interface OperatorDesk {
  outlook(): Outlook;
  /** Rejects with a Problem where the manager does not answer in time. */
  change(change: PlannedChange): Promise<ChangeAnswer>;
}

const moveSchema = z.union([
  z.strictObject({ primary: nameSchema }),
  z.strictObject({ from: nameSchema.optional(), to: nameSchema }),
]);

/** `POST /nodes/:id/drain`, `/undrain` and `/forget` */
export function changeNode(desk: OperatorDesk, type: 'drain' | 'undrain' | 'forget') {
  return async (ctx: RouterContext): Promise<void> => {
    const peer = ctx.params.id ?? '';
    if (!desk.outlook().status.map.peers.has(peer)) {
      throw new Problem('node-not-found', 'There is no such peer; GET /all-nodes names them.');
    }
    await carryOut(ctx, desk, { type, peer });
  };
}

/** `POST /partitions/:n/move` with `{"primary"}`, or with `{"to"}` and perhaps `{"from"}` */
export function movePartition(desk: OperatorDesk) {
  return async (ctx: RouterContext): Promise<void> => {
    const partition = partitionOf(ctx, desk);
    const wish = moveSchema.safeParse(await readJson(ctx.req, MAX_BODY_BYTES));
    if (!wish.success) {
      throw new Problem(
        'invalid-request',
        'Send {"primary": ID} to hand the partition over, or {"from": ID, "to": ID} to move a copy.',
      );
    }
    if ('primary' in wish.data) {
      await carryOut(ctx, desk, { type: 'move-primary', partition, to: wish.data.primary });
      return;
    }
    const { to, from = giverOf(desk, partition) } = wish.data;
    await carryOut(ctx, desk, { type: 'move-replica', partition, from, to });
  };
}

/** `POST /partitions/:n/force-rebuild?accept-loss=true` */
export function forceRebuild(desk: OperatorDesk) {
  return async (ctx: RouterContext): Promise<void> => {
    const partition = Number(ctx.params.n);
    const undecided = desk.outlook().status.undecided.find((each) => each.partition === partition);
    if (undecided === undefined) {
      throw new Problem(
        'change-refused',
        'Nothing is being rebuilt there; GET /status lists what is undecided.',
      );
    }
    if (new URLSearchParams(ctx.querystring).get('accept-loss') !== 'true') {
      const missing = undecided.missing.join(', ') || 'every peer';
      throw new Problem(
        'change-refused',
        `Partition ${partition} waits for ${missing}. Going on without gives up acknowledged writes that nobody else ` +
          'holds; if that is what you want, add ?accept-loss=true.',
      );
    }
    await carryOut(ctx, desk, { type: 'force-rebuild', partition });
  };
}

async function carryOut(ctx: RouterContext, desk: OperatorDesk, change: PlannedChange): Promise<void> {
  const answer = await desk.change(change);
  if (answer.kind === 'refused') throw new Problem('change-refused', `Not now: ${answer.why}.`);
  ctx.status = 202;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { accepted: change };
}

function partitionOf(ctx: RouterContext, desk: OperatorDesk): number {
  const text = ctx.params.n ?? '';
  const partition = Number(text);
  if (/^\d{1,5}$/.test(text) && desk.outlook().status.map.parts[partition] !== undefined) return partition;
  throw new Problem('not-found', 'There is no such partition; GET /partitions lists them.');
}

/** Of the replicas the one whose peer holds the most, as any may go. */
function giverOf(desk: OperatorDesk, partition: number): string {
  const { parts } = desk.outlook().status.map;
  const held = (id: string) => parts.filter((part) => part?.members.has(id)).length;
  const part = parts[partition];
  const replicas = [...(part?.members.keys() ?? [])].filter((id) => id !== part?.primary);
  const [first = part?.primary ?? '', ...others] = replicas;
  return others.reduce((most, id) => (held(id) > held(most) ? id : most), first);
}
