/** The processor time that an orchestrator needs for many peers: `node dist/test/standins/main.js [COUNT] [SECONDS] [node flags...]`. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type StandIns, startStandIns } from './orchestrator-standins.js';

const SECRET = 'a-secret-for-tests-only';
const MAIN = fileURLToPath(new URL('../../orchestrator/main.js', import.meta.url));
const [count = 1000, seconds = 10] = process.argv.slice(2, 4).map(Number);
let wish: 'drain' | 'undrain' = 'drain';
const say = (line: string) => process.stdout.write(`${line}\n`);

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), 'covey-standins-'));
writeFileSync(join(folder, 'secret'), SECRET, { mode: 0o600 });
const orchestrator = spawn(
  process.execPath,
  [
    ...process.argv.slice(4),
    MAIN,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--data',
    join(folder, 'data'),
    '--bootstrap-peers',
    String(count),
    '--secret-file',
    join(folder, 'secret'),
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
try {
  await eventually(async () => (await fetch(`${url}/livez`)).ok);
  const peers = await startStandIns({ count, orchestrator: url, secret: SECRET });
  say(`${count} registered`);
  await still(peers);
  say(`map ${peers.newest()} known to ${peers.know(peers.newest())}`);
  await round(peers);
  for (let i = 0; i < 3; i++) await change(peers);
  await death(peers);
} finally {
  orchestrator.kill('SIGTERM');
  await new Promise((resolve) => orchestrator.once('exit', resolve));
  rmSync(folder, { recursive: true });
}
process.exit();

async function round(peers: StandIns) {
  const before = [cpuMs(), peers.deliveries()] as const;
  const begun = performance.now();
  await pause(seconds * 1000);
  const lasted = (performance.now() - begun) / 1000;
  say(
    `at rest: ${((cpuMs() - before[0]) / lasted).toFixed(0)} ms of CPU a second, ${((peers.deliveries() - before[1]) / lasted).toFixed(0)} deliveries a second, for ${lasted.toFixed(1)} s`,
  );
}

async function change(peers: StandIns) {
  const ver = peers.newest();
  const cpu = cpuMs();
  const begun = performance.now();
  const answer = await fetch(`${url}/nodes/peer-${Math.min(7, count)}/${wish}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET}` },
  });
  wish = wish === 'drain' ? 'undrain' : 'drain';
  if (answer.status !== 202) throw new Error(await answer.text());
  await eventually(() => peers.know(ver + 1) === count, 1, 60_000);
  const ms = performance.now() - begun;
  say(`a change is known to all after ${ms.toFixed(0)} ms, ${(cpuMs() - cpu).toFixed(0)} ms of CPU`);
  await still(peers);
}
async function death(peers: StandIns) {
  const status = async () =>
    (await (await fetch(`${url}/partitions`)).json()) as {
      epoch: number;
      partitions: { primary: string; replicas: string[] }[];
    };
  const victim = (await status()).partitions[0]?.primary as string;
  const begun = performance.now();
  peers.silence(victim);
  let ver = 0;
  await eventually(
    async () => {
      const now = await status();
      ver = now.epoch;
      return !now.partitions.some(({ primary, replicas }) => primary === victim || replicas.includes(victim));
    },
    20,
    60_000,
  );
  const removed = performance.now() - begun;
  await eventually(() => peers.know(ver) === count - 1, 1, 60_000);
  say(
    `a death is known after ${removed.toFixed(0)} ms, to all after ${(performance.now() - begun).toFixed(0)} ms`,
  );
}

/** Waits until everybody follows the newest map, and it has not changed for 3 s. */
async function still(peers: StandIns) {
  let since = performance.now();
  let ver = 0;
  let told = 0;
  await eventually(
    () => {
      if (performance.now() - told > 2_000) {
        told = performance.now();
        say(`  map ${peers.newest()}, known to ${peers.know(peers.newest())}`);
      }
      if (ver !== peers.newest() || ver === 0 || peers.know(ver) !== count) {
        ver = peers.newest();
        since = performance.now();
      }
      return performance.now() - since > 3_000;
    },
    20,
    200_000,
  );
}

function cpuMs(): number {
  const fields = readFileSync(`/proc/${orchestrator.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function eventually(holds: () => boolean | Promise<boolean>, everyMs = 50, withinMs = 60_000) {
  const begun = performance.now();
  for (;;) {
    if (
      await Promise.resolve()
        .then(holds)
        .catch(() => false)
    )
      return;
    if (performance.now() - begun > withinMs) throw new Error('not in time');
    await pause(everyMs);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
