/** What is to be known of the machine and the programs, next to any figure. */
import { spawnSync } from 'node:child_process';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { systemClock } from '../common/clock.js';
import type { Result } from './report/result.js';
import { versionOf } from './servers/parts.js';

const GIBIBYTE = 1024 ** 3;

/** Machine, versions, date and commit. */
export function surroundings(): Pick<Result, 'date' | 'commit' | 'machine' | 'versions'> {
  const [core] = cpus();
  const memory = Math.round(totalmem() / GIBIBYTE);
  const machine = `${cpus().length} cores (${core?.model.trim()}), ${memory} GiB, Linux ${release()}, data on ${fileSystem()}`;
  return {
    date: new Date(systemClock.wallMs()).toISOString().slice(0, 10),
    commit: commit(),
    machine,
    versions: [
      `Node.js ${process.version}`,
      versionOf('redis-server', '--version').replace(/^Redis server v=(\S+).*/, 'redis-server $1'),
      versionOf('etcd', '--version').replace('etcd Version:', 'etcd'),
      versionOf('wrk', '-v').replace(/ \[.*/, ''),
    ],
  };
}

function commit(): string {
  const head = output(['git', 'rev-parse', '--short', 'HEAD']);
  const changed = output(['git', 'status', '--porcelain', '--untracked-files=no']) !== '';
  return head === '' ? 'unknown' : `${head}${changed ? '+' : ''}`;
}

/** What kind holds the data: flushing means nothing on some. */
function fileSystem(): string {
  return output(['findmnt', '-n', '-o', 'FSTYPE', '-T', tmpdir()]) || 'an unknown file system';
}

function output([program = '', ...args]: readonly string[]): string {
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}
