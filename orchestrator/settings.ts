/** The settings of an orchestrator. */
import {
  type Option,
  OptionError,
  readOptions,
  type Settings,
  wholeNumber,
  yesOrNo,
} from '../common/options.js';
import { optional, readSecret, sharedOptions } from '../common/settings.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 7 * 86_400_000;

export const orchestratorOptions = {
  port: {
    placeholder: 'PORT',
    help: 'HTTP port for peers and people (default 8079)',
    fallback: 8079,
    parse: wholeNumber(1, 65_535),
  },
  data: optional({
    placeholder: 'DIR',
    help: 'folder that keeps the registry (default: memory only)',
    parse: (text: string) => text,
  }),
  copies: {
    placeholder: 'N',
    help: 'copies of every partition, 1 to 16 (default 3)',
    fallback: 3,
    parse: wholeNumber(1, 16),
  },
  minInSync: optional({
    placeholder: 'N',
    help: 'copies that a write must reach, else it is refused (default: more than half of --copies)',
    parse: wholeNumber(1, 16),
  }),
  bootstrapPeers: optional({
    placeholder: 'N',
    help: 'create a new cluster once this many peers are there; 0: never (default: --copies)',
    parse: wholeNumber(0, 1_000),
  }),
  repairAfter: {
    placeholder: 'TIME',
    help: 'how long copies on a silent peer are waited for before others take them (default 10s)',
    fallback: 10_000,
    parse: duration,
  },
  registryMayBeOld: {
    placeholder: '',
    help: 'the registry was restored from a copy: ask the peers what is newer before anything else',
    fallback: false,
    isSwitch: true,
    parse: yesOrNo,
  },
  ...sharedOptions,
} as const satisfies Record<string, Option<unknown>>;

export type OrchestratorSettings = Settings<typeof orchestratorOptions> & {
  readonly secret: string | null;
  readonly minInSync: number;
  readonly bootstrapPeers: number;
};

/**
 * All settings of an orchestrator, checked together.
 * @throws OptionError
 */
export function readOrchestratorSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OrchestratorSettings {
  const given = readOptions(orchestratorOptions, args, env);
  const { copies } = given;
  const minInSync = given.minInSync ?? Math.floor(copies / 2) + 1;
  if (minInSync > copies) {
    throw new OptionError(`--min-in-sync ${minInSync} is more than there are copies (--copies ${copies})`);
  }
  const bootstrapPeers = given.bootstrapPeers ?? copies;
  return { ...given, minInSync, bootstrapPeers, secret: readSecret(given.secretFile, env, [given.host]) };
}

/** A length of time in milliseconds; a number without a unit counts seconds. */
function duration(text: string): number {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  const ms = Math.round(Number(digits) * (UNIT_MS[unit ?? 's'] ?? Number.NaN));
  if (ms >= 1 && ms <= LONGEST_MS) return ms;
  throw new Error('a length of time such as 500ms, 10s or 5m, at most 7d');
}
