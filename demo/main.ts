/** Runs the demo: starts, shows, watches, stops. `demo_kv.sh` sees to it that there is something to run. */
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomToken, systemClock } from '../common/clock.js';
import { OptionError } from '../common/options.js';
import { type Layout, layOut, type Part } from './layout.js';
import { type DemoOptions, readDemoOptions } from './options.js';
import {
  forget,
  foundAgain,
  isAlive,
  isRemembered,
  type Running,
  remember,
  remembered,
  startPart,
  stopAll,
  takenPorts,
} from './processes.js';
import { survival } from './survival.js';
import { seed, tour } from './tour.js';
import { allReady, answersReady, reportChanges } from './watching.js';

const READY_MS = 60_000;
/** Place of the process, the orchestrator being the first, that the demo suggests to kill. */
const VICTIM = 3;

/** A reason to give up that a person can act on: one line, exit 1. */
class GiveUp extends Error {}

async function main(): Promise<void> {
  const options = readDemoOptions(process.argv.slice(2));
  const layout = layOut(options);
  requireOwn(layout);
  if (options.action === 'stop') await stop(layout, options);
  else if (options.action === 'status') await status(layout);
  else await start(layout, options);
}

async function start(layout: Layout, options: DemoOptions): Promise<void> {
  if (remembered(layout).some(isAlive)) {
    throw new GiveUp(`the demo already runs on port ${options.port}: stop it with ${stopCommand(options)}`);
  }
  const [taken] = await takenPorts(layout);
  if (taken !== undefined) {
    throw new GiveUp(`port ${taken} is taken: stop what listens there, or choose others with --port BASE`);
  }
  prepare(layout, options);
  const startedMs = systemClock.monotonicMs();
  const running = [layout.orchestrator, ...layout.peers].map((part) =>
    startPart(part, layout, options.watch),
  );
  remember(layout, running);
  const stopping = stopOnSignals(layout, running);
  try {
    print(`Starting ${layout.peers.length} peers and the orchestrator (logs in ${layout.folder}) ...`);
    const late = await allReady(layout, running, READY_MS);
    if (late !== null) throw new GiveUp(late);
    await seed(layout);
    const tookMs = systemClock.monotonicMs() - startedMs;
    print(`Ready after ${(tookMs / 1000).toFixed(1)} s: ${layout.peers.map((peer) => peer.url).join('  ')}`);
    if (options.tour) {
      await tour(layout, print);
      const restart = restarter(layout, running, () => stopping.signalled);
      if (canSurvive(options)) await survival(layout, running, restart, print);
    }
  } catch (error) {
    if (stopping.signalled) return;
    await stopAll(running);
    forget(layout);
    throw error;
  }
  if (options.detach) {
    stopping.leave();
    print(`\nRunning in the background; stop with ${stopCommand(options)}`);
    return;
  }
  showHandles(running);
  await reportChanges(
    layout,
    (line) => print(`${new Date(systemClock.wallMs()).toLocaleTimeString()}  ${line}`),
    () => stopping.signalled || !isRemembered(layout, running),
  );
  if (stopping.signalled) return;
  stopping.leave();
  print('Stopped by another ./demo_kv.sh.');
}

/** Starts a part again in the place of one that was killed: counted at once, so that whatever stops all stops it too. */
function restarter(layout: Layout, running: Running[], isStopping: () => boolean) {
  return (part: Part, killed: Running): void => {
    if (isStopping()) throw new GiveUp('stopped');
    running.splice(running.indexOf(killed), 1, startPart(part, layout, false));
    remember(layout, running);
  };
}

/** Whether a peer may be lost, and the others are enough to go on. */
function canSurvive({ peers, replicas }: DemoOptions): boolean {
  return Math.min(peers, replicas) >= 3;
}

/** What stops this very demo. */
function stopCommand({ port, data }: DemoOptions): string {
  return `./demo_kv.sh --stop --port ${port}${data === null ? '' : ` --data ${forShell(data)}`}`;
}

