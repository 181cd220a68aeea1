/**
 * One seed: a cluster, its clients and its faults for forty seconds of virtual time, then healing, a while to settle,
 * every key read through every peer, and the verdict on every key's whole history.
 */
import { InvariantError } from '../../peer/replication/invariant.js';
import { AIMS } from './aims.js';
import { Violation } from './checks.js';
import { Clients } from './clients.js';
import { drawSwarm, type FaultKind, pickKind, type Swarm } from './faults.js';
import { lastChecks } from './last-checks.js';
import type { SeedOptions } from './options.js';
import { Random } from './random.js';
import type { SeedReport } from './report.js';
import { Trace } from './trace.js';
import { drawTuning } from './tuning.js';
import { drawWeather } from './weather.js';
import { drawMix } from './workload.js';
import { World } from './world.js';

/** Clients start when the cluster has had time to form. */
const CLIENTS_FROM_MS = 2500;
const FAULTS_FROM_MS = 4000;
const HEAL_AT_MS = 44_000;
/** After healing, clients go on so long. */
const CLIENTS_UNTIL_MS = 52_000;
/** PROGRESS: by then everything must have settled; the last reads and writes are made now and must succeed. */
const SETTLED_AT_MS = 56_000;
const LAST_ANSWERS_MS = 8000;

/** Runs a seed. The same seed and options always give the same report. */
export function runSeed(seed: number, options: SeedOptions): SeedReport {
  const random = new Random(seed);
  const trace = new Trace(options.trace ? (line) => process.stdout.write(`${line}\n`) : undefined);
  const aim = AIMS.find(({ name }) => name === options.fault);
  const swarm = aim === undefined ? drawSwarm(random, options.fault) : aim.swarm;
  const tuning = drawTuning(random, options, swarm);
  const world = new World(random, trace, tuning, !swarm.strictOnly);
  const together = swarm.together ?? (aim === undefined ? drawTogether(seed) : 0);
  const clients = new Clients(world, drawMix(random, swarm.strictOnly, together));
  const violations: string[] = [];
  let settled = false;
  try {
    drawWeather(world, swarm);
    world.schedule.after(CLIENTS_FROM_MS, () => clients.start());
    world.schedule.after(FAULTS_FROM_MS, () => strikeAgain(world, swarm));
    world.schedule.after(HEAL_AT_MS, () => world.heal());
    world.schedule.after(CLIENTS_UNTIL_MS, () => clients.stop());
    world.schedule.runUntil(SETTLED_AT_MS);
    clients.readEverywhere(() => {
      settled = true;
    });
    world.schedule.runUntil(SETTLED_AT_MS + LAST_ANSWERS_MS, () => settled);
    if (!settled) violations.push(`PROGRESS: not settled after healing: ${clients.missing()}`);
    else {
      lastChecks(world);
    }
  } catch (error) {
    violations.push(reasonOf(error));
    if (trace.loud && error instanceof Error) process.stdout.write(`${error.stack}\n`);
  }
  const verdict = clients.history.judge();
  for (const key of verdict.violations) violations.push(`LINEARIZABILITY: the history of ${key}`);
  if (trace.loud) {
    for (const key of [...verdict.violations, ...verdict.undecided]) clients.history.print(key);
  }
  trace.mixText(JSON.stringify(violations));
  return report(seed, world, clients, violations, verdict.undecided.length);
}

/** The share of transactions, from a stream of its own: a seed without any is the same run as if there were none at all. */
function drawTogether(seed: number): number {
  return new Random(seed + 2 ** 40).pick([0, 0.15, 0.4]);
}

/** Whatever is thrown ends the run: a broken promise, a broken invariant of the core, or any other error of its. */
function reasonOf(error: unknown): string {
  if (error instanceof Violation) return error.message;
  if (error instanceof InvariantError) return `INVARIANT: ${error.message}`;
  return `CRASH: ${error instanceof Error ? error.message : String(error)}`;
}

function strikeAgain(world: World, swarm: Swarm): void {
  if (world.healed) return;
  const { random, schedule } = world;
  if (schedule.now >= world.quietUntil) {
    const kind: FaultKind | undefined = pickKind(random, swarm.striking);
    if (kind?.strike(world, random)) {
      world.count(kind.name);
      world.trace.note(schedule.now, '!', kind.name);
    }
  }
  world.afterFault(random.integer(swarm.gapMs.from, swarm.gapMs.to), () => strikeAgain(world, swarm));
}

function report(
  seed: number,
  world: World,
  { history }: Clients,
  violations: readonly string[],
  undecided: number,
): SeedReport {
  const { checks, network, schedule, trace } = world;
  const { cut: _, ...weather } = network.troubled;
  return {
    seed,
    violations,
    undecided,
    operations: history.operations,
    unknown: history.unknown,
    refused: history.refused,
    steps: schedule.steps,
    virtualMs: schedule.now,
    faults: { ...world.faults, ...weather },
    events: {
      messages: network.messages,
      commits: checks.commits,
      activations: checks.activations,
      leaseReads: checks.leaseReads,
      keys: history.keys.size,
      transactions: history.transactions,
      ...world.events(),
    },
    hash: trace.hash(),
  };
}
