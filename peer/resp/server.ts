/**
 * The Redis side of a peer: listens, keeps the connections within limits, and ends them in order.
 *
 * Invariant: no command of a client ends the process; no connection outlives `close` by more than its grace.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { hostPort } from '../../common/names.js';
import { InputBudget } from './budget.js';
import type { Services } from './commands/runs.js';
import { COMMANDS, NAMES } from './commands/table.js';
import { Connection } from './connection.js';
import { Executor } from './executor.js';
import { RESP_LIMITS, type RespLimits } from './limits.js';
import { Session } from './session.js';
import type { RespCluster, RespStore } from './store.js';

export interface RespServerParts {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly store: RespStore;
  readonly cluster: RespCluster;
  /** What clients have to show (AUTH); null: nothing. */
  readonly secret: string | null;
  /** The largest value taken, in bytes. */
  readonly maxValueBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Only tests need others. */
  readonly limits?: RespLimits;
}

export interface RespServer {
  readonly port: number;
  /** Connections that are open. */
  connections(): number;
  /** Stops accepting, lets running commands end for `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
}

const TOO_MANY = '-ERR max number of clients reached\r\n';

/** Serves Redis clients; rejects if the address cannot be bound. */
export async function startRespServer(parts: RespServerParts): Promise<RespServer> {
  const limits = parts.limits ?? RESP_LIMITS;
  const { clock, log } = parts;
  const open = new Set<Connection>();
  const counts = { startedMs: clock.monotonicMs(), connections: 0, refused: 0, commands: 0 };
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
  await listen(server, parts.host, parts.port);
  const { port } = server.address() as AddressInfo;
  const services: Services = {
    ...parts,
    limits,
    input: new InputBudget(limits.inputBytes),
    counts,
    port,
    executor: new Executor(parts.store, limits, () => clock.wallMs()),
    *sessions() {
      for (const { session } of open) yield session;
    },
  };
  server.on('connection', (socket) => {
    counts.connections++;
    if (open.size >= limits.connections) {
      counts.refused++;
      socket.on('error', (error) => log.debug({ err: error }, 'a refused Redis connection broke'));
      socket.end(TOO_MANY, () => socket.destroy());
      return;
    }
    const session = sessionOf(socket, counts.connections, parts);
    const connection = new Connection(socket, { session, services, commands: COMMANDS, names: NAMES }, log);
    open.add(connection);
    socket.on('close', () => open.delete(connection));
  });
  const watch = setInterval(() => {
    const nowMs = clock.monotonicMs();
    for (const connection of open) connection.check(nowMs);
  }, limits.checkMs);
  return {
    port,
    connections: () => open.size,
    close: (graceMs) =>
      new Promise((resolve) => {
        clearInterval(watch);
        const cut = setTimeout(() => {
          for (const connection of open) connection.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        for (const connection of open) connection.finish();
      }),
  };
}

function sessionOf(socket: Socket, id: number, { secret, maxValueBytes, clock }: RespServerParts): Session {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
  return new Session({
    id,
    address: hostPort(remoteAddress, remotePort),
    localAddress: hostPort(localAddress, localPort),
    maxValueBytes,
    trusted: secret === null,
    clock,
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
