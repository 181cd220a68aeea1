/** What the command line of `npm run bench` may say. */
import { parseArgs } from 'node:util';

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  /** The one family that is measured; null: all. */
  readonly only: string | null;
  /** Where the raw figures go; null: nowhere. */
  readonly json: string | null;
  /** Whether `docs/` is written. */
  readonly write: boolean;
}

/** The text of `--help`; `families` are the names and what they are about. */
export function usage(families: readonly { readonly name: string; readonly about: string }[]): string {
  return `npm run bench -- [--quick] [--only NAME] [--json FILE] [--write]
  --quick      short rounds and small data: all goals within 5 minutes, for plausibility
  --only NAME  one family of rows, from the list below
  --json FILE  write every round's figures, too
  --write      write docs/performance.md and docs/performance.svg; a run of all families does so anyway, one with --quick only
               with this, and one with --only never: a few rows would take the place of all

${families.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}

The table goes to standard output, progress to standard error. Every comparison runs interleaved, A B A B, on the same cores.
Data lies in new folders under TMPDIR, which are removed afterwards; it should be on the disk that is to be measured. What it
compares with (redis-server, etcd-server, redis-tools, wrk of Debian) is installed by apt-get where it is missing and we are root.
`;
}

/** Reads the command line. @throws where it makes no sense, with what to do */
export function parseOptions(args: readonly string[], families: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const { help, quick, only = null, json = null, write } = values;
  if (only !== null && !families.includes(only)) {
    throw new Error(`--only ${only}: there is no such family; they are ${families.join(', ')}`);
  }
  if (only !== null && write) {
    throw new Error('--write needs all rows: leave out --only');
  }
  return { help, quick, only, json, write: write || (!quick && only === null) };
}
