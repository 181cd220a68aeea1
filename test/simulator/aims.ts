/**
 * Aimed faults: one shape of trouble again and again, with random timing, for bugs that chance alone seldom meets.
 * Each is named after what it aims at and is chosen with `--fault NAME`.
 */
import type { PartitionConfig } from '../../common/configuration.js';
import { Violation } from './checks.js';
import { cutFor, type FaultKind, type Swarm } from './faults.js';
import { CLOCK_RATE_BOUND } from './process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

interface Aimed {
  readonly name: string;
  /** How far clocks run from true time, if not as usual. */
  readonly rateBound?: number;
  /** How many orchestrators there are, if not as the seed draws. */
  readonly orchestrators?: number;
  /** Share of operations that are about several keys together, if there are any. */
  readonly together?: number;
  strike(world: World, random: Random, part: PartitionConfig, partition: number): void;
}

const both = (id: string, others: readonly string[]): [string, string][] =>
  others
    .filter((other) => other !== id)
    .flatMap((other) => [
      [id, other],
      [other, id],
    ]);

const orchestratorsOf = (world: World): string[] => world.orchestrators.map(({ id }) => id);

const backups = (part: PartitionConfig): string[] =>
  [...part.members.keys()].filter((member) => member !== part.primary);

/** Who is to become a member of a partition next. */
function learnerOf(world: World, partition: number): string | undefined {
  return world.decided()?.parts[partition]?.learners[0];
}

function restart(world: World, id: string | undefined, downMs: number): void {
  const peer = id === undefined ? undefined : world.peer(id);
  if (peer !== undefined) world.crash(peer, downMs);
}

/** Makes one kind of message suffer for a while. */
function hurt(world: World, kind: string, share: number, lateMs: number | 'lost', forMs: number): void {
  world.network.hurt.set(kind, { share, lose: lateMs === 'lost', lateMs: lateMs === 'lost' ? 0 : lateMs });
  world.afterFault(forMs, () => world.network.hurt.delete(kind));
}

/** Does something as soon as a condition holds, looked at every millisecond; not at all if that takes longer than `limitMs`. */
function whenSo(world: World, limitMs: number, holds: () => boolean, task: () => void): void {
  const until = world.schedule.now + limitMs;
  const look = (): void => {
    if (holds()) task();
    else if (world.schedule.now < until) world.afterFault(1, look);
  };
  look();
}

/** PROGRESS: while the disk of a member hangs, nothing waits for it longer than `limitMs`. */
function watchHung(world: World, id: string, partition: number, limitMs: number): void {
  let since = world.schedule.now;
  let epoch: number | undefined;
  const look = (): void => {
    if (world.peer(id)?.disk.hangs !== true) return;
    const part = world.decided()?.parts[partition];
    const mayGo = part?.members.has(id) === true && part.members.size >= 3;
    const waits = mayGo && world.peer(part.primary)?.waitsForMembers(partition) === true;
    if (!waits || part.epoch !== epoch) since = world.schedule.now;
    epoch = part?.epoch;
    if (world.schedule.now - since > limitMs)
      throw new Violation(`PROGRESS: partition ${partition} waits for ${id}, whose disk hangs`);
    world.afterFault(100, look);
  };
  look();
}

