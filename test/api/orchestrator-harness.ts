/** An orchestrator in this process on a free port, and ways to ask it. */
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { systemClock } from '../../common/clock.js';
import { SECRET } from '../../harness/inside-calls.js';
import {
  type Orchestrator,
  type OrchestratorOptions,
  startOrchestrator,
} from '../../orchestrator/orchestrator.js';

const EVENTUALLY_MS = 8_000;
const LOOK_MS = 20;

/** Starts one with short times; what it logs goes to `lines`. */
export function start(
  options: Partial<OrchestratorOptions> = {},
  lines: string[] = [],
): Promise<Orchestrator> {
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return startOrchestrator(
    {
      ...{
        host: '127.0.0.1',
        port: 0,
        data: null,
        cluster: 'covey',
        copies: 3,
        minInSync: 2,
        bootstrapPeers: 3,
      },
      ...{ repairAfterMs: 60_000, failureDetection: 'fast', registryMayBeOld: false, secret: SECRET },
      ...options,
    },
    systemClock,
    log,
  );
}

/** Repeats until it does not throw. */
export async function eventually<T>(attempt: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + EVENTUALLY_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(LOOK_MS);
    }
  }
}
