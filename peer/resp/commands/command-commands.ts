/** COMMAND: what commands there are, for clients that ask before they send. */

import { SYNTAX_ERROR, unknownSubcommand, wrongArity } from '../errors.js';
import { globMatcher } from '../glob.js';
import {
  bulk,
  bulkText,
  failure,
  integer,
  list,
  map,
  nothing,
  type Protocol,
  type Reply,
  set,
  simple,
} from '../replies.js';
import { type CommandInfo, takes, wordOf } from './command.js';
import type { Caller } from './runs.js';
import { local, type Runs } from './runs.js';

/** What no client has asked for by mistake. */
const HIDDEN: ReadonlySet<string> = new Set(['host:', 'post']);

interface Subcommand {
  /** Arguments with COMMAND and its name; below 0: at least so many. */
  readonly arity: number;
  readonly run: (args: readonly Buffer[], caller: Caller) => Reply;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  count: { arity: 2, run: (_args, caller) => integer(shown(caller).length) },
  info: { arity: -2, run: commandInfo },
  docs: { arity: -2, run: docs },
  list: { arity: -2, run: names },
  getkeys: { arity: -4, run: getKeys },
};

function command(args: readonly Buffer[], caller: Caller): Reply {
  const [, which] = args;
  if (which === undefined) return list(shown(caller).map((info) => infoReply(info, caller.session.protocol)));
  const name = wordOf(which);
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand === undefined) return unknownSubcommand(which, 'command');
  const { arity, run } = subcommand;
  const fits = arity < 0 ? args.length >= -arity : args.length === arity;
  return fits ? run(args, caller) : wrongArity(`command|${name}`);
}

function shown({ commands }: Caller): CommandInfo[] {
  return [...commands.values()].filter(({ name }) => !HIDDEN.has(name));
}

function commandInfo(args: readonly Buffer[], caller: Caller): Reply {
  const { protocol } = caller.session;
  if (args.length === 2) return list(shown(caller).map((info) => infoReply(info, protocol)));
  return list(
    args.slice(2).map((arg) => {
      const info = caller.commands.get(wordOf(arg));
      return info === undefined ? nothing(protocol) : infoReply(info, protocol);
    }),
  );
}

function infoReply(info: CommandInfo, protocol: Protocol): Reply {
  const { name, arity, flags, keys, group } = info;
  const readsOrWrites = flags.filter((flag) => flag === 'write' || flag === 'readonly');
  const categories = [
    ...readsOrWrites.map((flag) => (flag === 'write' ? '@write' : '@read')),
    `@${group === 'generic' ? 'keyspace' : group}`,
    flags.includes('fast') ? '@fast' : '@slow',
  ];
  return list([
    bulkText(name),
    integer(arity),
    set(flags.map(simple), protocol),
    integer(keys.first),
    integer(keys.last),
    integer(keys.step),
    set(categories.map(simple), protocol),
    list([]),
    list(keys.step === 0 ? [] : [keySpec(info, protocol)]),
    list([]),
  ]);
}

function keySpec({ keys, flags }: CommandInfo, protocol: Protocol): Reply {
  const access = flags.includes('write') ? ['RW', 'update'] : ['RO', 'access'];
  const search = (type: string, spec: readonly (readonly [string, number])[]) =>
    map(
      [
        [bulkText('type'), bulkText(type)],
        [
          bulkText('spec'),
          map(
            spec.map(([name, value]) => [bulkText(name), integer(value)]),
            protocol,
          ),
        ],
      ],
      protocol,
    );
  const lastKey = keys.last < 0 ? keys.last : keys.last - keys.first;
  return map(
    [
      [bulkText('flags'), set(access.map(simple), protocol)],
      [bulkText('begin_search'), search('index', [['index', keys.first]])],
      [
        bulkText('find_keys'),
        search('range', [
          ['lastkey', lastKey],
          ['keystep', keys.step],
          ['limit', 0],
        ]),
      ],
    ],
    protocol,
  );
}

function docs(args: readonly Buffer[], caller: Caller): Reply {
  const { protocol } = caller.session;
  const wanted = new Set(args.slice(2).map(wordOf));
  const found = shown(caller).filter(({ name }) => wanted.size === 0 || wanted.has(name));
  return map(
    found.map(({ name, summary, since, group }) => [
      bulkText(name),
      map(
        [
          [bulkText('summary'), bulkText(summary)],
          [bulkText('since'), bulkText(since)],
          [bulkText('group'), bulkText(group)],
        ],
        protocol,
      ),
    ]),
    protocol,
  );
}

function names(args: readonly Buffer[], caller: Caller): Reply {
  const all = shown(caller).map(({ name }) => name);
  if (args.length === 2) return list(all.map(bulkText));
  const asked = wordOf(args[2]) === 'filterby' && wordOf(args[3]) === 'pattern' && args.length === 5;
  if (!asked) return SYNTAX_ERROR;
  return list(all.filter(globMatcher(wordOf(args[4]))).map(bulkText));
}

function getKeys(args: readonly Buffer[], { commands }: Caller): Reply {
  const asked = args.slice(2);
  const info = commands.get(wordOf(asked[0]));
  if (info === undefined) return failure('ERR Invalid command specified');
  const { first, last, step } = info.keys;
  if (step === 0) return failure('ERR The command has no key arguments');
  if (!takes(info, asked.length)) {
    return failure('ERR Invalid number of arguments specified for command');
  }
  const end = last < 0 ? asked.length + last : last;
  const keys: Buffer[] = [];
  for (let at = first; at <= end; at += step) keys.push(asked[at] as Buffer);
  return list(keys.map(bulk));
}

/** What it does, by name. */
export const COMMAND_RUNS: Runs = { command: local(command) };
