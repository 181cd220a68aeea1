/**
 * One orchestrator, put together from its parts: registry, disk, probes, HTTP.
 *
 * Invariant: it takes nothing from the environment; what it needs is handed in, so that tests run it as `main.ts` does.
 */
import type { Clock } from '../common/clock.js';
import { type HttpServer, startHttpServer } from '../common/http-server.js';
import type { Logger } from '../common/log.js';
import { hostPort } from '../common/names.js';
import { createHttpApp } from './http.js';
import { Keeper } from './keeper.js';
import { PeerCaller } from './peer-caller.js';
import { Probes } from './probes.js';
import { Registry } from './registry.js';
import { noStore, RegistryFile } from './registry-file.js';

/** How long running requests may take to end when it stops. */
const GRACE_MS = 1_000;

export interface OrchestratorOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The folder that keeps the registry; null keeps it in memory. */
  readonly data: string | null;
  readonly cluster: string;
  readonly copies: number;
  readonly repairAfterMs: number;
  readonly secret: string | null;
}

export interface Orchestrator {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Loads the registry, listens, and begins to probe.
 * @throws RegistryFileError where the data folder cannot be used; an error of the system where the port cannot be had.
 */
export async function startOrchestrator(
  options: OrchestratorOptions,
  clock: Clock,
  log: Logger,
): Promise<Orchestrator> {
  const { host, port, data, cluster, secret } = options;
  const { file, view } =
    data === null ? { file: noStore, view: null } : await RegistryFile.open(data, cluster);
  const now = { ms: clock.monotonicMs(), wallMs: clock.wallMs() };
  const caller = new PeerCaller(secret);
  const keeper = new Keeper(new Registry(options, view, now), file, clock, log, (next) =>
    probes.publish(next),
  );
  const probes = new Probes(caller, keeper, clock);
  let server: HttpServer | undefined;
  const url = () => `http://${hostPort(host, server?.port ?? port)}`;
  const app = createHttpApp({ keeper, secret, url, nowMs: () => clock.monotonicMs(), log });
  server = await startHttpServer(app, host, port);
  keeper.start();
  probes.start();
  const known =
    view === null ? 'no members yet' : `goes on from view ${view.epoch}, ${view.members.length} members`;
  log.info(`cluster ${cluster} on ${url()}: ${known}`);
  return {
    url: url(),
    stop: async () => {
      await probes.stop();
      await server.close(GRACE_MS);
      await keeper.stop();
      caller.close();
    },
  };
}
