#!/usr/bin/env node
/** Starts a peer: reads flags and environment, binds the parts to sockets, and ends them in order. */
import { systemClock } from '../common/clock.js';
import { type HttpServer, startHttpServer } from '../common/http-server.js';
import { createLogger, type Logger } from '../common/log.js';
import { hostPort } from '../common/names.js';
import { helpText, OptionError } from '../common/options.js';
import { createGateway } from './gateway/gateway.js';
import { type Identity, takeIdentity } from './identity.js';
import { handOver } from './leaving.js';
import { Membership } from './membership.js';
import { Node } from './node.js';
import { type PeerSettings, peerOptions, readPeerSettings } from './settings.js';
import { GrpcTransport } from './transport/grpc-transport.js';

/** A client's request is answered within this time. */
const REQUEST_MS = 5_000;
/** Running requests get this long to end after everything was handed over. */
const GRACE_MS = 1_000;

interface Running {
  readonly node: Node;
  readonly membership: Membership;
  readonly http: HttpServer;
  readonly transport: GrpcTransport;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(helpText('Usage: covey-peer [options]', peerOptions));
    return;
  }
  const settings = readSettings(args);
  const identity = await identify(settings);
  const log = createLogger(identity.id, settings.logLevel, process.stdout.isTTY);
  if (settings.secret === null) {
    log.warn(
      'no secret: serves this machine only, and trusts whoever is on it (--secret-file or COVEY_SECRET)',
    );
  }
  const running = await start(settings, identity, log);
  stopOnSignal(running, log);
}

function readSettings(args: readonly string[]): PeerSettings {
  try {
    return readPeerSettings(args, process.env);
  } catch (error) {
    if (error instanceof OptionError) return exit(2, error.message);
    throw error;
  }
}

async function identify(settings: PeerSettings): Promise<Identity> {
  try {
    return await takeIdentity(settings.data, settings.id, settings.fallbackId, systemClock.wallMs());
  } catch (error) {
    return exit(1, `cannot use the data folder: ${(error as Error).message}`);
  }
}

async function start(settings: PeerSettings, identity: Identity, log: Logger): Promise<Running> {
  const { cluster, host, port, peerPort, secret, orchestrator, advertise, weight, maxValueBytes } = settings;
  const { id, instance } = identity;
  const transport = new GrpcTransport({
    id,
    cluster,
    instance,
    secret,
    host,
    port: peerPort,
    clock: systemClock,
    log,
  });
  const node = new Node(
    { id, cluster, instance, orchestrator, requestMs: REQUEST_MS },
    transport,
    systemClock,
    log,
  );
  await bind(peerPort, '--peer-port', () => transport.listen((from, request) => node.answer(from, request)));
  const self = { cluster, id, host: advertise, port, peerPort, instance, weight };
  const membership = new Membership(
    { orchestrator, secret, self },
    {
      view: () => node.follower.view,
      isMember: () => node.isMember(),
      adopt: (view) => node.follower.adopt(view),
      refused: (line) => exit(1, line),
    },
    systemClock,
    log,
  );
  const inside = {
    health: () => node.health(),
    adopt: (view: Parameters<typeof node.follower.adopt>[0]) => {
      membership.heard();
      node.follower.adopt(view);
    },
  };
  const app = createGateway({ store: node, secret, maxValueBytes, log, inside });
  const http = await bind(port, '--port', () => startHttpServer(app, host, port));
  membership.start();
  log.info({ instance, peerPort }, `listens on http://${hostPort(host, port)}`);
  return { node, membership, http, transport };
}

/** The first signal stops in order, a second one at once. */
function stopOnSignal(running: Running, log: Logger): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void stop(running, log).then(() => process.exit(0));
    });
  }
}

/** Hands over what this peer holds, lets running requests end, closes. */
async function stop(running: Running, log: Logger): Promise<void> {
  const { node, membership, http, transport } = running;
  membership.stop();
  await handOver(node, () => membership.leave(), systemClock.monotonicMs, log);
  await http.close(GRACE_MS);
  node.stop();
  await transport.close();
  log.info('stopped');
}

async function bind<T>(port: number, flag: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? `port ${port} is taken` : message;
    return exit(1, `cannot listen: ${why}; free it, or choose another with ${flag}`);
  }
}

function exit(code: number, line: string): never {
  process.stderr.write(`covey-peer: ${line}\n`);
  process.exit(code);
}

await main();
