/** All commands, by name. Invariant: the catalogue and what is done say the same names. */
import { CATALOGUE } from './catalogue.js';
import { CLIENT_RUNS } from './client-commands.js';
import { CLUSTER_RUNS } from './cluster-commands.js';
import { COMMAND_RUNS } from './command-commands.js';
import { CONNECTION_RUNS } from './connection-commands.js';
import { COUNTER_RUNS } from './counter-commands.js';
import { EXPIRY_RUNS } from './expiry-commands.js';
import { KEYSPACE_RUNS } from './keyspace-commands.js';
import { MANY_RUNS } from './many-commands.js';
import { CommandNames } from './names.js';
import type { CommandSpec, Runs } from './runs.js';
import { SERVER_RUNS } from './server-commands.js';
import { SET_RUNS } from './set-commands.js';
import { STRING_RUNS } from './string-commands.js';
import { TRANSACTION_RUNS } from './transaction-commands.js';

const RUNS: Runs = {
  ...STRING_RUNS,
  ...SET_RUNS,
  ...COUNTER_RUNS,
  ...MANY_RUNS,
  ...EXPIRY_RUNS,
  ...KEYSPACE_RUNS,
  ...CONNECTION_RUNS,
  ...CLIENT_RUNS,
  ...TRANSACTION_RUNS,
  ...SERVER_RUNS,
  ...CLUSTER_RUNS,
  ...COMMAND_RUNS,
};

const SPECS: readonly CommandSpec[] = CATALOGUE.map((info) => {
  const run = RUNS[info.name];
  if (run === undefined) throw new Error(`nothing is done for the command ${info.name}`);
  return { ...info, run };
});

/** By name, in small letters. */
export const COMMANDS: ReadonlyMap<string, CommandSpec> = new Map(SPECS.map((spec) => [spec.name, spec]));

/** By the bytes of the name, in letters of any size. */
export const NAMES = new CommandNames(SPECS);
