/**
 * Planned moves: hand-overs of primaries, and copies that change their place (H).
 *
 * Keeps true:
 * - nothing is moved but what is calm: the partition is active, complete, without a learner, nobody in it is
 *   silent, restarted, about to restart (departures.ts) or accused;
 * - a copy moves as learner -> ADD -> hand over if the leaving member leads -> remove. The number of copies never
 *   falls below what it was, and each step waits until the one before is known to be active;
 * - before a leaving member is dropped, the others answered a probe sent after it became superfluous (E3);
 * - at most `maxMoves` partitions are being copied, repairs included, and at most `maxHandOvers` handed over, which
 *   costs no data; primaries go before copies, and copies at the pace of pace.ts;
 * - each move brings the distribution nearer to balance (shifts.ts), and a balanced cluster stays still.
 * That a move is under way can be read from the map (a learner in a full partition, a member too many), so a new
 * orchestrator finishes what another began; only which member leaves is remembered here, and else chosen anew.
 */
import { type Epoch, isRestarting, type PartitionConfig, type PeerId } from '../../common/configuration.js';
import type { Accusations, CoolDowns } from './accusations.js';
import { isCalm, isSteady } from './calm.js';
import { copiesMissing } from './imbalance.js';
import { chooseSuccessor, eligible } from './leadership.js';
import { mayReceive } from './learners.js';
import type { Move } from './machine.js';
import { Pace } from './pace.js';
import { fairShares, type Good, holdings, isBalanced, weightFor } from './placement.js';
import type { ShareBounds } from './shares.js';
import { nextShifts, type Shift } from './shifts.js';
import { allAnsweredAfter, allSound, existing, isSound, type Situation } from './situation.js';

/** What planned moves look at besides the map. */
export interface MoveContext {
  readonly accusations: Accusations;
  readonly coolDowns: CoolDowns;
  readonly probe: Set<PeerId>;
}

/** The planned moves that are under way, and the choice of the next ones. */
export class Moves {
  /** Which member leaves when the partition's learner has become a member. */
  readonly #leaving = new Map<number, PeerId>();
  /** When a partition was first seen in this epoch with a member too many, as a probe round. */
  readonly #superfluousSince = new Map<number, { readonly epoch: Epoch; readonly round: number }>();
  readonly #pace = new Pace();
  /** Partitions handed over, with the epoch that should activate next. */
  readonly #handed = new Map<number, Epoch>();

  /** Takes one step further whatever is under way, then starts what else is needed and allowed; nothing if it `waits`. */
  advance(situation: Situation, context: MoveContext, waits: boolean): void {
    this.#forgetDone(situation);
    for (const [partition, part] of existing(situation)) {
      if (part.members.size > situation.settings.replicationFactor && part.learners.length === 0) {
        this.#trim(situation, context, partition, part);
      }
    }
    const mayCopy = this.#pace.allows(situation.nowMs, this.#isMoving(situation), situation.settings.pace);
    if (waits) return;
    if (!this.#startHandOvers(situation, context) && mayCopy) {
      this.#startCopies(situation, context);
    }
  }

  /** Whether the operator's hand-over can be done now; if so it is. */
  handOver(situation: Situation, partition: number, to: PeerId): string | undefined {
    const part = situation.draft.parts[partition];
    if (!part) return 'there is no such partition';
    if (!eligible(part, part.members.keys()).includes(to)) return `${to} may not lead it now`;
    if (!isSound(situation, part, to)) return `${to} does not answer`;
    if (isRestarting(situation.draft.peers.get(to) ?? {})) return `${to} is about to stop`;
    if (part.primary !== to) this.#hand(situation, partition, to);
    return undefined;
  }

