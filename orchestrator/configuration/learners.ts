/**
 * Who is catching up: learners come, become members, or are dropped (E5, E8, repair).
 *
 * Keeps true:
 * - an ADD counts only from the primary of the present epoch, for a process that is still the one it speaks of
 *   and answers now. It proves that the epoch activated, so `active` and `la` are set before the member is added;
 * - a refused ADD says nothing: the primary goes on waiting for the learner's acknowledgements until the epoch
 *   changes, and every way to lose a learner changes it (E8);
 * - a partition has at most one learner; one that is silent or accused is dropped;
 * - a missing copy goes back to a peer that had it lately, at once. Anybody else gets it only after
 *   `repairAfterMs`, unless everybody is there to stay, so that there is nobody to wait for.
 */
import { isRestarting, type PartitionConfig, type PeerId } from '../../common/configuration.js';
import type { Add } from '../../common/control-messages.js';
import type { Accusations, CoolDowns } from './accusations.js';
import { weightFor } from './placement.js';
import { existing, isHere, isSound, type Situation } from './situation.js';

/** What repairs remember; nothing of it must survive a restart. */
export class Absences {
  readonly #removed = new Map<number, Set<PeerId>>();
  readonly #shortSinceMs = new Map<number, number>();
  readonly #learning = new Map<number, { readonly id: PeerId; readonly sinceMs: number }>();

  /** The member was taken out, and may want its place back. */
  note(partition: number, id: PeerId): void {
    const ids = this.#removed.get(partition) ?? new Set();
    this.#removed.set(partition, ids.add(id));
  }

  /** The partition has all its copies again, or never lacked one. */
  clear(partition: number): void {
    this.#removed.delete(partition);
    this.#shortSinceMs.delete(partition);
    this.#learning.delete(partition);
  }

  /** How long this peer has been catching up with the partition, in ms. */
  learningMs(partition: number, id: PeerId, nowMs: number): number {
    const before = this.#learning.get(partition);
    const sinceMs = before?.id === id ? before.sinceMs : nowMs;
    this.#learning.set(partition, { id, sinceMs });
    return nowMs - sinceMs;
  }

  wasHere(partition: number, id: PeerId): boolean {
    return this.#removed.get(partition)?.has(id) ?? false;
  }

  /** How long the partition has lacked a copy, in ms. */
  shortMs(partition: number, nowMs: number): number {
    const sinceMs = this.#shortSinceMs.get(partition) ?? nowMs;
    this.#shortSinceMs.set(partition, sinceMs);
    return nowMs - sinceMs;
  }
}

/** E5 and C3: the learner of an ADD becomes a member, if all that the ADD says still holds. */
export function admit(situation: Situation, from: PeerId, add: Add): void {
  const { draft } = situation;
  const part = draft.parts[add.partition];
  if (!part || draft.isRenewed(add.partition) || part.epoch !== add.epoch || part.primary !== from) return;
  const learner = draft.peers.get(add.learner);
  const same = learner?.storeId === add.learnerStoreId && learner.inc === add.learnerInc;
  if (!same || !part.learners.includes(add.learner) || !isHere(situation, add.learner)) return;
  draft.markActive(add.partition, add.epoch);
  draft.edit(add.partition, {
    members: new Map([...part.members, [add.learner, add.learnerStoreId]]),
    learners: part.learners.filter((id) => id !== add.learner),
  });
}

/** What judges learners. */
export interface LearnerMemory {
  readonly absences: Absences;
  readonly accusations: Accusations;
  readonly coolDowns: CoolDowns;
}

/** Drops learners that are silent, gone, accused by their primary, or do not get ready. */
export function dropLearners(situation: Situation, memory: LearnerMemory): void {
  const { draft, nowMs, settings } = situation;
  for (const [partition, part] of existing(situation)) {
    const accused = draft.isRenewed(partition)
      ? undefined
      : memory.accusations.due(partition, part.epoch, nowMs)?.who;
    for (const id of part.learners) {
      const tardy = memory.absences.learningMs(partition, id, nowMs) >= settings.timing.learnerPatienceMs;
      if (tardy || id === accused) memory.coolDowns.begin(id, nowMs);
      else if (isHere(situation, id)) continue;
      draft.edit(partition, { learners: part.learners.filter((other) => other !== id) });
    }
  }
}

