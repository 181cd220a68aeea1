/**
 * One round of decisions: everything that the rules want changed in the committed map, in one draft.
 *
 * Keeps true: facts go before wishes. Restarts and activations are written even while we suspect ourselves,
 * since they only say what is; then what members ask for (ADD), then losses, then announced restarts, then repairs,
 * then moves. Each rule sees what the ones before it put into the draft.
 */
import {
  type Drain,
  type Epoch,
  type Incarnation,
  isRestarting,
  type PeerId,
  type StoreId,
} from '../../common/configuration.js';
import type { Add, PlannedChange } from '../../common/control-messages.js';
import { Accusations, CoolDowns } from './accusations.js';
import { Departures } from './departures.js';
import { followMinInSync } from './in-sync-floor.js';
import { Absences, admit, dropLearners, repair } from './learners.js';
import { copying, Moves } from './moves.js';
import { type Arrival, forgetGone, holdsAnything, isNews, takeIn } from './registration.js';
import { removeLost } from './removal.js';
import type { ManagerSettings } from './settings.js';
import { existing, isHere, type Situation } from './situation.js';

/** An operator's wish that waits for its turn. */
export interface Wish {
  readonly id: number;
  readonly change: PlannedChange;
}

/** What a process that will stop has asked for; it says nothing about the next one under its name. */
export interface Wanted {
  readonly scope: Drain['scope'];
  readonly storeId: StoreId;
  readonly inc: Incarnation;
}

/** What the manager remembers between rounds. Nothing of it must survive a restart. */
export class Memory {
  readonly arrivals = new Map<PeerId, Arrival>();
  readonly activations = new Map<number, { readonly epoch: Epoch; readonly from: PeerId }>();
  readonly adds = new Map<number, { readonly add: Add; readonly from: PeerId }>();
  readonly leaves = new Map<PeerId, Wanted>();
  readonly wipedRounds = new Map<PeerId, number>();
  readonly absences = new Absences();
  readonly departures = new Departures();
  readonly moves = new Moves();
  readonly accusations: Accusations;
  readonly coolDowns: CoolDowns;
  /** Peers whose answer would let something go on. */
  readonly probe = new Set<PeerId>();
  wishes: Wish[] = [];

  constructor({ timing }: ManagerSettings) {
    this.accusations = new Accusations(timing);
    this.coolDowns = new CoolDowns(timing);
  }
}

/** The wishes that a round took up or turned down. */
export interface RoundOutcome {
  readonly granted: readonly Wish[];
  readonly refused: readonly { readonly wish: Wish; readonly why: string }[];
}

/** Puts into the draft all that should change now. `everything` false: only what cannot wait for a tick. */
export function decideRound(situation: Situation, memory: Memory, everything: boolean): RoundOutcome {
  memory.probe.clear();
  takeArrivals(situation, memory);
  for (const [partition, { epoch, from }] of memory.activations) {
    if (situation.draft.parts[partition]?.primary === from) situation.draft.markActive(partition, epoch);
  }
  memory.activations.clear();
  if (situation.liveness.suspectsSelf(situation.nowMs)) return { granted: [], refused: [] };
  for (const { add, from } of memory.adds.values()) admit(situation, from, add);
  memory.adds.clear();
  takeLeaves(situation, memory);
  memory.accusations.expire(situation.nowMs);
  const { accusations, coolDowns, wipedRounds, probe } = memory;
  const onRemoved = (partition: number, id: PeerId) => memory.absences.note(partition, id);
  const context = { accusations, coolDowns, wipedRounds, probe, onRemoved };
  removeLost(situation, context);
  dropLearners(situation, memory);
  memory.departures.advance(situation, context, everything);
  const outcome = grantWishes(situation, memory);
  if (everything) {
    repair(situation, memory.absences, memory.coolDowns, budgetOf(situation, memory));
    memory.moves.advance(situation, memory, memory.departures.areAwaited(situation));
    forgetGone(situation);
    followMinInSync(situation);
  }
  return outcome;
}

function takeArrivals(situation: Situation, memory: Memory): void {
  for (const [id, arrival] of memory.arrivals) {
    const before = situation.draft.peers.get(id);
    if (!isNews(before, arrival) && before?.addr === arrival.addr) {
      memory.arrivals.delete(id);
      continue;
    }
    if (before && before.storeId !== arrival.storeId) memory.wipedRounds.delete(id);
    takeIn(situation, id, arrival);
  }
}

function takeLeaves(situation: Situation, memory: Memory): void {
  for (const [id, { scope, storeId, inc }] of memory.leaves) {
    const record = situation.draft.peers.get(id);
    if (record?.storeId !== storeId || record.inc !== inc || record.drain?.scope === scope) continue;
    situation.draft.setPeer(id, { ...record, drain: { scope, until: record.drain?.until ?? 'restart' } });
  }
  memory.leaves.clear();
}

function budgetOf(situation: Situation, memory: Memory) {
  const { limits } = situation.settings;
  let learning = 0;
  for (const [, part] of existing(situation)) if (part.active && part.learners.length > 0) learning++;
  return {
    moves: limits.maxMoves - copying(situation, memory.moves),
    returns: limits.maxReturns - learning,
  };
}

function grantWishes(situation: Situation, memory: Memory): RoundOutcome {
  const granted: Wish[] = [];
  const refused: { wish: Wish; why: string }[] = [];
  for (const wish of memory.wishes) {
    const why = grant(situation, memory, wish.change);
    if (why === undefined) granted.push(wish);
    else refused.push({ wish, why });
  }
  memory.wishes = [];
  return { granted, refused };
}

function grant(situation: Situation, memory: Memory, change: PlannedChange): string | undefined {
  switch (change.type) {
    case 'move-primary':
      return memory.moves.handOver(situation, change.partition, change.to);
    case 'move-replica':
      return memory.moves.copy(situation, memory, change);
    case 'drain':
      return setDrain(situation, change.peer, true);
    case 'undrain':
      return setDrain(situation, change.peer, false);
    case 'forget':
      return forget(situation, change.peer);
    case 'force-rebuild':
      return 'nothing is being rebuilt';
  }
}

function setDrain({ draft }: Situation, id: PeerId, on: boolean): string | undefined {
  const record = draft.peers.get(id);
  if (!record) return `there is no peer ${id}`;
  const { drain: _, ...rest } = record;
  const until = on ? 'operator' : 'restart';
  // A restart that was announced goes first; what the operator wants of the peer is done when it is back.
  if (isRestarting(record)) draft.setPeer(id, { ...rest, drain: { scope: 'duties', until } });
  else draft.setPeer(id, on ? { ...rest, drain: { scope: 'everything', until } } : rest);
  return undefined;
}

function forget(situation: Situation, id: PeerId): string | undefined {
  if (!situation.draft.peers.has(id)) return `there is no peer ${id}`;
  if (isHere(situation, id)) return `${id} answers; stop it first`;
  if (holdsAnything(situation, id))
    return `${id} is still named in a configuration; drain it or wait for repair`;
  situation.draft.dropPeer(id);
  return undefined;
}
