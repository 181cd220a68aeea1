/**
 * Announced restarts: a process that is about to stop is relieved of its duties while it still runs.
 *
 * Keeps true:
 * - it is taken out of the members, and hands over what it leads, in one step; but only where `minInSync` members (at
 *   least one) are left, and each of these has answered a probe that was sent after the wish was noticed in this epoch
 *   (E3). So no planned step makes a partition refuse writes, or shrinks it onto a lost copy;
 * - where nobody stays, because every member is about to stop, nothing is changed: a cluster that is stopped as a
 *   whole keeps all its copies in sync;
 * - all partitions that are ready share one change of the map: it waits for the last answer, up to a planning round;
 * - nothing is copied. The data stays on its disk, and it is remembered that it was here, so that it may return.
 */
import { type Epoch, isRestarting, type PartitionConfig, type PeerId } from '../../common/configuration.js';
import type { Accusations } from './accusations.js';
import { isSteady } from './calm.js';
import { chooseLeader } from './leadership.js';
import { allAnsweredAfter, existing, type Situation } from './situation.js';

/** What relief looks at besides the map, and whom it tells. */
export interface DepartureContext {
  readonly accusations: Accusations;
  /** Whose answer would settle something: to be probed at once. */
  readonly probe: Set<PeerId>;
  /** Called for each member that is taken out, and will want its place back. */
  readonly onRemoved: (partition: number, id: PeerId) => void;
}

interface Relief {
  readonly partition: number;
  readonly part: PartitionConfig;
  /** Who is a member afterwards. */
  readonly kept: readonly PeerId[];
  /** Those of them that go on running. */
  readonly staying: readonly PeerId[];
}

/** The wishes to stop that are being fulfilled. */
export class Departures {
  /** When a partition was first seen in this epoch with somebody to relieve, as a probe round. */
  readonly #since = new Map<number, { readonly epoch: Epoch; readonly round: number }>();

  /** When each of them was first seen to leave. */
  readonly #firstMs = new Map<PeerId, number>();

  /** Relieves whoever can be. `everything` false: not before all partitions that wait for an answer have it. */
  advance(situation: Situation, context: DepartureContext, everything: boolean): void {
    const leavers = leaversOf(situation);
    for (const id of leavers) this.#firstMs.set(id, this.#firstMs.get(id) ?? situation.nowMs);
    for (const id of this.#firstMs.keys()) if (!leavers.includes(id)) this.#firstMs.delete(id);
    if (leavers.length === 0) {
      this.#since.clear();
      return;
    }
    const ready: Relief[] = [];
    let waits = false;
    for (const [partition, part] of existing(situation)) {
      const relief = reliefOf(situation, leavers, partition, part);
      if (relief === undefined || !isSteady(situation, context, partition, part)) continue;
      if (allAnsweredAfter(situation, relief.kept, this.#roundOf(situation, relief))) {
        ready.push(relief);
        continue;
      }
      waits = true;
      for (const id of relief.kept) context.probe.add(id);
    }
    if (waits && !everything) return;
    for (const relief of ready) relieve(situation, context, leavers, relief);
  }

  /** Whether somebody who left is expected back soon: nothing is evened out until then, to be undone at once. */
  areAwaited({ nowMs, settings }: Situation): boolean {
    for (const sinceMs of this.#firstMs.values()) {
      if (nowMs - sinceMs < settings.timing.repairAfterMs) return true;
    }
    return false;
  }

  #roundOf({ liveness }: Situation, { partition, part }: Relief): number {
    const known = this.#since.get(partition);
    if (known?.epoch === part.epoch) return known.round;
    const { round } = liveness;
    this.#since.set(partition, { epoch: part.epoch, round });
    return round;
  }
}

/** Who is about to stop, always in the same order: where not all of them can go, the first ones do. */
function leaversOf({ draft }: Situation): PeerId[] {
  const leavers: PeerId[] = [];
  for (const [id, record] of draft.peers) if (isRestarting(record)) leavers.push(id);
  return leavers.sort();
}

/** What can be done for the leavers in this partition; undefined if nothing can, or nothing need be. */
function reliefOf(
  { draft, settings }: Situation,
  leavers: readonly PeerId[],
  partition: number,
  part: PartitionConfig,
): Relief | undefined {
  const members = [...part.members.keys()];
  const staying = members.filter((id) => !leavers.includes(id));
  if (staying.length === 0) return undefined;
  const floor = Math.max(draft.minInSync, settings.minInSync ?? 1);
  const room = Math.max(0, members.length - floor);
  const going = leavers.filter((id) => part.members.has(id)).slice(0, room);
  const kept = members.filter((id) => !going.includes(id));
  const leads = !staying.includes(part.primary);
  const learns = part.learners.some((id) => leavers.includes(id));
  return going.length > 0 || leads || learns ? { partition, part, kept, staying } : undefined;
}

function relieve(
  situation: Situation,
  { onRemoved }: DepartureContext,
  leavers: readonly PeerId[],
  { partition, part, kept, staying }: Relief,
): void {
  const primary = chooseLeader(situation, part, staying);
  if (primary === undefined) return;
  const members = new Map([...part.members].filter(([id]) => kept.includes(id)));
  const learners = part.learners.filter((id) => !leavers.includes(id));
  situation.draft.edit(partition, { primary, members, learners });
  for (const id of part.members.keys()) if (!members.has(id)) onRemoved(partition, id);
}
