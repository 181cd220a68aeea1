/** `npm run measure -- NAME`: measures one row of the table of promises with real processes, prints one line, exits 1 where it is not met. */
import { parseArgs } from 'node:util';
import { run } from '../../program.js';
import { sweepDisks } from '../disk.js';
import { Loopback } from '../loopback.js';
import { Namespaces, namespacesWork } from '../namespaces.js';
import { grow } from './grow.js';
import { killAll } from './kill-all.js';
import { kill9 } from './kill9.js';
import { Lab, type Measurement, type Scale } from './lab.js';
import { memory } from './memory.js';
import { orchestratorDead } from './orchestrator-dead.js';
import { rolling } from './planned.js';
import { sigstop } from './sigstop.js';
import { wiped } from './wiped.js';

const ALL: readonly Measurement[] = [
  ...[kill9, sigstop, rolling, orchestratorDead],
  ...[killAll, grow, wiped, memory],
];

const USAGE = `npm run measure -- NAME [options]
${ALL.map(({ name, goal }) => `  ${name.padEnd(20)} ${goal}`).join('\n')}
  --times N            how often, instead of what the goal says
  --seconds N          how long a thing lasts, instead of what the goal says
  --keys N             how many keys are stored first
  --failure-detection  fast | normal | patient (normal)
  --durability         flush | commit (flush)
  --no-netns           loopback addresses and a relay, where network namespaces may not be made
  --keep               keep logs and data
  --help               this text`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      times: { type: 'string' },
      seconds: { type: 'string' },
      keys: { type: 'string' },
      'failure-detection': { type: 'string', default: 'normal' },
      durability: { type: 'string', default: 'flush' },
      'no-netns': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const measurement = ALL.find(({ name }) => name === positionals[0]);
  if (measurement === undefined) throw new Error(`measure what?\n${USAGE}`);
  await sweepDisks();
  const namespaces = !values['no-netns'] && (await namespacesWork());
  const scale = {
    ...positive('times', values.times),
    ...positive('seconds', values.seconds),
    ...positive('keys', values.keys),
    failureDetection: values['failure-detection'] as Scale['failureDetection'],
    durability: values.durability as Scale['durability'],
  };
  const say = (line: string) => process.stderr.write(`${measurement.name}: ${line}\n`);
  const network = () => (namespaces ? Namespaces.make() : Promise.resolve(new Loopback(() => 1)));
  const lab = new Lab(scale, network, say);
  let met = false;
  try {
    const result = await measurement.run(lab);
    met = result.met;
    process.stdout.write(
      `${measurement.name}: ${result.figures.join('; ')}; goal ${met ? 'met' : 'NOT MET'}\n`,
    );
  } finally {
    const folders = await lab.close(met && !values.keep);
    if (!met || values.keep) say(`logs and data: ${folders.join(', ')}`);
  }
  return met ? 0 : 1;
}

function positive<N extends string>(name: N, text: string | undefined): { readonly [K in N]?: number } {
  if (text === undefined) return {};
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above 0, not ${text}\n${USAGE}`);
  return { [name]: value } as { readonly [K in N]?: number };
}

await run(main);
