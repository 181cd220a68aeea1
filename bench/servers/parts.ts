/** The programs that the bench needs besides Node.js: which are there, and how the others get there. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Say } from '../measuring/contest.js';

export interface Part {
  readonly program: string;
  /** The Debian package that has it. */
  readonly debian: string;
}

export const WRK: Part = { program: 'wrk', debian: 'wrk' };
export const REDIS_SERVER: Part = { program: 'redis-server', debian: 'redis-server' };
export const REDIS_BENCHMARK: Part = { program: 'redis-benchmark', debian: 'redis-tools' };
export const ETCD: Part = { program: 'etcd', debian: 'etcd-server' };
/** RUNLEVEL 1: packages of servers start none; nothing is wanted on their usual ports. */
const APT_ENVIRONMENT = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
const TASKSET: Part = { program: 'taskset', debian: 'util-linux' };

/** What keeps a family with these needs from being measured; null: nothing. */
export type Check = (needs: readonly Part[]) => string | null;

/** Looks for the parts in `path` (as in PATH), and installs missing ones, once, where `mayInstall` and there is apt-get. */
export function partsCheck(path: string, mayInstall: boolean, say: Say): Check {
  const tried = new Set<string>();
  return (needs) => {
    const isMissing = ({ program }: Part) => !isThere(program, path);
    for (const part of [TASKSET, ...needs].filter(isMissing)) {
      if (tried.has(part.debian) || !mayInstall || !isThere('apt-get', path)) continue;
      tried.add(part.debian);
      install(part, path, say);
    }
    const missing = [TASKSET, ...needs].filter(isMissing);
    if (missing.length === 0) return null;
    const programs = missing.map(({ program }) => program).join(' and ');
    return `${programs} not found: apt-get install ${missing.map(({ debian }) => debian).join(' ')}`;
  };
}

/** The first line in which the program tells its version. */
export function versionOf(program: string, flag: string): string {
  const { stdout, stderr, error } = spawnSync(program, [flag], { encoding: 'utf8' });
  return error === undefined ? (`${stdout}${stderr}`.trim().split('\n')[0] ?? '') : 'missing';
}

function install({ program, debian }: Part, path: string, say: Say): void {
  say(`${program} is missing: installing ${debian}`);
  for (const words of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', debian],
  ]) {
    const { status, stderr } = spawnSync('env', [`PATH=${path}`, ...APT_ENVIRONMENT, 'apt-get', ...words], {
      encoding: 'utf8',
    });
    if (status !== 0) say(`apt-get ${words.join(' ')} ended with ${status}: ${stderr.trim()}`);
  }
}

function isThere(program: string, path: string): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
