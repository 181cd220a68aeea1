/** Commands on the connection itself: PING, ECHO, AUTH, HELLO, SELECT, RESET, QUIT, READONLY and its like. */
import { sameSecret } from '../../../common/secret.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR, wrongArity } from '../errors.js';
import { integerOf } from '../numbers.js';
import {
  bulk,
  bulkText,
  failure,
  integer,
  list,
  map,
  OK,
  type Protocol,
  type Reply,
  simple,
} from '../replies.js';
import type { Session } from '../session.js';
import { copyOf } from '../values.js';
import { CLIENT_NAME_ERROR, isClientName } from './client-commands.js';
import { wordOf } from './command.js';
import { alone, type Caller, local, REDIS_VERSION, type Runs } from './runs.js';

const NO_PASSWORD: Reply = failure(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD: Reply = failure('WRONGPASS invalid username-password pair or user is disabled.');
const NOT_TRUSTED: Reply = failure(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
);
const USER = 'default';

function ping(args: readonly Buffer[]): Reply {
  const [, text] = args;
  if (args.length > 2) return wrongArity('ping');
  return text === undefined ? simple('PONG') : bulk(copyOf(text));
}

function auth(args: readonly Buffer[], { session, services }: Caller): Reply {
  if (args.length > 3) return SYNTAX_ERROR;
  const user = args.length === 3 ? (args[1] as Buffer).toString() : USER;
  if (args.length === 2 && services.secret === null) return NO_PASSWORD;
  return tryAuth(user, args.at(-1) as Buffer, session, services.secret) ? OK : WRONG_PASSWORD;
}

/** As in Redis, the default user of a server without a password takes any. */
function tryAuth(user: string, password: Buffer, session: Session, secret: string | null): boolean {
  if (user !== USER) return false;
  if (secret !== null && !sameSecret(password.toString(), secret)) return false;
  session.trusted = true;
  return true;
}

function hello(args: readonly Buffer[], { session, services }: Caller): Reply {
  const [, wanted] = args;
  let { protocol } = session;
  if (wanted !== undefined) {
    const version = integerOf(wanted);
    if (version === undefined) return failure('ERR Protocol version is not an integer or out of range');
    if (version !== 2n && version !== 3n) return failure('NOPROTO unsupported protocol version');
    protocol = Number(version) as Protocol;
  }
  const options = helloOptions(args);
  if (!('credentials' in options)) return options.refusal;
  const { credentials, name } = options;
  if (credentials !== undefined) {
    const [user, password] = credentials;
    if (!tryAuth(user.toString(), password, session, services.secret)) return WRONG_PASSWORD;
  }
  if (!session.trusted) return NOT_TRUSTED;
  if (name !== undefined) session.name = name.toString('latin1');
  session.protocol = protocol;
  return map(
    [
      [bulkText('server'), bulkText('redis')],
      [bulkText('version'), bulkText(REDIS_VERSION)],
      [bulkText('proto'), integer(protocol)],
      [bulkText('id'), integer(session.id)],
      [bulkText('mode'), bulkText('cluster')],
      [bulkText('role'), bulkText('master')],
      [bulkText('modules'), list([])],
    ],
    protocol,
  );
}

type HelloOptions =
  | {
      readonly credentials: readonly [user: Buffer, password: Buffer] | undefined;
      readonly name: Buffer | undefined;
    }
  | { readonly refusal: Reply };

function helloOptions(args: readonly Buffer[]): HelloOptions {
  let credentials: readonly [Buffer, Buffer] | undefined;
  let name: Buffer | undefined;
  for (let at = 2; at < args.length; at++) {
    const word = wordOf(args[at]);
    const left = args.length - at - 1;
    if (word === 'auth' && left >= 2) {
      credentials = [args[at + 1] as Buffer, args[at + 2] as Buffer];
      at += 2;
    } else if (word === 'setname' && left >= 1) {
      name = args[++at] as Buffer;
      if (!isClientName(name)) return { refusal: CLIENT_NAME_ERROR };
    } else {
      const option = (args[at] as Buffer).toString('latin1').slice(0, 128);
      return { refusal: failure(`ERR Syntax error in HELLO option '${option}'`) };
    }
  }
  return { credentials, name };
}

function select(args: readonly Buffer[]): Reply {
  const index = integerOf(args[1] as Buffer);
  if (index === undefined) return NOT_AN_INTEGER;
  return index === 0n ? OK : failure('ERR DB index is out of range');
}

function reset(_args: readonly Buffer[], { session }: Caller): Reply {
  session.reset();
  return simple('RESET');
}

function quit(_args: readonly Buffer[], { session }: Caller): Reply {
  session.closing = true;
  return OK;
}

/** A page in a browser can make a request that reads like commands, each header line one: it gets no answer at all. */
function hangUp(_args: readonly Buffer[], { session }: Caller): Reply {
  session.closing = true;
  return '';
}

/** What they do, by name. */
export const CONNECTION_RUNS: Runs = {
  ping: local(ping),
  echo: local((args) => bulk(copyOf(args[1] as Buffer))),
  auth: alone(auth),
  hello: alone(hello),
  select: local(select),
  reset: alone(reset),
  quit: local(quit),
  // Every peer answers for every key as it stands, so there is nothing to switch.
  readonly: local(() => OK),
  readwrite: local(() => OK),
  asking: local(() => OK),
  'host:': local(hangUp),
  post: local(hangUp),
};
