/**
 * Who is to hold which partition: from the present table and the peers to the wanted table.
 *
 * Invariants: primaries a peer are within 1 of the peer's weighted share, and so are copies (only where weights leave
 * a peer a share below half a partition may copies be off by one more); no peer holds two copies of a partition; no
 * more primaries change than that balance takes, and given those no more copies do; a primary that must be replaced
 * is replaced by one of its replicas where balance allows; a peer of weight 0 holds nothing; the same arguments give
 * the same table, and a table that is right comes back as it was.
 *
 * That both tables can always be filled: let p_i be the primaries of peer i, c_i its copies, with p_i <= c_i <= P and
 * all c_i together k*P. Any set U of peers can take the copies it is owed besides the primaries, c(U) - p(U): if U has
 * fewer than k peers then at most |U|*P - p(U) are owed, and so many places it has; else no more than (k-1)*P are
 * owed in all. That is Hall's condition for the second assignment, whatever the first one was.
 */
import { assign, type Bin } from './assignment.js';

/** A peer that may own partitions. */
export interface Candidate {
  readonly id: string;
  readonly weight: number;
}

/** Who holds one partition. */
export interface Placed {
  readonly primary: string | null;
  readonly replicas: readonly string[];
}

/** Shares this near to a whole number are that number: they are sums of fractions. */
const ROUNDING = 1e-6;

/**
 * The wanted table.
 * @param copies wanted of each partition; fewer where there are fewer peers.
 * @param frozen partitions that stay as they are, whoever holds them; they count for the balance.
 */
export function place(
  table: readonly Placed[],
  candidates: readonly Candidate[],
  copies: number,
  frozen: (partition: number) => boolean = () => false,
): Placed[] {
  const peers = candidates.filter((peer) => peer.weight > 0).sort((a, b) => (a.id < b.id ? -1 : 1));
  const movable = table.map((_, partition) => partition).filter((partition) => !frozen(partition));
  const wanted = [...table];
  if (peers.length === 0 || movable.length === 0) {
    for (const partition of movable) wanted[partition] = { primary: null, replicas: [] };
    return wanted;
  }
  const fixed = table.filter((_, partition) => frozen(partition));
  const items = movable.map((partition) => table[partition] as Placed);
  const primaries = placePrimaries(items, fixed, peers);
  const replicas = placeReplicas(items, fixed, peers, primaries, Math.min(copies, peers.length));
  for (const [item, partition] of movable.entries()) {
    wanted[partition] = {
      primary: (peers[primaries[item] as number] as Candidate).id,
      replicas: inOrder(
        items[item] as Placed,
        (replicas[item] as number[]).map((bin) => (peers[bin] as Candidate).id),
      ),
    };
  }
  return wanted;
}

function placePrimaries(
  items: readonly Placed[],
  fixed: readonly Placed[],
  peers: readonly Candidate[],
): number[] {
  const already = peers.map((peer) => fixed.filter((each) => each.primary === peer.id).length);
  const bins = shares(peers, already, items.length, items.length).map(marks);
  // One primary less that moves is worth more than any number of replicas that are promoted.
  const move = items.length + 1;
  const cost = (item: number, bin: number): number => {
    const { primary, replicas } = items[item] as Placed;
    const { id } = peers[bin] as Candidate;
    if (primary === id) return 0;
    return replicas.includes(id) ? move : move + 1;
  };
  return assign({ items: items.length, need: 1, bins, cost, first: (item) => item }).map(
    (taken) => taken[0] as number,
  );
}

function placeReplicas(
  items: readonly Placed[],
  fixed: readonly Placed[],
  peers: readonly Candidate[],
  primaries: readonly number[],
  copies: number,
): number[][] {
  const already = peers.map((peer) => fixed.filter((each) => holds(each, peer.id)).length);
  const bins = shares(peers, already, copies * items.length, items.length).map((share, bin) => {
    const own = primaries.filter((primary) => primary === bin).length;
    const { lower, upper } = marks(share);
    return { lower: Math.max(0, lower - own), upper: Math.max(0, upper - own) };
  });
  const cost = (item: number, bin: number): number => {
    if (primaries[item] === bin) return Infinity;
    return holds(items[item] as Placed, (peers[bin] as Candidate).id) ? 0 : 1;
  };
  // The copies of one peer's partitions go to all the others in turn, so that all share its work when it dies.
  const others = peers.length - 1;
  const first = (item: number): number =>
    (primaries[item] as number) + 1 + (Math.floor(item / peers.length) % others);
  return assign({ items: items.length, need: copies - 1, bins, cost, first });
}

/**
 * How `total` more are shared out by weight, so that what each peer then has (with what it has `already`) is as near
 * to its weight's share as can be, and none gets more than `most`: min(most, max(0, level * weight - already)),
 * with the level at which they add up.
 */
export function shares(
  peers: readonly Candidate[],
  already: readonly number[],
  total: number,
  most: number,
): number[] {
  const begins = peers.map((peer, i) => (already[i] as number) / peer.weight);
  const ends = peers.map((peer, i) => ((already[i] as number) + most) / peer.weight);
  const turns = [...new Set([...begins, ...ends])].sort((a, b) => a - b);
  let level = turns[0] as number;
  let given = 0;
  for (const turn of turns.slice(1)) {
    // Summed anew at each turn: subtracting from a running sum would drown a small weight in the rounding of a large one.
    const slope = peers.reduce(
      (sum, peer, i) =>
        (begins[i] as number) <= level && level < (ends[i] as number) ? sum + peer.weight : sum,
      0,
    );
    const step = slope * (turn - level);
    if (slope > 0 && given + step >= total) {
      level += (total - given) / slope;
      break;
    }
    given += step;
    level = turn;
  }
  return peers.map((peer, i) => Math.min(most, Math.max(0, level * peer.weight - (already[i] as number))));
}

function marks(share: number): Bin {
  const whole = Math.round(share);
  if (Math.abs(share - whole) < ROUNDING) return { lower: whole, upper: whole };
  return { lower: Math.floor(share), upper: Math.ceil(share) };
}

function holds(placed: Placed, id: string): boolean {
  return placed.primary === id || placed.replicas.includes(id);
}

/** Replicas that stay keep their order, new ones follow. */
function inOrder(before: Placed, ids: readonly string[]): string[] {
  const stay = before.replicas.filter((id) => ids.includes(id));
  return [...stay, ...ids.filter((id) => !stay.includes(id))];
}
