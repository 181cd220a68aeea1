/**
 * A limit on the memory of a process, by a control group of version 1 or 2, page cache included, as a container has it.
 *
 * Invariant: the group is removed by `release`, when its process has ended.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

export interface MemoryLimit {
  /** Goes in front of the command. */
  readonly wrap: readonly string[];
  /** Bytes in use now, page cache included. */
  used(): number;
  /** Times the system killed a process of the group. */
  kills(): number;
  release(): void;
}

/** Null where this machine does not let us limit memory. */
export function limitMemory(name: string, bytes: number): MemoryLimit | null {
  const v1 = existsSync(`${V1}/memory.limit_in_bytes`);
  const group = `${v1 ? V1 : V2}/covey-${process.pid}-${name}`;
  try {
    mkdirSync(group);
    writeFileSync(`${group}/${v1 ? 'memory.limit_in_bytes' : 'memory.max'}`, String(bytes));
  } catch {
    return null; // no right to, or no such controller: the caller says so
  }
  const read = (file: string) => readFileSync(`${group}/${file}`, 'utf8');
  return {
    wrap: ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'],
    used: () => Number(read(v1 ? 'memory.usage_in_bytes' : 'memory.current')),
    kills: () => Number(/oom_kill (\d+)/.exec(read(v1 ? 'memory.oom_control' : 'memory.events'))?.[1] ?? 0),
    release: () => rmdirSync(group),
  };
}

/** What the process holds in memory by itself and of mapped files, in bytes: VmRSS. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
