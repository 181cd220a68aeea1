/** `npm run bench`: measures Covey side by side with what a user would pick instead, and writes down what came of it. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { batch } from './families/batch.js';
import { etcd } from './families/etcd.js';
import type { Family } from './families/family.js';
import { sizesHttp, sizesResp, ycsb } from './families/matrix.js';
import { memory } from './families/memory.js';
import { orchestrator } from './families/orchestrator.js';
import { peers, peersDirect } from './families/peers.js';
import { respRedis } from './families/resp.js';
import { restForwarded, restGet } from './families/rest.js';
import { type Options, parseOptions, usage } from './options.js';
import { withReport } from './report/document.js';
import { plot } from './report/plot.js';
import type { Result } from './report/result.js';
import { reportText } from './report/table.js';
import { measureAll } from './run.js';
import { partsCheck } from './servers/parts.js';
import { surroundings } from './surroundings.js';
import { Workshop } from './workshop.js';

const FAMILIES: readonly Family[] = [
  ...[restGet, restForwarded, respRedis, etcd, batch, peers, memory, orchestrator],
  ...[peersDirect, ycsb, sizesHttp, sizesResp],
];
const DOCUMENT = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const PLOT = fileURLToPath(new URL('../../docs/performance.svg', import.meta.url));

/** As shells have it for a program that was stopped by Ctrl-C. */
const STOPPED = 130;

const say = (line: string) => process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const options = parseOptions(
    process.argv.slice(2),
    FAMILIES.map(({ name }) => name),
  );
  if (options.help) {
    process.stdout.write(usage(FAMILIES));
    return;
  }
  if (process.platform !== 'linux')
    throw new Error('the bench needs Linux: it reads processor time from /proc');
  seeThatItCanBeWritten(options);
  const workshop = new Workshop(options.quick, say);
  const interrupt = () => void workshop.close().then(() => process.exit(STOPPED));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const check = partsCheck(process.env.PATH ?? '', process.getuid?.() === 0, say);
    const outcome = await measureAll(options, FAMILIES, workshop, check);
    deliver(options, { command: commandOf(), ...surroundings(), ...outcome });
    if (outcome.missing.some(({ failed }) => failed)) process.exitCode = 1;
  } finally {
    await workshop.close();
  }
}

/** Before half an hour of measuring, not after it. @throws where a file cannot be written as it should be */
function seeThatItCanBeWritten({ json, write }: Options): void {
  if (json !== null) closeSync(openSync(json, 'a'));
  if (write) withReport(readFileSync(DOCUMENT, 'utf8'), '');
}

function deliver({ json, write }: Options, result: Result): void {
  const report = reportText(result);
  process.stdout.write(`${report}\n`);
  if (json !== null) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  if (!write) return;
  const rows = result.families.flatMap((family) => family.rows);
  writeFileSync(DOCUMENT, withReport(readFileSync(DOCUMENT, 'utf8'), report));
  writeFileSync(PLOT, plot(rows, `${result.command}, ${result.date}, ${result.machine}`));
}

function commandOf(): string {
  return ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
}

try {
  await main();
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
