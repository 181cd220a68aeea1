/** `npm run mutants`: whether the simulator notices what is wrong with the protocol; see `USAGE`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../program.js';
import { BUGS } from './bugs.js';
import { growTree, runTree } from './mutant-tree.js';
import { MUTANTS } from './mutants.js';
import { type Mutation, mutate, mutationsOf, sample } from './mutation-operators.js';

const USAGE = `npm run mutants -- [options]
Switches the rules of the protocol off one at a time, and prints in how many seeds the simulator notices, and by which check.
  --only NAME       only this rule
  --generated N     instead, N small wrongs made by rule in the core's files
  --from N          skips so many of these (0)
  --seeds N         random seeds that each of these is tried with (60)
  --jobs N          worker threads (1)
  --help            this text`;

const DIST = fileURLToPath(new URL('../..', import.meta.url));
/** Files that get generated mutants: the whole core, and what decides configurations (not who gets how many copies). */
const CORE = 'peer/replication';
const DECISIONS = [
  'draft',
  'removal',
  'registration',
  'leadership',
  'learners',
  'situation',
  'rebuild',
  'register',
];
/** A mutant that makes the program spin is killed, and counts as found, after this. */
const MS_PER_SEED = 2000;

interface Verdict {
  readonly killed: boolean;
  /** The seeds that it took. */
  readonly seeds: number;
  readonly found: string;
}

/** Aimed runs that a generated mutant must survive as well, some seeds each. */
const AIMS = ['flipflop', 'killprimary', 'slowadd', 'gateless', 'crash-point', 'registry-lost'];
const SEEDS_PER_AIM = 8;

/** Random seeds first, then aimed ones. */
async function judgeAll(directory: string, seeds: number): Promise<Verdict> {
  const random = await judge(directory, seeds, []);
  if (random.killed) return random;
  for (const aim of AIMS) {
    const aimed = await judge(directory, SEEDS_PER_AIM, ['--fault', aim]);
    if (aimed.killed) return { ...aimed, found: `${aim}: ${aimed.found}` };
  }
  return random;
}

async function judge(directory: string, seeds: number, options: readonly string[]): Promise<Verdict> {
  const args = ['--seeds', `1-${seeds}`, '--until-failure', ...options];
  const { code, output } = await runTree(directory, args, 20_000 + seeds * MS_PER_SEED);
  const summary = /^seeds (\d+),/m.exec(output);
  const seed = /^seed (\d+): (.*)$/m.exec(output);
  if (code === 0) return { killed: false, seeds, found: 'survived' };
  const found =
    seed?.[2] ??
    output
      .trim()
      .split('\n')
      .find((line) => /Error|too long/.test(line)) ??
    output.slice(0, 200);
  return { killed: true, seeds: Number(seed?.[1] ?? summary?.[1] ?? 1), found: found.slice(0, 110) };
}

async function named(only: string | undefined): Promise<boolean> {
  let all = true;
  const chosen = [...MUTANTS, ...BUGS].filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`there is no mutant ${only}`);
  process.stdout.write(
    '| mutant | rule | faults | seeds until found | found by |\n| --- | --- | --- | --- | --- |\n',
  );
  for (const mutant of chosen) {
    const tree = growTree(mutant.patches);
    try {
      const { killed, seeds, found } = await judge(tree.directory, mutant.seeds, mutant.options);
      all &&= killed;
      const faults = mutant.options.join(' ') || 'random';
      const took = killed ? String(seeds) : `not in ${seeds}`;
      process.stdout.write(`| ${mutant.name} | ${mutant.rule} | ${faults} | ${took} | ${found} |\n`);
    } finally {
      tree.remove();
    }
  }
  return all;
}

function everyMutation(): Mutation[] {
  const core = readdirSync(join(DIST, CORE)).filter((name) => name.endsWith('.js'));
  const files = [
    ...core.map((name) => `${CORE}/${name}`),
    ...DECISIONS.map((name) => `orchestrator/configuration/${name}.js`),
  ];
  return files.flatMap((file) => mutationsOf(file, readFileSync(join(DIST, file), 'utf8')));
}

async function generated(from: number, count: number, seeds: number, jobs: number): Promise<void> {
  const chosen = sample(everyMutation(), count).slice(from);
  const survivors: Mutation[] = [];
  let killed = 0;
  let next = 0;
  const one = async (): Promise<void> => {
    for (let mutation = chosen[next++]; mutation !== undefined; mutation = chosen[next++]) {
      const tree = growTree([]);
      try {
        const path = join(tree.directory, 'dist', mutation.file);
        writeFileSync(path, mutate(readFileSync(path, 'utf8'), mutation));
        const verdict = await judgeAll(tree.directory, seeds);
        if (verdict.killed) killed += 1;
        else survivors.push(mutation);
        const place = `${mutation.file}:${mutation.line}`;
        const what = `${mutation.operator}: ${mutation.before.trim().slice(0, 90)}`;
        const outcome = verdict.killed ? `killed at seed ${verdict.seeds} by ${verdict.found}` : 'SURVIVED';
        process.stdout.write(`${place} ${what}\n    ${outcome}\n`);
      } finally {
        tree.remove();
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, one));
  process.stdout.write(`\n${killed} of ${chosen.length} generated mutants killed within ${seeds} seeds\n`);
  for (const { file, line, operator, before, after } of survivors) {
    process.stdout.write(
      `survivor ${file}:${line} (${operator})\n  - ${before.trim()}\n  + ${after.trim()}\n`,
    );
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      generated: { type: 'string' },
      from: { type: 'string', default: '0' },
      seeds: { type: 'string', default: '60' },
      jobs: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  const { generated: count, from, seeds, jobs } = values;
  if (values.help) process.stdout.write(`${USAGE}\n`);
  else if (count === undefined) return (await named(values.only)) ? 0 : 1;
  else await generated(Number(from), Number(count), Number(seeds), Number(jobs));
  return 0;
}

await run(main);