  /** Whether the operator's copy can be begun now; if so it is. */
  copy(situation: Situation, context: MoveContext, { partition, from, to }: Shift): string | undefined {
    const part = situation.draft.parts[partition];
    if (!part) return 'there is no such partition';
    if (!part.members.has(from)) return `${from} holds no copy of it`;
    const isMoving = part.learners.length > 0 || part.members.size > situation.settings.replicationFactor;
    if (part.members.has(to) || isMoving) return 'it is already moving, or there already';
    if (!mayReceive(situation, to, context.coolDowns)) return `${to} cannot take a copy now`;
    this.#begin(situation, { partition, from, to });
    return undefined;
  }

  /** The move of this partition, for people. */
  describe(partition: number, part: PartitionConfig): Move {
    return { partition, from: this.#leaving.get(partition), to: part.learners[0] };
  }

  /** Which member leaves each partition that is being moved. */
  get leaving(): ReadonlyMap<number, PeerId> {
    return this.#leaving;
  }

  /** Whether we are about to replace one of the partition's members. */
  isPlanned(partition: number): boolean {
    return this.#leaving.has(partition);
  }

  /** How many more partitions may be handed over: `#forgetDone` has dropped those that are active by now. */
  #roomToHand({ settings }: Situation): number {
    return settings.limits.maxHandOvers - this.#handed.size;
  }

