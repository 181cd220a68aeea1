/** Settings that the orchestrator and the peers share, and the rule that binds an address to a secret. */
import { readFileSync } from 'node:fs';
import { addressSchema, isLoopback, nameSchema } from './names.js';
import { type Option, OptionError, oneOf } from './options.js';
import { MIN_SECRET_CHARS } from './secret.js';

/** Text that a schema of `names.ts` takes. */
export function named(what: string): (text: string) => string {
  return (text) => {
    if (nameSchema.safeParse(text).success) return text;
    throw new Error(`${what} (letters, digits, . _ : or -, at most 64)`);
  };
}

export function host(text: string): string {
  if (addressSchema.safeParse(text).success) return text;
  throw new Error('a host name or an IP address, without port');
}

/** Wraps a parser so that the setting may also be absent. */
export function optional<T>(option: Omit<Option<T>, 'fallback'>): Option<T | null> {
  return { ...option, fallback: null };
}

export const sharedOptions = {
  cluster: {
    placeholder: 'NAME',
    help: 'name of the cluster (default covey)',
    fallback: 'covey',
    parse: named('a name of a cluster'),
  },
  host: {
    placeholder: 'ADDRESS',
    help: 'address to listen on (default 127.0.0.1; another needs a secret)',
    fallback: '127.0.0.1',
    parse: host,
  },
  secretFile: optional({
    placeholder: 'FILE',
    help: "file with the cluster's secret (or the secret itself in COVEY_SECRET)",
    parse: (text: string) => text,
  }),
  failureDetection: {
    placeholder: 'HOW',
    help: 'how soon a silent peer counts as gone: fast, normal (default) or patient; the same everywhere',
    fallback: 'normal',
    parse: oneOf('fast', 'normal', 'patient'),
  },
  logLevel: {
    placeholder: 'LEVEL',
    help: 'debug, info (default), warn or error',
    fallback: 'info',
    parse: oneOf('debug', 'info', 'warn', 'error'),
  },
} as const;

/**
 * The cluster's secret from its file or from the environment; null where there is none.
 * @throws OptionError where the file cannot be read, the secret is too short, or an address beyond loopback has none.
 */
export function readSecret(
  secretFile: string | null,
  env: Readonly<Record<string, string | undefined>>,
  hosts: readonly string[],
): string | null {
  const secret = secretFile === null ? (env.COVEY_SECRET ?? '') : contentOf(secretFile);
  if (secret === '' && secretFile === null) {
    const open = hosts.find((each) => !isLoopback(each));
    if (open === undefined) return null;
    throw new OptionError(
      `${open} is reachable from other machines: give --secret-file or COVEY_SECRET, or use 127.0.0.1`,
    );
  }
  if (secret.length >= MIN_SECRET_CHARS && /^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new OptionError(
    `the secret must have ${MIN_SECRET_CHARS} or more printable characters without spaces`,
  );
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new OptionError(`--secret-file: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}