/** Where repairs stand: how many more may begin now. */
export interface RepairBudget {
  /** New copies on peers that did not have the partition lately. */
  moves: number;
  /** Copies that go back to a peer that had them. */
  returns: number;
}

/** Gives every partition that lacks a copy a learner, as far as the budget goes. */
export function repair(
  situation: Situation,
  absences: Absences,
  coolDowns: CoolDowns,
  budget: RepairBudget,
): void {
  const { replicationFactor, timing } = situation.settings;
  let complete: boolean | undefined;
  let burden: Map<PeerId, number> | undefined;
  for (const [partition, part] of existing(situation)) {
    if (part.members.size + part.learners.length >= replicationFactor) {
      if (part.learners.length === 0) absences.clear(partition);
      continue;
    }
    if (part.learners.length > 0) continue;
    const shortMs = absences.shortMs(partition, situation.nowMs);
    const candidates = candidatesFor(situation, part, coolDowns);
    const returning = candidates.find((id) => absences.wasHere(partition, id));
    complete ??= everybodyReady(situation, coolDowns);
    const patient = !complete && shortMs < timing.repairAfterMs;
    if (returning !== undefined && budget.returns > 0) {
      budget.returns--;
      situation.draft.edit(partition, { learners: [returning] });
    } else if (returning === undefined && !patient && budget.moves > 0 && candidates.length > 0) {
      budget.moves--;
      burden ??= copiesByPeer(situation);
      const chosen = lightest(situation, burden, candidates);
      burden.set(chosen, (burden.get(chosen) ?? 0) + 1);
      situation.draft.edit(partition, { learners: [chosen] });
    }
  }
}

/** Whether a peer may get a new copy now: here, not being emptied or about to stop, and not cooling down. */
export function mayReceive(situation: Situation, id: PeerId, coolDowns: CoolDowns): boolean {
  // Two orchestrators would else trust a dead peer on each other's word for ever (simulator, seed 400859).
  if (!isHere(situation, id) || !situation.liveness.hears(id)) return false;
  if (!coolDowns.isOver(id, situation.nowMs)) return false;
  const record = situation.draft.peers.get(id);
  return record !== undefined && record.drain === undefined && weightFor('copies', record) > 0;
}

/** Copies that each peer holds or is getting, one pass over the map. */
export function copiesByPeer(situation: Situation): Map<PeerId, number> {
  const copies = new Map<PeerId, number>();
  for (const [, part] of existing(situation)) {
    for (const id of part.members.keys()) copies.set(id, (copies.get(id) ?? 0) + 1);
    for (const id of part.learners) copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  return copies;
}

function candidatesFor(situation: Situation, part: PartitionConfig, coolDowns: CoolDowns): PeerId[] {
  if (![...part.members.keys()].some((id) => isSound(situation, part, id))) return [];
  return [...situation.draft.peers.keys()].filter(
    (id) => !part.members.has(id) && mayReceive(situation, id, coolDowns),
  );
}

function everybodyReady(situation: Situation, coolDowns: CoolDowns): boolean {
  for (const [id, record] of situation.draft.peers) {
    if (isRestarting(record) || !isHere(situation, id)) return false;
    if (!coolDowns.isOver(id, situation.nowMs)) return false;
  }
  return true;
}

function lightest(
  situation: Situation,
  burden: ReadonlyMap<PeerId, number>,
  candidates: readonly PeerId[],
): PeerId {
  const relative = (id: PeerId) => ((burden.get(id) ?? 0) + 1) / (situation.draft.peers.get(id)?.weight ?? 1);
  return candidates.reduce((best, id) => (relative(id) < relative(best) ? id : best));
}
