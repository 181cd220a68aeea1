/**
 * Settings from flags and from the environment. A flag wins over its `COVEY_…` twin, and that over the default.
 *
 * Invariant: a program starts with settings that are all valid, or not at all.
 */
import { parseArgs } from 'node:util';

/** One setting; its flag is the name it has in the table, in kebab-case. */
export interface Option<T> {
  /** What stands for the value in the help: `--port PORT`. */
  readonly placeholder: string;
  readonly help: string;
  /** Used where neither flag nor environment names a value. */
  readonly fallback: T;
  /** Its flag stands alone and means `true`; in the environment it is `true` or `false`. */
  readonly isSwitch?: true;
  /** Throws an Error that says what a right value looks like. */
  parse(text: string): T;
}

export type Settings<S extends Readonly<Record<string, Option<unknown>>>> = {
  readonly [K in keyof S]: S[K] extends Option<infer T> ? T : never;
};

/** A wrong flag or value: the message is one line for a person. */
export class OptionError extends Error {}

/**
 * Reads the settings that `table` describes.
 * @throws OptionError on an unknown flag, a missing or a wrong value.
 */
export function readOptions<S extends Readonly<Record<string, Option<unknown>>>>(
  table: S,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings<S> {
  const flags = parseFlags(table, args);
  const settings: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const flag = flagOf(name);
    const given = flags[flag];
    const twin = env[envOf(name)];
    if (given !== undefined) settings[name] = parseValue(option, given, `--${flag}`);
    else if (twin !== undefined && twin !== '') settings[name] = parseValue(option, twin, envOf(name));
    else settings[name] = option.fallback;
  }
  return settings as Settings<S>;
}

/** The text that `--help` shows. */
export function helpText(usage: string, table: Readonly<Record<string, Option<unknown>>>): string {
  const rows = Object.entries(table).map(([name, option]) => {
    const left = `--${flagOf(name)} ${option.placeholder}`.trimEnd();
    return `  ${left.padEnd(28)} ${option.help} [${envOf(name)}]`;
  });
  return `${usage}\n\n${rows.join('\n')}\n  ${'--help'.padEnd(28)} this text\n`;
}

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new Error(`a whole number from ${min} to ${max}`);
  };
}

/** The value of a switch. */
export function yesOrNo(text: string): boolean {
  return oneOf('true', 'false')(text) === 'true';
}

/** One of a few words. */
export function oneOf<W extends string>(...words: readonly W[]): (text: string) => W {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word !== undefined) return word;
    throw new Error(`one of ${words.join(', ')}`);
  };
}

function parseFlags(
  table: Readonly<Record<string, Option<unknown>>>,
  args: readonly string[],
): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(
      Object.entries(table).map(([name, { isSwitch }]) => [
        flagOf(name),
        { type: isSwitch ? ('boolean' as const) : ('string' as const) },
      ]),
    );
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    return Object.fromEntries(Object.entries(values).map(([flag, value]) => [flag, String(value)]));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new OptionError(`${text.split(/[.\n]/)[0]}; --help lists the options`);
  }
}

function parseValue(option: Option<unknown>, text: string, source: string): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    throw new OptionError(
      `${source}: expected ${error instanceof Error ? error.message : error}, got '${text}'`,
    );
  }
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function envOf(name: string): string {
  return `COVEY_${flagOf(name).toUpperCase().replaceAll('-', '_')}`;
}
