/** CLIENT: names, the list of connections, and whether answers are wanted. */
import { SYNTAX_ERROR, unknownSubcommand, wrongArity } from '../errors.js';
import { bulkText, failure, integer, OK, type Protocol, type Reply, verbatim } from '../replies.js';
import type { Session } from '../session.js';
import { wordOf } from './command.js';
import type { Caller } from './runs.js';
import { local, type Run, type Runs } from './runs.js';

export const CLIENT_NAME_ERROR: Reply = failure(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);

const NAME = /^[!-~]*$/;
const MAX_NAME_BYTES = 1024;
/** CLIENT REPLY OFF and SKIP: the connection sees to it that this is not sent. */
const UNSENT: Reply = '';

/** Whether this may be the name of a client. */
export function isClientName(bytes: Buffer): boolean {
  return bytes.length <= MAX_NAME_BYTES && NAME.test(bytes.toString('latin1'));
}

interface Subcommand {
  /** Arguments with CLIENT and its name; below 0: at least so many. */
  readonly arity: number;
  readonly run: (args: readonly Buffer[], caller: Caller) => Reply;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  id: { arity: 2, run: (_args, { session }) => integer(session.id) },
  getname: { arity: 2, run: (_args, { session }) => nameReply(session) },
  setname: { arity: 3, run: setName },
  setinfo: { arity: 4, run: setInfo },
  list: { arity: -2, run: clientList },
  info: {
    arity: 2,
    run: (_args, { session, services }) => text([session], services.clock.monotonicMs(), session.protocol),
  },
  'no-evict': { arity: 3, run: noEvict },
  reply: { arity: 3, run: replyMode },
};

function client(args: readonly Buffer[], caller: Caller): Reply {
  const name = wordOf(args[1]);
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand === undefined) return unknownSubcommand(args[1] as Buffer, 'client');
  const { arity, run } = subcommand;
  const fits = arity < 0 ? args.length >= -arity : args.length === arity;
  return fits ? run(args, caller) : wrongArity(`client|${name}`);
}

function nameReply({ name, protocol }: Session): Reply {
  if (name !== '') return bulkText(name);
  return protocol === 2 ? '$-1\r\n' : '_\r\n';
}

function setName(args: readonly Buffer[], { session }: Caller): Reply {
  const name = args[2] as Buffer;
  if (!isClientName(name)) return CLIENT_NAME_ERROR;
  session.name = name.toString('latin1');
  return OK;
}

function setInfo(args: readonly Buffer[], { session }: Caller): Reply {
  const option = wordOf(args[2]);
  const value = args[3] as Buffer;
  if (option !== 'lib-name' && option !== 'lib-ver') {
    return failure(`ERR Unrecognized option '${(args[2] as Buffer).toString('latin1').slice(0, 128)}'`);
  }
  if (!isClientName(value)) {
    return failure(`ERR ${option} cannot contain spaces, newlines or special characters.`);
  }
  if (option === 'lib-name') session.libName = value.toString('latin1');
  else session.libVersion = value.toString('latin1');
  return OK;
}

/** CLIENT LIST, also only those of a type (all are normal) or with an id. */
function clientList(args: readonly Buffer[], { session, services }: Caller): Reply {
  let sessions = [...services.sessions()];
  const option = wordOf(args[2]);
  if (option === 'type' && args.length === 4) {
    const type = wordOf(args[3]);
    if (!['normal', 'master', 'slave', 'replica', 'pubsub'].includes(type)) {
      return failure(`ERR Unknown client type '${type.slice(0, 128)}'`);
    }
    if (type !== 'normal') sessions = [];
  } else if (option === 'id' && args.length > 3) {
    const ids = new Set(args.slice(3).map((arg) => Number(arg.toString('latin1'))));
    if ([...ids].some((id) => !Number.isSafeInteger(id) || id <= 0)) return failure('ERR Invalid client ID');
    sessions = sessions.filter(({ id }) => ids.has(id));
  } else if (args.length > 2) return SYNTAX_ERROR;
  return text(sessions, services.clock.monotonicMs(), session.protocol);
}

function text(sessions: readonly Session[], nowMs: number, protocol: Protocol): Reply {
  return verbatim(sessions.map((session) => lineOf(session, nowMs)).join(''), protocol);
}

function lineOf(session: Session, nowMs: number): string {
  const seconds = (sinceMs: number) => Math.floor((nowMs - sinceMs) / 1000);
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', session.id],
    ['addr', session.address],
    ['laddr', session.localAddress],
    ['name', session.name],
    ['age', seconds(session.createdMs)],
    ['idle', seconds(session.lastMs)],
    ['flags', session.transaction === undefined ? 'N' : 'x'],
    ['db', 0],
    ['multi', session.transaction?.queued.length ?? -1],
    ['watch', session.watched.size],
    ['cmd', session.lastCommand],
    ['user', 'default'],
    ['resp', session.protocol],
    ['lib-name', session.libName],
    ['lib-ver', session.libVersion],
  ];
  return `${fields.map(([name, value]) => `${name}=${value}`).join(' ')}\n`;
}

/** Nothing is ever evicted here, so it is only noted. */
function noEvict(args: readonly Buffer[], { session }: Caller): Reply {
  const word = wordOf(args[2]);
  if (word !== 'on' && word !== 'off') return SYNTAX_ERROR;
  session.noEvict = word === 'on';
  return OK;
}

function replyMode(args: readonly Buffer[], { session }: Caller): Reply {
  switch (wordOf(args[2])) {
    case 'on':
      session.silent = false;
      return OK;
    case 'off':
      session.silent = true;
      return UNSENT;
    case 'skip':
      session.skipNext = !session.silent;
      return UNSENT;
    default:
      return SYNTAX_ERROR;
  }
}

const CLIENT_RUN: Run = local(client);

/** What it does, by name. */
export const CLIENT_RUNS: Runs = { client: CLIENT_RUN };
