/** `npm run bench`: measures Covey side by side with what a user would pick instead, and writes down what came of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { batch } from './families/batch.js';
import { etcd } from './families/etcd.js';
import type { Family } from './families/family.js';
import { sizesHttp, sizesResp, ycsb } from './families/matrix.js';
import { memory } from './families/memory.js';
import { orchestrator } from './families/orchestrator.js';
import { peers } from './families/peers.js';
import { respRedis } from './families/resp.js';
import { restForwarded, restGet } from './families/rest.js';
import type { Missing } from './measuring/rows.js';
import { type Options, parseOptions, usage } from './options.js';
import { withReport } from './report/document.js';
import { plot } from './report/plot.js';
import type { FamilyResult, Result } from './report/result.js';
import { reportText } from './report/table.js';
import { type Check, partsCheck } from './servers/parts.js';
import { surroundings } from './surroundings.js';
import { Workshop } from './workshop.js';

const FAMILIES: readonly Family[] = [
  ...[restGet, restForwarded, respRedis, etcd, batch, peers, memory, orchestrator],
  ...[ycsb, sizesHttp, sizesResp],
];
const DOCUMENT = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const PLOT = fileURLToPath(new URL('../../docs/performance.svg', import.meta.url));

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
  if (options.write) withReport(readFileSync(DOCUMENT, 'utf8'), '');
  let family = '';
  const workshop = new Workshop(options.quick, (line) => say(`${family}: ${line}`));
  const interrupt = () => void workshop.close();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const check = partsCheck(process.env.PATH ?? '', say);
    const outcome = await measureAll(options, workshop, check, (name) => {
      family = name;
    });
    deliver(options, { command: commandOf(), ...surroundings(), ...outcome });
  } finally {
    await workshop.close();
  }
}

async function measureAll(
  { quick, only }: Options,
  workshop: Workshop,
  check: Check,
  entered: (family: string) => void,
): Promise<Pick<Result, 'families' | 'missing'>> {
  const families: FamilyResult[] = [];
  const missing: Missing[] = [];
  for (const family of FAMILIES) {
    const { name } = family;
    if (only !== null && only !== name) continue;
    entered(name);
    const leftOut = quick && only === null && family.slow === true;
    const why = leftOut ? 'left out by --quick' : check(family.needs);
    if (why === null) {
      workshop.say(family.about);
      families.push({ family: name, rows: await family.measure(workshop) });
      await workshop.release();
    } else {
      workshop.say(`missing: ${why}`);
      missing.push({ family: name, why });
    }
  }
  return { families, missing };
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
