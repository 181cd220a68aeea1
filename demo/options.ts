/** The demo's options; their text for people stands in `demo_kv.sh`. */
import { parseArgs } from 'node:util';
import { OptionError, wholeNumber } from '../common/options.js';

export type Action = 'start' | 'stop' | 'status';

export interface DemoOptions {
  readonly action: Action;
  readonly peers: number;
  readonly port: number;
  readonly replicas: number;
  readonly data: string | null;
  readonly detach: boolean;
  readonly tour: boolean;
  /** Restart the processes when the built code changes. */
  readonly watch: boolean;
}

const FLAGS = {
  peers: { type: 'string', default: '5' },
  port: { type: 'string', default: '8080' },
  replicas: { type: 'string', default: '3' },
  data: { type: 'string' },
  detach: { type: 'boolean', default: false },
  stop: { type: 'boolean', default: false },
  status: { type: 'boolean', default: false },
  'no-tour': { type: 'boolean', default: false },
  watch: { type: 'boolean', default: false },
} as const;

/** @throws OptionError on an unknown or a wrong option. */
export function readDemoOptions(args: readonly string[]): DemoOptions {
  const values = parse(args);
  const options = {
    action: values.stop ? 'stop' : values.status ? 'status' : 'start',
    peers: number('peers', values.peers, 1, 50),
    port: number('port', values.port, 1025, 55_000),
    replicas: number('replicas', values.replicas, 1, 16),
    data: values.data ?? null,
    detach: values.detach,
    tour: !values['no-tour'],
    watch: values.watch,
  } as const;
  if (values.stop && values.status) throw new OptionError('--stop and --status do not go together');
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split(/[.\n]/)[0]}; see ./demo_kv.sh --help`);
  }
}

function number(flag: string, text: string, min: number, max: number): number {
  try {
    return wholeNumber(min, max)(text);
  } catch (error) {
    throw new OptionError(`--${flag}: expected ${(error as Error).message}, got '${text}'`);
  }
}
