/** Starts what Covey is compared with, on free ports of this machine, and waits until it listens. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../harness/ports.js';
import { until } from '../../harness/watching.js';
import type { Cores, Workshop } from '../workshop.js';

const LISTENS_WITHIN_MS = 20_000;
const BARE = fileURLToPath(new URL('./bare/main.js', import.meta.url));
/** etcd keeps old versions for as long as we measure; its 2 GB would not do. */
const ETCD_QUOTA_BYTES = 8 * 1024 ** 3;

export interface Server {
  readonly pids: readonly number[];
  /** `host:port` of each process. */
  readonly addresses: readonly string[];
}

/** node:http alone, answering the body with these headers (names and values by turns). */
export async function startBare(
  workshop: Workshop,
  body: string,
  headers: readonly string[],
  cores: Cores,
): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const words = [process.execPath, BARE, `${port}`, body, JSON.stringify(headers)];
  return startServer(workshop, 'bare-node-http', words, port, cores);
}

/** redis-server, in memory only. */
export async function startRedis(workshop: Workshop, cores: Cores): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const words = [
    ...['redis-server', '--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    ...['--dir', workshop.folder],
  ];
  return startServer(workshop, 'redis-server', words, port, cores);
}

/** A cluster of etcd; it flushes before it answers. */
export async function startEtcd(workshop: Workshop, members: number, cores: Cores): Promise<Server> {
  const ports = await freePorts(2 * members);
  const url = (port: number | undefined) => `http://127.0.0.1:${port}`;
  const names = Array.from({ length: members }, (_, i) => `etcd-${i + 1}`);
  const all = names.map((name, i) => `${name}=${url(ports[members + i])}`).join();
  const servers = await Promise.all(
    names.map((name, i) => {
      const client = url(ports[i]);
      const peer = url(ports[members + i]);
      const words = [
        ...['etcd', '--name', name, '--data-dir', join(workshop.folder, `${name}-${ports[i]}`)],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', all, '--initial-cluster-state', 'new', '--logger', 'zap'],
        ...['--log-level', 'warn', '--quota-backend-bytes', `${ETCD_QUOTA_BYTES}`],
      ];
      return startServer(workshop, name, words, ports[i] as number, cores);
    }),
  );
  await isHealthy(servers[0]?.addresses[0] as string);
  return {
    pids: servers.flatMap(({ pids }) => pids),
    addresses: servers.flatMap(({ addresses }) => addresses),
  };
}

/** Starts a server of one process, and waits until it listens. */
export async function startServer(
  workshop: Workshop,
  name: string,
  words: readonly string[],
  port: number,
  cores: Cores,
): Promise<Server> {
  const managed = workshop.start(name, words, cores);
  const why = await until(() => answersAt(port), LISTENS_WITHIN_MS);
  workshop.check();
  if (why !== null) throw new Error(`${name} does not listen: ${why}\n${managed.log()}`);
  return { pids: [managed.pid as number], addresses: [`127.0.0.1:${port}`] };
}

/** etcd listens before it has a leader. */
async function isHealthy(address: string): Promise<void> {
  const why = await until(async () => {
    const text = await fetch(`http://${address}/health`).then(
      (answer) => answer.text(),
      (error: Error) => error.message,
    );
    return text.includes('true') ? null : text;
  }, LISTENS_WITHIN_MS);
  if (why !== null) throw new Error(`etcd has no leader: ${why}`);
}

function answersAt(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(null);
    });
    socket.once('error', (error) => resolve(error.message));
  });
}