/** What a visitor needs to hurt the cluster, and to mend it again. */
function showHandles(running: readonly Running[]): void {
  const victim = running[Math.min(VICTIM, running.length - 1)] as Running;
  const command = ['node', ...victim.args].map(forShell).join(' ');
  print(`\nProcesses: ${running.map(({ name, pid }) => `${name} ${pid}`).join(', ')}`);
  print(`Try: kill -9 ${victim.pid}, watch what happens, and start ${victim.name} again with\n  ${command}`);
  print('Ctrl-C stops all.\n');
}

/** A word as a shell takes it. */
function forShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An empty folder unless it was asked for by name, and a secret of this cluster's own. */
function prepare(layout: Layout, options: DemoOptions): void {
  if (options.data === null) rmSync(layout.folder, { recursive: true, force: true });
  mkdirSync(layout.folder, { recursive: true, mode: 0o700 });
  requireOwn(layout);
  if (!existsSync(layout.secretFile)) writeFileSync(layout.secretFile, `${randomToken()}\n`, { mode: 0o600 });
  chmodSync(layout.secretFile, 0o600);
}

/** Where everybody may write, another user may have made the folder, with a list of processes for us to stop. */
function requireOwn(layout: Layout): void {
  if (process.getuid === undefined || !existsSync(layout.folder)) return;
  if (statSync(layout.folder).uid === process.getuid()) return;
  throw new GiveUp(`${layout.folder} belongs to another user: choose a folder of your own with --data DIR`);
}

function stopOnSignals(
  layout: Layout,
  running: readonly Running[],
): { readonly signalled: boolean; leave(): void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const state = {
    signalled: false,
    leave: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
  function onSignal(): void {
    if (state.signalled) return;
    state.signalled = true;
    print('\nStopping ...');
    void stopAll(foundAgain(running))
      .then(() => takenPorts(layout))
      .then((taken) => {
        if (taken.length > 0)
          print(`Not started by this demo, and left alone: what listens on port ${taken.join(', ')}.`);
        forget(layout);
        process.exit(0);
      });
  }
  for (const name of signals) process.on(name, onSignal);
  return state;
}

async function stop(layout: Layout, options: DemoOptions): Promise<void> {
  const running = remembered(layout).filter(isAlive);
  if (running.length === 0) {
    print(`Nothing of the demo runs on port ${options.port} with its data in ${layout.folder}.`);
    return;
  }
  await stopAll(running);
  const left = running.filter(isAlive);
  if (left.length > 0)
    throw new GiveUp(`could not stop ${left.map((each) => `${each.name} (pid ${each.pid})`).join(', ')}`);
  forget(layout);
  print(`Stopped ${running.length} processes.`);
}

/** One line for each part; exit 1 unless all are ready. */
async function status(layout: Layout): Promise<void> {
  const parts = remembered(layout);
  if (!parts.some(isAlive))
    throw new GiveUp(
      `nothing of the demo runs on this port with its data in ${layout.folder}; start it with ./demo_kv.sh`,
    );
  for (const each of parts) {
    const url = `http://127.0.0.1:${each.args[each.args.indexOf('--port') + 1]}`;
    const state = await stateOf(each, { ...layout.orchestrator, url });
    print(`${each.name.padEnd(14)} pid ${String(each.pid).padEnd(8)} ${url.padEnd(24)} ${state}`);
    if (state !== 'ready') process.exitCode = 1;
  }
}

async function stateOf(running: Running, part: Part): Promise<'ready' | 'not ready' | 'ended'> {
  if (!isAlive(running)) return 'ended';
  return (await answersReady(part)) ? 'ready' : 'not ready';
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof GiveUp || error instanceof OptionError)) throw error;
  process.stderr.write(`demo_kv.sh: ${error.message}\n`);
  process.exitCode = error instanceof OptionError ? 2 : 1;
}
