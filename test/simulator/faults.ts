/**
 * The faults, each by its name. Some are weather, drawn once a seed; the others strike now and then. Each seed draws
 * which kinds it has and how often they come (swarm testing): a seed with everything hides what a seed with two finds.
 */
import { CLOCK_RATE_BOUND } from './process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** One kind of fault that strikes at moments. */
export interface FaultKind {
  readonly name: string;
  /** How often it is drawn compared with the others. */
  readonly weight: number;
  /** Strikes; false if there was nothing to strike at. */
  strike(world: World, random: Random): boolean;
}

const short = (random: Random): number => random.integer(100, random.chance(0.5) ? 1500 : 6000);

function everybody(world: World): string[] {
  return [...world.peers.map(({ id }) => id), ...world.orchestrators.map(({ id }) => id)];
}

/** Cuts links for a while. */
export function cutFor(world: World, links: readonly (readonly [string, string])[], ms: number): boolean {
  if (world.schedule.now < world.quietUntil) return false;
  for (const [from, to] of links) world.network.cut(from, to);
  world.afterFault(ms, () => {
    for (const [from, to] of links) world.network.mend(from, to);
  });
  return links.length > 0;
}

const network: readonly FaultKind[] = [
  {
    name: 'one-way-cut',
    weight: 2,
    strike: (world, random) => {
      const [from, to] = twoOf(random, everybody(world));
      return cutFor(world, [[from, to]], random.integer(300, 6000));
    },
  },
  {
    name: 'full-cut',
    weight: 2,
    strike: (world, random) => {
      const [a, b] = twoOf(random, everybody(world));
      const links = [[a, b] as const, [b, a] as const];
      const one = world.peer(a);
      if (one !== undefined) world.tellDisconnected(b, [one]);
      return cutFor(world, links, random.integer(300, 6000));
    },
  },
  {
    name: 'isolated-peer',
    weight: 2,
    strike: (world, random) => {
      const all = everybody(world);
      const alone = random.pick(all);
      const others = all.filter((id) => id !== alone);
      const ways = random.integer(1, 3);
      const inward = (ways & 1) === 0 ? [] : others.map((id) => [id, alone] as const);
      const outward = (ways & 2) === 0 ? [] : others.map((id) => [alone, id] as const);
      return cutFor(world, [...inward, ...outward], random.integer(300, 6000));
    },
  },
  {
    name: 'flapping-link',
    weight: 1,
    strike: (world, random) => {
      const [from, to] = twoOf(random, everybody(world));
      let times = random.integer(4, 20);
      const flap = (): void => {
        times -= 1;
        if (times < 0) return;
        const ms = random.integer(30, 400);
        cutFor(world, [[from, to]], ms);
        world.afterFault(ms + random.integer(30, 400), flap);
      };
      flap();
      return true;
    },
  },
  {
    name: 'clogged-link',
    weight: 1,
    strike: (world, random) => {
      const all = everybody(world);
      const slow = random.pick(all);
      const ms = random.integer(100, 2500);
      for (const other of all) {
        if (other !== slow && random.chance(0.6)) world.network.clog(slow, other, ms);
      }
      return true;
    },
  },
];

const processes: readonly FaultKind[] = [
  {
    name: 'crash',
    weight: 3,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      world.crash(peer, random.integer(5, random.chance(0.5) ? 300 : 5000));
      return true;
    },
  },
  {
    name: 'crash-point',
    weight: 2,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      peer.disk.crashAfterBatches = random.integer(1, 40);
      return true;
    },
  },
  {
    name: 'all-killed',
    weight: 0.4,
    strike: (world, random) => {
      for (const peer of world.runningPeers()) world.crash(peer, random.integer(50, 4000));
      return true;
    },
  },
  {
    name: 'sigstop',
    weight: 2,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      peer?.pause(short(random));
      return peer !== undefined;
    },
  },
  {
    name: 'event-loop-stall',
    weight: 1,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      const ms = random.integer(100, 1200);
      peer?.pause(ms);
      if (random.chance(0.2)) world.afterFault(ms, () => peer?.dropLeases());
      return peer !== undefined;
    },
  },
  {
    name: 'slow-peer',
    weight: 1,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      peer.slowDown(0.5 + random.next() * 6);
      world.afterFault(short(random), () => peer.slowDown(0));
      return true;
    },
  },
  {
    name: 'slow-disk',
    weight: 1,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      peer.disk.slowMs = random.integer(20, 400);
      world.afterFault(short(random), () => {
        peer.disk.slowMs = 0;
      });
      return true;
    },
  },
  {
    // No flush comes back while its process goes on: it answers, grants leases, and acknowledges nothing.
    name: 'hung-disk',
    weight: 1,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      peer.disk.hang();
      world.afterFault(short(random), () => peer.disk.goOn());
      return true;
    },
  },
  {
    name: 'failed-flush',
    weight: 1,
    strike: (world, random) => {
      const peer = random.pickMaybe(world.runningPeers());
      if (peer === undefined) return false;
      peer.disk.failNext = true;
      return true;
    },
  },
  {
    // It comes to pass some time after it was ordered, if it may.
    name: 'wiped-disk',
    weight: 0.6,
    strike: (world, random) => world.disasters.wipeOne(random),
  },
  {
    // Likewise.
    name: 'two-wiped-disks',
    weight: 0.4,
    strike: (world, random) => world.disasters.wipeTwo(random),
  },
  {
    // Likewise.
    name: 'damaged-rows',
    weight: 0.6,
    strike: (world, random) => world.disasters.damageOne(random),
  },
  {
    name: 'lost-peer',
    weight: 0.6,
    strike: (world, random) => world.disasters.loseOne(random),
  },
  {
    name: 'rolling-restart',
    weight: 0.3,
    strike: (world, random) => world.plans.rollingRestart(random),
  },
];