const AIMED: readonly Aimed[] = [
  {
    // A removed member that hears nothing of it, but goes on asking for leases.
    name: 'gateless',
    strike: (world, random, part) => {
      const removed = random.pick([...part.members.keys()]);
      cutFor(world, both(removed, orchestratorsOf(world)), 6000);
      hurt(world, 'map', 0.93, 'lost', 6000);
    },
  },
  {
    // The successor starts again just before it succeeds, and has forgotten what it granted.
    name: 'amnesia',
    strike: (world, random, part) => {
      cutFor(world, both(part.primary, orchestratorsOf(world)), 5000);
      world.afterFault(random.integer(700, 2600), () => {
        for (const other of backups(part)) restart(world, other, random.integer(2, 60));
      });
    },
  },
  {
    // The primary moves to and fro while acknowledgements are late.
    name: 'flipflop',
    strike: (world, random, _part, partition) => {
      hurt(world, 'ack', 0.5, 2500, 6000);
      hurt(world, 'prep', 0.4, 700, 6000);
      for (let i = 0; i < 10; i += 1) {
        world.afterFault(random.integer(50, 5000), () => {
          const now = world.decided()?.parts[partition];
          const to = now === undefined ? undefined : random.pickMaybe(backups(now));
          if (to !== undefined) world.change({ type: 'move-primary', partition, to });
        });
      }
    },
  },
  {
    // The request to add a learner is late, and the learner is taken off the list before it arrives.
    name: 'slowadd',
    strike: (world, random, part, partition) => {
      hurt(world, 'add', 0.8, 4000, 8000);
      hurt(world, 'pong', 0.5, 'lost', 8000);
      restart(world, random.pickMaybe(backups(part)), random.integer(1600, 2500));
      world.afterFault(random.integer(2500, 6000), () => {
        const learner = world.decided()?.parts[partition]?.learners[0];
        if (learner === undefined) return;
        cutFor(world, both(learner, orchestratorsOf(world)), random.integer(1500, 3000));
      });
    },
  },
  {
    // The same, and the learner's disk hangs, so that it does not catch up again before the request arrives.
    name: 'hungadd',
    strike: (world, random, part, partition) => {
      hurt(world, 'add', 0.9, 6000, 9000);
      restart(world, random.pickMaybe(backups(part)), random.integer(1600, 2500));
      whenSo(
        world,
        8000,
        () => learnerOf(world, partition) !== undefined,
        () => {
          const learner = learnerOf(world, partition);
          if (learner === undefined) return;
          const disk = world.peer(learner)?.disk;
          world.afterFault(random.integer(20, 400), () => {
            disk?.hang();
            cutFor(world, both(learner, orchestratorsOf(world)), random.integer(1500, 3000));
          });
          world.afterFault(8000, () => disk?.goOn());
        },
      );
    },
  },
  {
    // Answers to dirty reads are late, and keys are often dirty.
    name: 'slowrseq',
    strike: (world) => {
      hurt(world, 'rseq_r', 0.8, 1200, 9000);
      hurt(world, 'prep', 0.3, 300, 9000);
    },
  },
  {
    // A learner is added; at once its elders are cut off from it and from the orchestrator, not from each other.
    name: 'addrace',
    strike: (world, random, part, partition) => {
      restart(world, random.pickMaybe(backups(part)), random.integer(2000, 3500));
      let looks = 0;
      const look = (): void => {
        const now = world.decided()?.parts[partition];
        const elders = now === undefined ? [] : [...now.members.keys()].filter((id) => now.la.includes(id));
        const young = now === undefined ? [] : [...now.members.keys()].filter((id) => !now.la.includes(id));
        if (now !== undefined && young.length > 0 && !now.active) {
          for (const elder of elders) cutFor(world, both(elder, [...orchestratorsOf(world), ...young]), 6000);
          return;
        }
        looks += 1;
        if (looks < 4000) world.afterFault(2, look);
      };
      look();
    },
  },
  {
    // The registry is lost while the only peer that knows the newest configuration cannot be reached.
    name: 'lostregistry',
    strike: (world, random, part) => {
      const last = random.pick([...part.members.keys()]);
      for (const peer of world.runningPeers()) {
        if (peer.id !== last) world.crash(peer, random.integer(5200, 6500));
      }
      world.afterFault(5000, () => {
        const others = [...world.peers.map(({ id }) => id), ...orchestratorsOf(world)];
        cutFor(world, both(last, others), 3500);
        world.disasters.loseRegistry(random, 'empty');
      });
    },
  },
  {
    // Grants arrive late at a member that is about to be removed without hearing of it.
    name: 'slowgrant',
    strike: (world, random, part) => {
      const removed = random.pick([...part.members.keys()]);
      hurt(world, 'lgrant', 0.5, 1400, 6000);
      cutFor(world, both(removed, orchestratorsOf(world)), 6000);
      hurt(world, 'map', 0.93, 'lost', 6000);
    },
  },
  {
    // Clocks run far apart, and members are removed without hearing of it.
    name: 'drift',
    rateBound: 0.08,
    strike: (world, random, part) => {
      const removed = random.pick([...part.members.keys()]);
      cutFor(world, both(removed, orchestratorsOf(world)), 6000);
      hurt(world, 'map', 0.93, 'lost', 6000);
    },
  },
  {
    // One of two members falls silent; just before that is noticed the other, which had answered, loses its disk.
    name: 'wipedsurvivor',
    strike: (world, random, part) => {
      const members = [...part.members.keys()];
      const silent = random.pick(members);
      const wiped = random.pickMaybe(members.filter((id) => id !== silent));
      if (wiped === undefined) return;
      cutFor(world, both(silent, orchestratorsOf(world)), random.integer(4000, 6000));
      world.afterFault(random.integer(700, 1700), () => {
        world.disasters.wipe(wiped, random.integer(600, 1500));
      });
    },
  },
  {
    // What a learner is taught is late, and the learner starts again meanwhile, so quickly that nobody notices at once.
    name: 'slowlearn',
    strike: (world, random, part, partition) => {
      for (const kind of ['learn', 'snap', 'snap_end']) hurt(world, kind, 0.6, 400, 9000);
      restart(world, random.pickMaybe(backups(part)), random.integer(1600, 2500));
      let restarts = 3;
      const look = (): void => {
        const pupil = world.decided()?.parts[partition]?.learners[0];
        if (pupil !== undefined && world.peer(pupil)?.up === true) {
          restarts -= 1;
          world.afterFault(random.integer(1, 150), () => restart(world, pupil, random.integer(1, 20)));
          if (restarts > 0) world.afterFault(400, look);
          return;
        }
        world.afterFault(5, look);
      };
      world.afterFault(1000, look);
    },
  },
  {
    // The registry is lost just as a new peer comes, which knows no map.
    name: 'newcomer',
    strike: (world, random) => {
      hurt(world, 'state', 0.85, 500, 8000);
      if (world.disasters.loseRegistry(random, 'empty')) world.plans.join();
    },
  },
  {
    // Answers between members get lost.
    name: 'latequestions',
    strike: (world) => {
      for (const kind of ['rseq_r', 'conf_r']) hurt(world, kind, 0.9, 'lost', 8000);
    },
  },
  {
    // Two orchestrators share the registry, which is slow, and both have much to do.
    name: 'twins',
    orchestrators: 2,
    strike: (world, random, part) => {
      world.registry.slowMs = 150;
      restart(world, random.pick([...part.members.keys()]), random.integer(5, 2500));
      if (random.chance(0.5)) world.crashOrchestrator(random.integer(20, 2000));
    },
  },
  {
    // The successor hears of its epoch, and crashes before that is on its disk; what it said of the epoch is late.
    name: 'forgetfulsuccessor',
    strike: (world, random, part, partition) => {
      hurt(world, 'align', 0.8, 1500, 8000);
      hurt(world, 'map', 0.7, 1500, 8000);
      cutFor(world, both(part.primary, orchestratorsOf(world)), 5000);
      for (const id of backups(part)) {
        whenSo(
          world,
          5000,
          () => {
            const adopted = world.peer(id)?.adopted().parts[partition];
            return adopted?.primary === id && adopted.epoch > part.epoch;
          },
          () => restart(world, id, random.integer(2, 40)),
        );
      }
    },
  },
  {
    // The disk of a learner hangs just after it was taught, and then the primary changes.
    name: 'hunglearner',
    strike: (world, random, part, partition) => {
      restart(world, random.pickMaybe(backups(part)), random.integer(1600, 2500));
      whenSo(
        world,
        8000,
        () => learnerOf(world, partition) !== undefined,
        () => {
          const disk = world.peer(learnerOf(world, partition) ?? '')?.disk;
          world.afterFault(random.integer(1, 40), () => disk?.hang());
          world.afterFault(3000, () => disk?.goOn());
          world.afterFault(random.integer(20, 500), () => {
            const now = world.decided()?.parts[partition];
            const to = now === undefined ? undefined : random.pickMaybe(backups(now));
            if (to !== undefined) world.change({ type: 'move-primary', partition, to });
          });
        },
      );
    },
  },
  {
    // All orchestrators hear only one member, stand still, and find that it is gone for good when they go on.
    name: 'stalledjudge',
    strike: (world, random, part) => {
      const heard = random.pick([...part.members.keys()]);
      const others = world.peers.map(({ id }) => id).filter((id) => id !== heard);
      for (const { id } of world.orchestrators) cutFor(world, both(id, others), random.integer(3000, 4500));
      world.afterFault(random.integer(1000, 3000), () => {
        for (const orchestrator of world.orchestrators) orchestrator.pause(random.integer(5500, 6500));
      });
      world.afterFault(random.integer(3500, 6000), () => world.disasters.lose(heard));
    },
  },
  {
    // The disk of a member hangs while its process goes on; it must be out of the way before long (E9).
    name: 'hungdisk',
    strike: (world, random, part, partition) => {
      const id = random.pick([...part.members.keys()]);
      const disk = world.peer(id)?.disk;
      if (disk === undefined || part.members.size < 3 || world.peers.some((peer) => peer.disk.hangs)) return;
      disk.hang();
      const { accuseAfterMs } = world.tuning.settings;
      world.afterFault(accuseAfterMs * 3 + 3000, () => disk.goOn());
      watchHung(world, id, partition, accuseAfterMs + 2000);
    },
  },
  {
    // Entries arrive one by one, or not at all, and the primary dies in between: whoever follows it may hold any part.
    name: 'torn',
    together: 0.7,
    strike: (world, random, part) => {
      hurt(world, 'prep', 0.4, random.pick([40, 300, 'lost' as const]), 4000);
      world.afterFault(random.integer(200, 2500), () =>
        restart(world, part.primary, random.integer(100, 3000)),
      );
    },
  },
  {
    // The primary dies, or stands still, again and again.
    name: 'killprimary',
    strike: (world, random, part) => {
      const primary = world.peer(part.primary);
      if (random.chance(0.5)) restart(world, part.primary, random.integer(100, 4500));
      else primary?.pause(random.integer(1000, 4500));
    },
  },
];

/** One aim, ready to be run. */
export interface Aim {
  readonly name: string;
  readonly swarm: Swarm;
}

/** All aims. */
export const AIMS: readonly Aim[] = AIMED.map(
  ({ name, strike, rateBound = CLOCK_RATE_BOUND, orchestrators, together }) => {
    const kind: FaultKind = {
      name,
      weight: 1,
      strike: (world, random) => {
        const partition = random.integer(0, world.tuning.partitions - 1);
        const part = world.decided()?.parts[partition];
        if (part === undefined) return false;
        strike(world, random, part, partition);
        return true;
      },
    };
    return {
      name,
      swarm: {
        weather: new Set<string>(),
        striking: [kind],
        gapMs: { from: 5000, to: 9000 },
        strictOnly: false,
        rateBound,
        orchestrators,
        together,
      },
    };
  },
);
