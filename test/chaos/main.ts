/** `npm run chaos`: hurts a cluster of real processes for a while, prints one line, exits 1 if anything was wrong. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { run } from '../program.js';
import { Chaos } from './chaos.js';
import { parseOptions, USAGE } from './options.js';
import { isGood, lastLine, troubleLines } from './report.js';

const LARGEST_SEED = 1_000_000_000;

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = parseOptions(
    process.argv.slice(2),
    () => randomInt(1, LARGEST_SEED),
    () => execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }),
  );
  const chaos = await Chaos.prepare(options, (line) => process.stderr.write(`${line}\n`));
  process.once('SIGINT', () => chaos.interrupt());
  process.once('SIGTERM', () => chaos.interrupt());
  let good = false;
  try {
    const verdict = await chaos.run();
    good = isGood(verdict);
    for (const line of troubleLines(verdict)) process.stdout.write(`${line}\n`);
    process.stdout.write(`${lastLine(verdict)}\n`);
  } finally {
    await chaos.close(good && !options.keep);
  }
  return good ? 0 : 1;
}

await run(main);