  #hand({ draft }: Situation, partition: number, primary: PeerId): void {
    draft.edit(partition, { primary });
    this.#handed.set(partition, draft.ver);
  }

  #begin({ draft }: Situation, { partition, from, to }: Shift): void {
    this.#leaving.set(partition, from);
    draft.edit(partition, { learners: [to] });
  }

  #forgetDone(situation: Situation): void {
    const { draft, settings } = situation;
    for (const [partition, from] of this.#leaving) {
      const part = draft.parts[partition];
      const size = part ? part.members.size + part.learners.length : 0;
      if (!part?.members.has(from) || size <= settings.replicationFactor) this.#leaving.delete(partition);
    }
    for (const [partition, epoch] of this.#handed) {
      const part = draft.parts[partition];
      if (part?.epoch !== epoch || part.active) this.#handed.delete(partition);
    }
    for (const [partition, { epoch }] of this.#superfluousSince) {
      if (draft.parts[partition]?.epoch !== epoch) this.#superfluousSince.delete(partition);
    }
  }

  #trim(situation: Situation, context: MoveContext, partition: number, part: PartitionConfig): void {
    if (!isSteady(situation, context, partition, part)) return;
    const leaver = this.#leaverOf(situation, partition, part);
    if (leaver === part.primary) {
      const primary = chooseSuccessor(situation, part);
      if (primary !== undefined) this.#hand(situation, partition, primary);
      return;
    }
    const since = this.#superfluousSince.get(partition) ?? {
      epoch: part.epoch,
      round: situation.liveness.round,
    };
    this.#superfluousSince.set(partition, since);
    const members = new Map([...part.members].filter(([id]) => id !== leaver));
    if (allAnsweredAfter(situation, members.keys(), since.round)) {
      situation.draft.edit(partition, { members });
    } else {
      for (const id of members.keys()) context.probe.add(id);
    }
  }

  #leaverOf(situation: Situation, partition: number, part: PartitionConfig): PeerId {
    const planned = this.#leaving.get(partition);
    if (planned !== undefined && part.members.has(planned)) return planned;
    const shares = fairShares(situation, 'copies');
    const held = holdings(situation, 'copies', shares, this.#leaving);
    const surplus = (id: PeerId) =>
      (held.get(id) ?? 0) - (shares.get(id)?.high ?? 0) + (id === part.primary ? -0.5 : 0);
    const leaver = [...part.members.keys()].reduce((best, id) => (surplus(id) > surplus(best) ? id : best));
    this.#leaving.set(partition, leaver);
    return leaver;
  }

  /** Starts hand-overs; answers whether any is under way, which copies wait for. */
  #startHandOvers(situation: Situation, context: MoveContext): boolean {
    const shares = fairShares(situation, 'primaries');
    const held = holdings(situation, 'primaries', shares, this.#leaving);
    if (isBalanced(held, shares)) return false;
    let started = false;
    for (let room = this.#roomToHand(situation); room > 0; room = this.#roomToHand(situation)) {
      const edges = this.#edges(situation, context, 'primaries', shares);
      const shifts = nextShifts({ counts: held, bounds: shares, edges });
      if (shifts.length === 0) break;
      for (const shift of shifts.slice(0, room)) {
        this.#hand(situation, shift.partition, shift.to);
        shiftCounts(held, shift);
      }
      started = true;
    }
    return started;
  }

  /** How many more partitions may be copied; a chain longer than that is begun in part. */
  #roomToCopy(situation: Situation): number {
    return situation.settings.limits.maxMoves - copying(situation, this);
  }

  /** Whether a planned copy is on its way, and not stuck. */
  #isMoving(situation: Situation): boolean {
    for (const partition of this.#leaving.keys()) {
      const part = situation.draft.parts[partition];
      if (part && (part.active || allSound(situation, part))) return true;
    }
    return false;
  }

  #startCopies(situation: Situation, context: MoveContext): void {
    if (copiesMissing(situation) > 0) return;
    const shares = fairShares(situation, 'copies');
    const held = holdings(situation, 'copies', shares, this.#leaving);
    if (isBalanced(held, shares)) return;
    for (let room = this.#roomToCopy(situation); room > 0; room = this.#roomToCopy(situation)) {
      const edges = this.#edges(situation, context, 'copies', shares);
      const shifts = nextShifts({ counts: held, bounds: shares, edges });
      if (shifts.length === 0) return;
      for (const shift of shifts.slice(0, room)) {
        this.#begin(situation, shift);
        shiftCounts(held, shift);
      }
    }
  }

  #edges(
    situation: Situation,
    context: MoveContext,
    good: Good,
    shares: ReadonlyMap<PeerId, ShareBounds>,
  ): Map<PeerId, Map<PeerId, number>> {
    const edges = new Map<PeerId, Map<PeerId, number>>();
    const receivers = [...shares.keys()].filter((id) => {
      const record = situation.draft.peers.get(id);
      return record && weightFor(good, record) > 0 && mayReceive(situation, id, context.coolDowns);
    });
    for (const [partition, part] of existing(situation)) {
      if (!isCalm(situation, context, partition, part, good)) continue;
      if (good === 'primaries') {
        const takers = receivers.filter(
          (id) => id !== part.primary && part.la.includes(id) && part.members.has(id),
        );
        addEdges(edges, part.primary, takers, partition, false);
        continue;
      }
      const takers = receivers.filter((id) => !part.members.has(id));
      for (const id of part.members.keys()) addEdges(edges, id, takers, partition, id !== part.primary);
    }
    return edges;
  }
}

/** Partitions that are being copied: with a learner or a member too many, and not stuck. */
export function copying(situation: Situation, moves: Moves): number {
  const { replicationFactor } = situation.settings;
  let moving = 0;
  for (const [partition, part] of existing(situation)) {
    if (part.learners.length === 0 && part.members.size <= replicationFactor) continue;
    // What is stuck because members are gone must not keep everything else from moving.
    if (part.active || (moves.isPlanned(partition) && allSound(situation, part))) moving++;
  }
  return moving;
}

function addEdges(
  edges: Map<PeerId, Map<PeerId, number>>,
  from: PeerId,
  takers: readonly PeerId[],
  partition: number,
  preferred: boolean,
): void {
  const known = edges.get(from) ?? new Map<PeerId, number>();
  edges.set(from, known);
  for (const to of takers) if (preferred || !known.has(to)) known.set(to, partition);
}

function shiftCounts(held: Map<PeerId, number>, { from, to }: Shift): void {
  if (held.has(from)) held.set(from, (held.get(from) as number) - 1);
  if (held.has(to)) held.set(to, (held.get(to) as number) + 1);
}