const orchestration: readonly FaultKind[] = [
  {
    name: 'orchestrator-crash',
    weight: 1.5,
    strike: (world, random) => world.crashOrchestrator(random.integer(50, 6000)),
  },
  {
    name: 'orchestrator-pause',
    weight: 1,
    strike: (world, random) => {
      const orchestrator = random.pick(world.orchestrators);
      orchestrator.pause(random.integer(300, 5000));
      return true;
    },
  },
  {
    name: 'orchestrator-cut',
    weight: 1,
    strike: (world, random) => {
      const { id } = random.pick(world.orchestrators);
      const some = world.peers.filter(() => random.chance(0.6));
      const links = some.flatMap((peer) =>
        random.chance(0.5) ? [[id, peer.id] as const] : [[id, peer.id] as const, [peer.id, id] as const],
      );
      return cutFor(world, links, random.integer(300, 6000));
    },
  },
  {
    name: 'registry-lost',
    weight: 0.4,
    strike: (world, random) => world.disasters.loseRegistry(random, 'empty'),
  },
  {
    name: 'registry-old',
    weight: 0.4,
    strike: (world, random) => world.disasters.loseRegistry(random, 'old-copy'),
  },
];

const planned: readonly FaultKind[] = [
  { name: 'planned-move', weight: 2, strike: (world, random) => world.plans.move(random) },
  { name: 'drain', weight: 0.5, strike: (world, random) => world.plans.drain(random) },
  { name: 'leave', weight: 0.5, strike: (world, random) => world.plans.leave(random) },
  { name: 'join', weight: 0.5, strike: (world) => world.plans.join() },
];

/** Only in runs whose reads are all strict: no lease survives a clock that stands still. */
const SUSPEND: FaultKind = {
  name: 'suspended-clock',
  weight: 2,
  strike: (world, random) => {
    const peer = random.pickMaybe(world.runningPeers());
    peer?.pause(random.integer(300, 6000), true);
    return peer !== undefined;
  },
};

const STRIKING: readonly FaultKind[] = [...network, ...processes, ...orchestration, ...planned];

/** Faults that are drawn once a seed. */
export const WEATHER_KINDS = [
  'loss',
  'delay',
  'reordering',
  'duplication',
  'hurt-kind',
  'clock-rate',
] as const;

/** Every kind of fault by name; `lost-writes` comes with crashes, `registry-unknown` with the seed's cluster. */
export const FAULT_KINDS: readonly string[] = [
  ...WEATHER_KINDS,
  ...STRIKING.map(({ name }) => name),
  SUSPEND.name,
  'lost-writes',
  'registry-unknown',
];

/** The faults of one seed. */
export interface Swarm {
  readonly weather: ReadonlySet<string>;
  readonly striking: readonly FaultKind[];
  /** Time between two strikes. */
  readonly gapMs: { readonly from: number; readonly to: number };
  /** Every read asks for `strict`. */
  readonly strictOnly: boolean;
  /** How far clocks run from true time. */
  readonly rateBound: number;
  /** How many orchestrators there are; undefined: as the seed draws. */
  readonly orchestrators?: number | undefined;
  /** Share of operations that are about several keys together; undefined: as the seed draws, of an aim none. */
  readonly together?: number | undefined;
}

/** Draws the faults of a seed; `only` limits them to one kind. */
export function drawSwarm(random: Random, only: string | undefined): Swarm {
  const gapMs = { from: 200, to: random.integer(1000, 4500) };
  if (only !== undefined) {
    if (!FAULT_KINDS.includes(only))
      throw new Error(`no such fault: ${only}; there are ${FAULT_KINDS.join(', ')}`);
    const striking = only === 'lost-writes' ? 'crash' : only === 'registry-unknown' ? 'planned-move' : only;
    return {
      weather: new Set([only]),
      striking: [...STRIKING, SUSPEND].filter(({ name }) => name === striking),
      gapMs,
      strictOnly: only === SUSPEND.name,
      rateBound: only === 'clock-rate' ? CLOCK_RATE_BOUND : STEADY_RATE,
    };
  }
  const strictOnly = random.chance(0.1);
  const pool = strictOnly ? [...STRIKING, SUSPEND] : STRIKING;
  const share = random.pick([0.15, 0.3, 0.5]);
  const striking = pool.filter(({ name }) => random.chance(name === SUSPEND.name ? 1 : share));
  const weather = new Set<string>(WEATHER_KINDS.filter(() => random.chance(0.55)));
  return {
    weather,
    striking,
    gapMs,
    strictOnly,
    rateBound: weather.has('clock-rate') ? CLOCK_RATE_BOUND : STEADY_RATE,
  };
}

/** Even clocks that nobody tampers with are a little off. */
const STEADY_RATE = 0.0005;

/** One of the swarm's kinds, by weight. */
export function pickKind(random: Random, kinds: readonly FaultKind[]): FaultKind | undefined {
  let dice = random.next() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  for (const kind of kinds) {
    dice -= kind.weight;
    if (dice < 0) return kind;
  }
  return undefined;
}

function twoOf(random: Random, ids: readonly string[]): [string, string] {
  const first = random.pick(ids);
  return [first, random.pick(ids.filter((id) => id !== first))];
}
