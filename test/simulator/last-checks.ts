/** What must be true when everything is healed and nothing happens any more. */
import { Violation } from './checks.js';
import type { World } from './world.js';

/** And by then every partition has all its copies again. */
const LAST_COPIES_MS = 15_000;
/** Replicas are compared this often at the end, until they are the same. */
const LAST_COMMITS_MS = 250;
/** Whatever is put off for longer is not waited for. */
const LONGEST_WAIT_MS = 5_000;

/** Makes the last checks, one after another; the first broken one is thrown. */
export function lastChecks(world: World): void {
  awaitCopies(world);
  compareReplicas(world);
  lookForLeftovers(world);
  lookForDamage(world);
  lookForUnused(world);
  lookForMiscounts(world);
}

/** COUNT: every member knows how many keys it has. */
function lookForMiscounts(world: World): void {
  for (const peer of world.peers) {
    const miscounted = peer.miscounted();
    if (miscounted !== undefined) throw new Violation(`COUNT: ${miscounted}`);
  }
}

/** UNUSED: what others hold without this peer is deleted. */
function lookForUnused(world: World): void {
  if (world.tuning.settings.keepUnusedMs > LONGEST_WAIT_MS) return;
  const look = (): string | undefined => {
    for (const { id, stored } of world.peers) {
      for (const partition of stored.partitions.keys()) {
        if (world.registry.map?.parts[partition]?.members.has(id) !== true)
          return `${id} keeps partition ${partition}`;
      }
    }
    return undefined;
  };
  for (let looks = 0; looks < 40 && look() !== undefined; looks += 1) {
    world.schedule.runUntil(world.schedule.now + LAST_COMMITS_MS);
  }
  const unused = look();
  if (unused !== undefined) throw new Violation(`UNUSED: ${unused}; ${world.describe()}`);
}

/** DAMAGE: every damaged row of a member was found, and mended. */
function lookForDamage(world: World): void {
  const look = (): string | undefined => {
    for (const peer of world.peers) {
      for (const [partition, { marks }] of peer.stored.partitions) {
        const isMember = world.registry.map?.parts[partition]?.members.get(peer.id) === peer.stored.storeId;
        const damaged = isMember ? peer.stored.damagedIn(partition, marks.copy) : [];
        if (damaged.length > 0) return `${peer.id} holds ${damaged} of partition ${partition} damaged`;
      }
    }
    return undefined;
  };
  for (let looks = 0; looks < 40 && look() !== undefined; looks += 1) {
    world.schedule.runUntil(world.schedule.now + LAST_COMMITS_MS);
  }
  const damage = look();
  if (damage !== undefined) throw new Violation(`DAMAGE: ${damage}`);
}

/** PROGRESS: every partition gets all its copies back. */
function awaitCopies(world: World): void {
  const until = world.schedule.now + LAST_COPIES_MS;
  while (missingCopies(world) !== undefined && world.schedule.now < until) {
    world.schedule.runUntil(world.schedule.now + LAST_COMMITS_MS);
  }
  const missing = missingCopies(world);
  if (missing !== undefined) throw new Violation(`PROGRESS: ${missing} after healing; ${world.describe()}`);
}

/** LEFTOVERS: when nothing happens any more, nobody waits for anything, and no memory is held for it. */
function lookForLeftovers(world: World): void {
  const look = (): string | undefined =>
    world.peers.map((peer) => peer.leftovers()).find((one) => one !== undefined);
  for (let looks = 0; looks < 20 && look() !== undefined; looks += 1) {
    world.schedule.runUntil(world.schedule.now + LAST_COMMITS_MS);
  }
  const left = look();
  if (left !== undefined) throw new Violation(`LEFTOVERS: ${left}`);
}

/** DIVERGENCE: backups hear of the last commits, the last keys expire, and then all hold the same. */
function compareReplicas(world: World): void {
  let difference: string | undefined = 'not compared';
  for (let looks = 0; looks < 20 && difference !== undefined; looks += 1) {
    world.schedule.runUntil(world.schedule.now + LAST_COMMITS_MS);
    difference = differenceOfReplicas(world);
  }
  if (difference !== undefined) throw new Violation(`DIVERGENCE: ${difference}`);
}

/** Which partition has too few or too many copies, now; undefined: none. */
function missingCopies(world: World): string | undefined {
  const parts = world.registry.map?.parts ?? [];
  for (const [partition, part] of parts.entries()) {
    if (part?.members.size !== Math.min(world.tuning.replicas, world.peers.length)) {
      return `partition ${partition} has ${part?.members.size ?? 0} copies`;
    }
  }
  return undefined;
}

/** In what the members of a partition differ, now; undefined: in nothing. */
function differenceOfReplicas(world: World): string | undefined {
  const parts = world.registry.map?.parts ?? [];
  for (const [partition, part] of parts.entries()) {
    if (part === undefined) continue;
    const states = [...part.members.keys()].map(
      (id) => world.known(id)?.digest(partition) ?? `${id} is gone`,
    );
    if (new Set(states).size > 1) return `members of partition ${partition} hold ${states.join(' and ')}`;
  }
  return undefined;
}
