/**
 * Who is taken out of a configuration: the silent, the wiped, and the accused (E3, E7, E9).
 *
 * Keeps true:
 * - before a configuration shrinks, every survivor has answered a probe that was sent after the loss was
 *   noticed, as the process and with the store that the map names. So the survivors hold the data now;
 * - the last member is never removed, and neither is anybody if none of the survivors may lead (E4): wait;
 * - by accusation alone no partition gets below the floor of members.
 */
import { type ClusterMap, isLost, type PartitionConfig, type PeerId } from '../../common/configuration.js';
import type { Accusations, Accused, CoolDowns } from './accusations.js';
import { chooseLeader } from './leadership.js';
import { allAnsweredAfter, existing, hasItsStore, isHere, isSound, type Situation } from './situation.js';

/** What removals remember from one moment to the next; nothing of it must survive a restart. */
export interface RemovalMemory {
  readonly accusations: Accusations;
  readonly coolDowns: CoolDowns;
  /** When a peer's lost store was noticed, as a probe round. */
  readonly wipedRounds: Map<PeerId, number>;
  /** Whose answer would settle something: to be probed at once. */
  readonly probe: Set<PeerId>;
  /** Called for each member that is taken out, and may want its place back. */
  readonly onRemoved: (partition: number, id: PeerId) => void;
}

interface Loss {
  readonly gone: ReadonlySet<PeerId>;
  /** The handshake must be later than this round. */
  readonly round: number;
  readonly accused: Accused | undefined;
}

/** Takes out whoever must go, in every partition where that is safe now. */
export function removeLost(situation: Situation, memory: RemovalMemory): void {
  if (memory.accusations.isEmpty && situation.liveness.isEverybodyLive && hasAllStores(situation)) return;
  const convicted: Accused[] = [];
  for (const [partition, part] of existing(situation)) {
    const loss = lossOf(situation, memory, partition, part);
    if (loss.gone.size === 0 || !shrink(situation, memory, partition, part, loss)) continue;
    if (loss.accused !== undefined) convicted.push(loss.accused);
  }
  noteConvicted(situation, convicted);
}

/** Maps that were looked at; none is ever changed. */
const complete = new WeakMap<ClusterMap, boolean>();

/** Whether every member has the store that makes it one; false, too, where the draft has changed anything yet. */
function hasAllStores(situation: Situation): boolean {
  const { base, changed } = situation.draft;
  if (changed) return false;
  const known = complete.get(base) ?? findsAllStores(situation);
  complete.set(base, known);
  return known;
}

function findsAllStores(situation: Situation): boolean {
  for (const [, part] of existing(situation)) {
    for (const id of part.members.keys()) if (!hasItsStore(situation, part, id)) return false;
  }
  return true;
}

/** One note a peer, however many partitions it was taken out of. */
function noteConvicted({ notes }: Situation, convicted: readonly Accused[]): void {
  for (const peer of new Set(convicted.map(({ who }) => who))) {
    const cases = convicted.filter(({ who }) => who === peer);
    const [{ why }] = cases as [Accused];
    const accusers = [...new Set(cases.flatMap((each) => [...each.accusers]))].sort();
    notes.push({ type: 'accused-removed', peer, partitions: cases.length, why, accusers });
  }
}

/** The partitions whose every member lost its store (E7). */
export function lostPartitions(situation: Situation): number[] {
  const lost: number[] = [];
  for (const [partition, part] of existing(situation)) {
    if (isLost(part, situation.draft.peers)) lost.push(partition);
  }
  return lost;
}

function lossOf(situation: Situation, memory: RemovalMemory, partition: number, part: PartitionConfig): Loss {
  const gone = new Set<PeerId>();
  let round = 0;
  for (const id of part.members.keys()) {
    if (isSound(situation, part, id)) continue;
    gone.add(id);
    round = Math.max(round, roundOfLoss(situation, memory, part, id));
  }
  const accused = accusedIn(situation, memory, partition, part, gone);
  if (!accused) return { gone, round, accused: undefined };
  gone.add(accused.who);
  return { gone, round: Math.max(round, accused.round), accused };
}

/** Whom accusations alone take out: nobody where too few, or nobody that may lead, would be left. */
function accusedIn(
  situation: Situation,
  { accusations }: RemovalMemory,
  partition: number,
  part: PartitionConfig,
  gone: ReadonlySet<PeerId>,
): Accused | undefined {
  if (accusations.isEmpty || situation.draft.isRenewed(partition)) return undefined;
  const accused = accusations.due(partition, part.epoch, situation.nowMs);
  if (!accused || gone.has(accused.who) || !part.members.has(accused.who)) return undefined;
  const left = [...part.members.keys()].filter((id) => !gone.has(id) && id !== accused.who);
  if (left.length < situation.settings.limits.accusationFloor) return undefined;
  return chooseLeader(situation, part, left) === undefined ? undefined : accused;
}

function roundOfLoss(situation: Situation, memory: RemovalMemory, part: PartitionConfig, id: PeerId): number {
  const { liveness } = situation;
  const silent = liveness.silentSinceRound(id) ?? 0;
  if (hasItsStore(situation, part, id) && !isHere(situation, id)) return silent;
  const wiped = memory.wipedRounds.get(id) ?? liveness.round;
  memory.wipedRounds.set(id, wiped);
  return Math.max(silent, wiped);
}

/** Whether it was done. */
function shrink(
  situation: Situation,
  memory: RemovalMemory,
  partition: number,
  part: PartitionConfig,
  loss: Loss,
): boolean {
  const survivors = [...part.members.keys()].filter((id) => !loss.gone.has(id));
  if (survivors.length === 0) return false;
  const primary = chooseLeader(situation, part, survivors);
  if (primary === undefined) return false;
  if (!allAnsweredAfter(situation, survivors, loss.round)) {
    for (const id of survivors) memory.probe.add(id);
    return false;
  }
  const members = new Map([...part.members].filter(([id]) => !loss.gone.has(id)));
  situation.draft.edit(partition, { primary, members });
  if (loss.accused !== undefined) memory.coolDowns.begin(loss.accused.who, situation.nowMs);
  for (const id of loss.gone) memory.onRemoved(partition, id);
  return true;
}
