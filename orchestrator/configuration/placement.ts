/**
 * How copies and primaries are spread now, how they should be, and where the first ones go.
 *
 * Keeps true: what is under way counts as done (a learner holds its copy, the member that it replaces does not),
 * so no second move is planned for what a first one already mends. A peer that is being emptied has a share of
 * nothing. A silent peer keeps its share until its copies are given up for lost, so that nothing moves twice.
 */
import {
  type ClusterMap,
  isRestarting,
  type PartitionConfig,
  type PeerId,
  type PeerRecord,
  type StoreId,
} from '../../common/configuration.js';
import type { MapDraft } from './draft.js';
import { idealShares, type ShareBounds, shareBounds } from './shares.js';
import { existing, isHere, type Situation } from './situation.js';

/** What is dealt out: copies of partitions, or the leading of them. */
export type Good = 'copies' | 'primaries';

/** A peer's weight for one good: 0 while that good is being moved off it. */
export function weightFor(good: Good, record: PeerRecord): number {
  if (record.drain?.scope === 'everything') return 0;
  if (good === 'primaries' && isRestarting(record)) return 0;
  return record.weight ?? 1;
}

/** Whether a peer has a share at all: it answers, or has not been silent for long. */
function counts(situation: Situation, id: PeerId): boolean {
  if (isHere(situation, id)) return true;
  const sinceMs = situation.liveness.silentSinceMs(id);
  return sinceMs !== undefined && situation.nowMs - sinceMs < situation.settings.timing.repairAfterMs;
}

/** Shares, of maps that everybody in them answered to; none is ever changed. */
const known = new WeakMap<ClusterMap, Map<string, ReadonlyMap<PeerId, ShareBounds>>>();

/** The fair share of every peer. Peers that are gone for long are not in it. */
export function fairShares(situation: Situation, good: Good): ReadonlyMap<PeerId, ShareBounds> {
  const { draft, liveness, settings } = situation;
  if (draft.changed || !liveness.isEverybodyLive) return sharesOf(situation, good);
  const ofMap = known.get(draft.base) ?? new Map();
  known.set(draft.base, ofMap);
  const name = `${settings.replicationFactor} ${good}`;
  const shares = ofMap.get(name) ?? sharesOf(situation, good);
  ofMap.set(name, shares);
  return shares;
}

function sharesOf(situation: Situation, good: Good): ReadonlyMap<PeerId, ShareBounds> {
  const { draft, settings } = situation;
  const peers = [...draft.peers].filter(([id]) => counts(situation, id));
  const weights = peers.map(([, record]) => weightFor(good, record));
  const partitions = draft.parts.length;
  const takers = weights.filter((weight) => weight > 0).length;
  const copies = good === 'primaries' ? 1 : Math.min(settings.replicationFactor, takers);
  const bounds = shareBounds(partitions * copies, weights, partitions);
  return new Map(peers.map(([id], index) => [id, bounds[index] as ShareBounds]));
}

/** How many of the good each peer with a share will have once everything under way is done. */
export function holdings(
  situation: Situation,
  good: Good,
  shares: ReadonlyMap<PeerId, ShareBounds>,
  leaving: ReadonlyMap<number, PeerId>,
): Map<PeerId, number> {
  const held = new Map([...shares.keys()].map((id) => [id, 0]));
  const count = (id: PeerId) => {
    const before = held.get(id);
    if (before !== undefined) held.set(id, before + 1);
  };
  for (const [partition, part] of existing(situation)) {
    if (good === 'primaries') count(part.primary);
    else for (const id of holdersAfter(part, leaving.get(partition))) count(id);
  }
  return held;
}

/** Who will hold the partition once the move under way is done. */
function holdersAfter(part: PartitionConfig, leaving: PeerId | undefined): PeerId[] {
  const holders = [...part.members.keys(), ...part.learners];
  return leaving === undefined ? holders : holders.filter((id) => id !== leaving);
}

/** Whether everybody has between the rounded-down and the rounded-up share. */
export function isBalanced(
  held: ReadonlyMap<PeerId, number>,
  shares: ReadonlyMap<PeerId, ShareBounds>,
): boolean {
  for (const [id, { low, high }] of shares) {
    const has = held.get(id) ?? 0;
    if (has < low || has > high) return false;
  }
  return true;
}

/** The first configuration of a new cluster: copies and primaries dealt out evenly, by weight. */
export function createAll(draft: MapDraft, partitionCount: number, replicationFactor: number): void {
  const peers = [...draft.peers].filter(([, record]) => weightFor('copies', record) > 0);
  const weights = peers.map(([, record]) => weightFor('copies', record));
  const copies = Math.min(replicationFactor, peers.length);
  const shares = idealShares(partitionCount * copies, weights, partitionCount);
  const leads = idealShares(partitionCount, weights, partitionCount);
  const held = peers.map(() => 0);
  const led = peers.map(() => 0);
  for (let partition = 0; partition < partitionCount; partition++) {
    const neediest = peers
      .map((_, index) => index)
      .sort((a, b) => need(shares, held, b) - need(shares, held, a) || a - b)
      .slice(0, copies);
    const first = neediest.reduce((best, index) =>
      need(leads, led, index) > need(leads, led, best) ? index : best,
    );
    for (const index of neediest) held[index] = (held[index] as number) + 1;
    led[first] = (led[first] as number) + 1;
    const ordered = [first, ...neediest.filter((index) => index !== first)].map((index) => peers[index]);
    draft.create(partition, peers[first]?.[0] as PeerId, membersOf(ordered));
  }
}

function need(shares: readonly number[], held: readonly number[], index: number): number {
  return (shares[index] as number) - (held[index] as number);
}

function membersOf(peers: readonly (readonly [PeerId, PeerRecord] | undefined)[]): Map<PeerId, StoreId> {
  const members = new Map<PeerId, StoreId>();
  for (const peer of peers) if (peer) members.set(peer[0], peer[1].storeId);
  return members;
}
