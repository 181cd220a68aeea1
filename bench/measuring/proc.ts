/** What Linux tells of a process in /proc: processor time of all its threads, and resident memory. */
import { readFileSync } from 'node:fs';

/** Clock ticks a second of /proc/PID/stat: USER_HZ, which is 100 on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Processor time that the processes have had, user and system, in microseconds. @throws where one has ended */
export function cpuMicros(pids: readonly number[]): number {
  const ticks = pids.map((pid) => ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  return (ticks.reduce((sum, each) => sum + each, 0) * 1e6) / TICKS_PER_SECOND;
}

/** Resident memory in bytes. @throws where the process has ended */
export function residentBytes(pid: number): number {
  return residentOf(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** `utime` + `stime` (fields 14 and 15, proc_pid_stat(5)). The name in field 2 may hold spaces and brackets. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (Number.isNaN(ticks)) throw new Error(`not a line of /proc/PID/stat: ${stat}`);
  return ticks;
}

/** `VmRSS` of /proc/PID/status, in bytes. */
export function residentOf(status: string): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kibibytes === undefined)
    throw new Error('there is no VmRSS in /proc/PID/status: the process has ended');
  return Number(kibibytes) * 1024;
}

/** The numbers in a list of the kernel's, such as `0-2,5`. */
export function numbersIn(list: string): number[] {
  return list
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first = Number.NaN, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}
