/** The settings of a peer. */
import { nameSchema } from '../common/names.js';
import {
  type Option,
  OptionError,
  oneOf,
  readOptions,
  type Settings,
  wholeNumber,
} from '../common/options.js';
import { host, named, optional, readSecret, sharedOptions } from '../common/settings.js';

const MIB = 1024 * 1024;
/** The port of the peer-to-peer stream is this far above the HTTP port, unless it is given. */
const PEER_PORT_OFFSET = 10_000;

export const peerOptions = {
  orchestrator: {
    placeholder: 'URL',
    help: 'where the orchestrator is (default http://127.0.0.1:8079)',
    fallback: 'http://127.0.0.1:8079',
    parse: orchestratorUrl,
  },
  port: {
    placeholder: 'PORT',
    help: 'HTTP port for clients (default 8080)',
    fallback: 8080,
    parse: wholeNumber(1, 65_535),
  },
  peerPort: optional({
    placeholder: 'PORT',
    help: 'port for the other peers (default: the HTTP port + 10000)',
    parse: wholeNumber(1, 65_535),
  }),
  respPort: optional({
    placeholder: 'PORT',
    help: 'port for Redis clients, RESP2 and RESP3 (default: none)',
    parse: wholeNumber(1, 65_535),
  }),
  advertise: optional({
    placeholder: 'ADDRESS',
    help: 'address by which others reach this peer (default: --host)',
    parse: host,
  }),
  id: optional({
    placeholder: 'ID',
    help: 'name of this peer (default: its address and port)',
    parse: named('a name of a peer'),
  }),
  data: optional({
    placeholder: 'DIR',
    help: "folder that keeps this peer's data and name (default: memory only)",
    parse: (text: string) => text,
  }),
  storage: optional({
    placeholder: 'ENGINE',
    help: 'lmdb (default with --data) or memory (default without)',
    parse: oneOf('lmdb', 'memory'),
  }),
  durability: {
    placeholder: 'LEVEL',
    help: 'a write is answered once it is on the disk: flush (default), or handed to the system: commit',
    fallback: 'flush',
    parse: oneOf('flush', 'commit'),
  },
  weight: {
    placeholder: 'N',
    help: 'share of the data next to the other peers (default 1; 0: a gateway that holds none)',
    fallback: 1,
    parse: weight,
  },
  maxValueBytes: {
    placeholder: 'BYTES',
    help: 'largest value taken (default 1048576, at most 16777216)',
    fallback: MIB,
    parse: wholeNumber(1, 16 * MIB),
  },
  ...sharedOptions,
} as const satisfies Record<string, Option<unknown>>;

export type PeerSettings = Settings<typeof peerOptions> & {
  readonly advertise: string;
  readonly peerPort: number;
  readonly secret: string | null;
  readonly storage: 'lmdb' | 'memory';
  /** The id for a peer that was given none and has none in its folder. */
  readonly fallbackId: string;
};

/**
 * All settings of a peer, checked together.
 * @throws OptionError
 */
export function readPeerSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): PeerSettings {
  const given = readOptions(peerOptions, args, env);
  const advertise = given.advertise ?? given.host;
  if (advertise === '0.0.0.0' || advertise === '::') {
    throw new OptionError(
      `--host ${given.host} is no address that others can reach: add --advertise ADDRESS`,
    );
  }
  const peerPort = given.peerPort ?? given.port + PEER_PORT_OFFSET;
  if (peerPort > 65_535)
    throw new OptionError(`--port ${given.port} leaves no room for the peer port: add --peer-port PORT`);
  if (peerPort === given.port) throw new OptionError('--peer-port and --port must differ');
  if (given.respPort === given.port || given.respPort === peerPort)
    throw new OptionError('--resp-port must differ from --port and --peer-port');
  const storage = given.storage ?? (given.data === null ? 'memory' : 'lmdb');
  if (storage === 'lmdb' && given.data === null)
    throw new OptionError('--storage lmdb keeps its data in a folder: add --data DIR');
  const secret = readSecret(given.secretFile, env, [given.host, advertise]);
  return {
    ...given,
    advertise,
    peerPort,
    secret,
    storage,
    fallbackId: fallbackId(advertise, given.port),
  };
}

/** The address and port, where they make a name. */
function fallbackId(advertise: string, port: number): string {
  const id = `${advertise}:${port}`;
  return nameSchema.safeParse(id).success ? id : `peer:${port}`;
}

function orchestratorUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const bare =
    url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (bare && url.protocol === 'http:') return url.origin;
  throw new Error('an address such as http://127.0.0.1:8079');
}

function weight(text: string): number {
  const value = Number(text);
  if (/^\d{1,4}(\.\d{1,3})?$/.test(text) && value <= 1000) return value;
  throw new Error('a number from 0 to 1000');
}
