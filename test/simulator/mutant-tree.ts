/**
 * A mutant is a copy of the compiled program with one text replaced, in a directory of its own; production code has no
 * branches for it. A text that is not found, or found more than once, is an error: the mutant must be written anew.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUGS } from './bugs.js';
import { MUTANTS } from './mutants.js';

/** One replacement in one compiled file. */
export interface Patch {
  /** Path below dist. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const DIST = fileURLToPath(new URL('../..', import.meta.url));
const MARK = 'MUTANT';

/** Is this program itself a mutant? */
export function isMutantTree(): boolean {
  return existsSync(join(DIST, MARK));
}

/** Applies a patch to a text; throws unless it fits in exactly one place. */
export function patched(source: string, { file, find, replace }: Patch): string {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`mutant does not fit: found ${places} times in ${file}:\n${find}`);
  return source.replace(find, () => replace);
}

/** Makes a patched copy of the program; returns its directory and how to remove it. */
export function growTree(patches: readonly Patch[]): { readonly directory: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'covey-mutant-'));
  cpSync(DIST, join(directory, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(map|tsbuildinfo)$/.test(path),
  });
  cpSync(join(DIST, '..', 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(DIST, '..', 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'dist', MARK), '');
  for (const patch of patches) {
    const path = join(directory, 'dist', patch.file);
    writeFileSync(path, patched(readFileSync(path, 'utf8'), patch));
  }
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** What a run of the simulator in a tree came to. */
export interface TreeRun {
  readonly code: number;
  readonly output: string;
}

/** Runs the simulator of a tree; ends it, as killed by the mutant, when it takes longer than `limitMs`. */
export function runTree(directory: string, args: readonly string[], limitMs?: number): Promise<TreeRun> {
  return new Promise((resolve, reject) => {
    const main = join(directory, 'dist/test/simulator/main.js');
    const child = spawn(process.execPath, ['--max-old-space-size=1500', main, ...args], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let timedOut = false;
    const timer =
      limitMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill('SIGKILL');
          }, limitMs);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : (code ?? 1), output: timedOut ? `${output}\ntook too long` : output });
    });
  });
}

/** Runs this very command line with a mutant of the model's list. */
export async function runInMutant(name: string, args: readonly string[]): Promise<number> {
  const all = [...MUTANTS, ...BUGS];
  const mutant = all.find((known) => known.name === name);
  if (mutant === undefined) {
    throw new Error(`no such mutant: ${name}; there are ${all.map((known) => known.name).join(', ')}`);
  }
  const tree = growTree(mutant.patches);
  try {
    const aimed = args.includes('--fault') ? args : [...args, ...mutant.options];
    const { code, output } = await runTree(tree.directory, aimed);
    process.stdout.write(output);
    return code;
  } finally {
    tree.remove();
  }
}
