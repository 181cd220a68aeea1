/**
 * Starts and stops the processes of the demo, and remembers them in a file, so that a later `--stop` finds them.
 *
 * Invariant: only a process that runs the very command that we started is ever signalled; a number that the system has
 * given to another process since is left alone. Who starts a killed part again with that command, as the demo suggests,
 * makes it the demo's again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isFree } from '../common/free-port.js';
import type { Layout, Part } from './layout.js';

/** A peer ends within 5 s of SIGTERM; after this it is killed. */
const STOP_MS = 6_000;
const LOOK_MS = 50;

export interface Running {
  readonly name: string;
  readonly pid: number;
  /** The script and its arguments. */
  readonly args: readonly string[];
}

/** The ports of the layout that another process listens on. */
export async function takenPorts(layout: Layout): Promise<number[]> {
  const ports = [layout.orchestrator, ...layout.peers].flatMap((part) => part.ports);
  const free = await Promise.all(ports.map(isFree));
  return ports.filter((_, i) => !free[i]);
}

/** Starts a part in a process group of its own, so that Ctrl-C in this terminal reaches only us. */
export function startPart(part: Part, layout: Layout, watch: boolean): Running {
  const log = openSync(join(layout.folder, `${part.name}.log`), 'a');
  const { COVEY_SECRET: _, ...env } = process.env;
  const args = watch ? ['--watch', '--watch-preserve-output', ...part.args] : [...part.args];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  child.unref();
  return { name: part.name, pid: child.pid ?? 0, args: part.args };
}

/** Remembers what was started, for `--stop` and `--status`. */
export function remember(layout: Layout, running: readonly Running[]): void {
  writeFileSync(listPath(layout), JSON.stringify(running), { mode: 0o600 });
}

/** Whether these are remembered still: else they were stopped by another process of the demo. */
export function isRemembered(layout: Layout, running: readonly Running[]): boolean {
  return listText(layout) === JSON.stringify(running);
}

export function forget(layout: Layout): void {
  rmSync(listPath(layout), { force: true });
}

/** What was started from this folder, whether it runs or not. */
export function remembered(layout: Layout): Running[] {
  const text = listText(layout);
  return text === null ? [] : foundAgain(JSON.parse(text) as Running[]);
}

/** The parts with the numbers that they have now, where they were started again by hand. */
export function foundAgain(parts: readonly Running[]): Running[] {
  if (parts.every(isAlive)) return [...parts];
  const commands = allCommands();
  return parts.flatMap((part) => {
    if (isAlive(part)) return [part];
    const again = commands.filter(({ line }) => isCommandOf(part, line)).map(({ pid }) => ({ ...part, pid }));
    return again.length > 0 ? again : [part];
  });
}

/**
 * Stops the orchestrator first, so that peers which leave do not hand their data round to one another, then all others.
 * What does not end by itself is killed.
 */
export async function stopAll(running: readonly Running[]): Promise<void> {
  const orchestrators = running.filter((each) => each.name === 'orchestrator');
  for (const group of [orchestrators, running.filter((each) => each.name !== 'orchestrator')]) {
    for (const each of group) signal(each, 'SIGTERM');
    if (await allEnd(group)) continue;
    for (const each of group) signal(each, 'SIGKILL');
    await allEnd(group);
  }
}

export function isAlive(running: Running): boolean {
  const line = commandOf(running.pid);
  return line !== null && isCommandOf(running, line);
}

function isCommandOf({ args }: Running, line: string): boolean {
  return line.trimEnd().endsWith(` ${args.join(' ')}`);
}

async function allEnd(group: readonly Running[]): Promise<boolean> {
  for (let waited = 0; waited < STOP_MS; waited += LOOK_MS) {
    if (!group.some(isAlive)) return true;
    await pause(LOOK_MS);
  }
  return false;
}

function signal(running: Running, name: NodeJS.Signals): void {
  if (!isAlive(running)) return;
  try {
    process.kill(running.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The command line of a process; null where there is none (or only its remains). */
function commandOf(pid: number): string | null {
  if (pid <= 0) return null;
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') || null;
    } catch {
      return null;
    }
  }
  const ps = spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return ps.status === 0 ? ps.stdout : null;
}

function allCommands(): { readonly pid: number; readonly line: string }[] {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map((pid) => ({ pid: Number(pid), line: commandOf(Number(pid)) ?? '' }));
  }
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' });
  return stdout.split('\n').map((line) => {
    const [, pid = '0', command = ''] = /^ *(\d+) (.*)$/.exec(line) ?? [];
    return { pid: Number(pid), line: command };
  });
}

function listText(layout: Layout): string | null {
  return existsSync(listPath(layout)) ? readFileSync(listPath(layout), 'utf8') : null;
}

function listPath(layout: Layout): string {
  return join(layout.folder, 'processes.json');
}
