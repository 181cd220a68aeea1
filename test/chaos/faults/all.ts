/** All kinds of faults. */
import { clock } from './clock.js';
import { cutFull, cutOneWay, delay, isolate, loss } from './cuts.js';
import { diskFull, wiped } from './disks.js';
import type { Fault } from './fault.js';
import { kill, killAll, stop } from './kills.js';
import { drained, join, rolling } from './membership.js';
import { orchestratorKilled, registryDeleted } from './orchestrator.js';

export const FAULTS: readonly Fault[] = [
  ...[kill, killAll, stop, cutOneWay, cutFull, isolate, delay, loss],
  ...[diskFull, wiped, clock, join, drained, rolling, orchestratorKilled, registryDeleted],
];
