/** What the demo runs, where each part listens, and where it keeps its files. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DemoOptions } from './options.js';

const HOST = '127.0.0.1';
const PEER_PORT_OFFSET = 10_000;
const RESP_PORT_OFFSET = 1_000;

/** One process of the demo. */
export interface Part {
  readonly name: string;
  readonly url: string;
  readonly ports: readonly number[];
  /** Script and arguments for node. */
  readonly args: readonly string[];
}

export interface Layout {
  /** Registry, identities, secret, logs and the list of processes. */
  readonly folder: string;
  readonly secretFile: string;
  readonly orchestrator: Part;
  readonly peers: readonly Part[];
}

/** Everything that follows from the options; nothing is touched. */
export function layOut(options: DemoOptions): Layout {
  const owner = process.getuid?.() ?? 'user';
  const folder =
    options.data === null ? join(tmpdir(), `covey-demo-${owner}-${options.port}`) : resolve(options.data);
  const secretFile = join(folder, 'secret');
  const orchestrator = orchestratorPart(options, folder, secretFile);
  const peers = Array.from({ length: options.peers }, (_, i) =>
    peerPart(i, options, folder, secretFile, orchestrator.url),
  );
  return { folder, secretFile, orchestrator, peers };
}

function orchestratorPart(options: DemoOptions, folder: string, secretFile: string): Part {
  const port = options.port - 1;
  const flags = {
    port,
    data: join(folder, 'orchestrator'),
    copies: options.replicas,
    'bootstrap-peers': options.peers,
    'secret-file': secretFile,
  };
  return part('orchestrator', 'orchestrator/main.js', port, [port], flags);
}

function peerPart(
  i: number,
  options: DemoOptions,
  folder: string,
  secretFile: string,
  orchestrator: string,
): Part {
  const id = `peer-${i + 1}`;
  const port = options.port + i;
  const respPort = port + RESP_PORT_OFFSET;
  const flags = {
    id,
    port,
    'resp-port': respPort,
    orchestrator,
    data: join(folder, id),
    'secret-file': secretFile,
  };
  return part(id, 'peer/main.js', port, [port, port + PEER_PORT_OFFSET, respPort], flags);
}

function part(
  name: string,
  script: string,
  port: number,
  ports: readonly number[],
  flags: Readonly<Record<string, string | number>>,
): Part {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const args = [path, ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])];
  return { name, url: `http://${HOST}:${port}`, ports, args };
}
