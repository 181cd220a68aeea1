/** What a thousand peers cost the orchestrator, and how soon all of them know a change. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomToken } from '../../common/clock.js';
import { freePorts } from '../../harness/ports.js';
import type { Row } from '../measuring/rows.js';
import { median } from '../measuring/statistics.js';
import { startServer } from '../servers/others.js';
import type { StandInsReport } from '../stand-ins/report.js';
import { type Family, ROUNDS } from './family.js';

const PEERS = 1_000;
const MOST_CPU_MS = 100;
const MOST_KNOWN_MS = 2_000;
const MAIN = fileURLToPath(new URL('../../orchestrator/main.js', import.meta.url));
const STAND_INS = fileURLToPath(new URL('../stand-ins/main.js', import.meta.url));

export const orchestrator: Family = {
  name: 'orchestrator',
  about: 'a round of the orchestrator with 1,000 stand-in peers: CPU, and time until a change is known',
  needs: [],
  async measure(workshop) {
    const [port = 0] = await freePorts(1);
    const secretFile = workshop.path('secret');
    const secret = randomToken();
    writeFileSync(secretFile, secret, { mode: 0o600 });
    const words = [
      ...[process.execPath, MAIN, '--port', `${port}`, '--data', workshop.path('registry')],
      ...['--bootstrap-peers', `${PEERS}`, '--secret-file', secretFile],
    ];
    const url = `http://127.0.0.1:${port}`;
    const { pids } = await startServer(workshop, 'orchestrator', words, port, workshop.serverCore);
    workshop.say(`${PEERS} stand-in peers register`);
    const seconds = workshop.quick ? 1 : 3;
    const output = await workshop.run(
      [process.execPath, STAND_INS, url, `${pids[0]}`, secret, `${PEERS}`, `${ROUNDS}`, `${seconds}`],
      workshop.loadCore,
    );
    const { cpuMsPerSecond, knownMs } = JSON.parse(output) as StandInsReport;
    const what = `orchestrator, ${PEERS.toLocaleString('en')} stand-in peers`;
    return [
      row(`${what}: CPU a second`, cpuMsPerSecond, MOST_CPU_MS),
      row(`${what}: a change, known to all`, knownMs, MOST_KNOWN_MS),
    ];
  },
};

function row(title: string, samples: readonly number[], mostMs: number): Row {
  const value = median(samples);
  const ms = (number: number) => `${Math.round(number).toLocaleString('en')} ms`;
  return {
    title,
    verdict: {
      goal: { kind: 'at most', bound: mostMs, text: `≤ ${ms(mostMs)}` },
      value,
      text: `${ms(value)} (best ${ms(Math.min(...samples))}, worst ${ms(Math.max(...samples))})`,
    },
    sides: [],
    samples,
    notes: [],
  };
}
