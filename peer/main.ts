#!/usr/bin/env node
/** Starts a peer: reads flags and environment, opens its store, binds the parts to sockets, and ends them in order. */
import { systemClock } from '../common/clock.js';
import { createLogger, type Logger } from '../common/log.js';
import { helpText, OptionError } from '../common/options.js';
import { Program } from '../common/process.js';
import { takeId } from './identity.js';
import { type Peer, startPeer } from './peer.js';
import { type PeerSettings, peerOptions, readPeerSettings } from './settings.js';
import { openStore } from './store-opening.js';

/** An orderly stop takes at most this long, in ms; longer where all data goes to others first. */
const STOP_MS = { lmdb: 10_000, memory: 65_000 } as const;

const program = new Program('covey-peer', process);

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(helpText('Usage: covey-peer [options]', peerOptions));
    return;
  }
  const settings = readSettings(args);
  const id = await identify(settings);
  const log = createLogger(id, settings.logLevel, process.stdout.isTTY);
  warn(settings, log);
  const peer = await start(settings, id, log);
  program.stopOnSignal(() => peer.stop(), STOP_MS[settings.storage], log);
}

function readSettings(args: readonly string[]): PeerSettings {
  try {
    return readPeerSettings(args, process.env);
  } catch (error) {
    if (error instanceof OptionError) return program.exit(2, error.message);
    throw error;
  }
}

async function identify({ data, id, fallbackId }: PeerSettings): Promise<string> {
  try {
    return await takeId(data, id, fallbackId);
  } catch (error) {
    return program.exit(1, `cannot use the data folder: ${(error as Error).message}`);
  }
}

function warn({ secret, storage }: PeerSettings, log: Logger): void {
  if (secret === null) {
    log.warn(
      'no secret: serves this machine only, and trusts whoever is on it (--secret-file or COVEY_SECRET)',
    );
  }
  if (storage === 'memory') log.warn('keeps its data in memory only: a restart begins empty (--data DIR)');
}

async function start(settings: PeerSettings, id: string, log: Logger): Promise<Peer> {
  const events = {
    failed: (error: Error) =>
      program.exit(1, `the store failed, and nothing more is acknowledged: ${error.message}`),
    damaged: (damage: object) => log.error({ damage }, 'a stored record is damaged: it is not served'),
  };
  const store = await openStore(settings, events, log).catch((error: Error) =>
    program.exit(1, `cannot open the store: ${error.message}`),
  );
  return startPeer({
    ...store,
    id,
    settings,
    clock: systemClock,
    log,
    broke: (line) => program.exit(1, line),
    bind,
  });
}

async function bind<T>(port: number, flag: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? `port ${port} is taken` : message;
    return program.exit(1, `cannot listen: ${why}; free it, or choose another with ${flag}`);
  }
}

await main();
