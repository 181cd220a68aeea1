/**
 * One orchestrator, put together from its parts: the manager and its driver, the register, the control channel, HTTP.
 *
 * Invariants: it takes nothing from the environment; what it needs is handed in, so that tests run it as `main.ts`
 * does. It listens before it opens the register: a second process on the same port and folder ends before it could
 * write there.
 */
import { type Clock, randomToken } from '../common/clock.js';
import type { ChangeAnswer, PlannedChange, ReportEnvelope } from '../common/control-messages.js';
import { type HttpServer, startHttpServer } from '../common/http-server.js';
import type { Logger } from '../common/log.js';
import { hostPort } from '../common/names.js';
import { Problem } from '../common/problems.js';
import { PARTITION_COUNT } from '../common/slots.js';
import { ConfigurationManager } from './configuration/manager.js';
import {
  DEFAULT_LIMITS,
  DEFAULT_PACE,
  type FailureDetection,
  type ManagerSettings,
  managerTiming,
} from './configuration/settings.js';
import { ControlChannel } from './control-channel.js';
import { type MapRegister, OrchestratorDriver } from './driver.js';
import { PeerHealth } from './health.js';
import { createHttpApp } from './http.js';
import { Metrics } from './metrics.js';
import { lineFor } from './notes.js';
import { dialPeer } from './peer-connection.js';
import { MemoryRegister, RegisterFile } from './register-file.js';
import type { Outlook } from './reports.js';
import { Watchman } from './watchman.js';

/** How often the manager looks at the clock; see `OrchestratorDriver.tick`. */
const TICK_MS = 50;
/** How long running requests may take to end when it stops. */
const GRACE_MS = 1_000;
/** An operator's change that is not answered within this time is still carried out later, or not. */
const CHANGE_MS = 5_000;

export interface OrchestratorOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The folder that keeps the registry; null keeps it in memory. */
  readonly data: string | null;
  readonly cluster: string;
  readonly copies: number;
  readonly minInSync: number;
  /** 0: a new cluster is never created. */
  readonly bootstrapPeers: number;
  readonly repairAfterMs: number;
  readonly failureDetection: FailureDetection;
  readonly registryMayBeOld: boolean;
  readonly secret: string | null;
  /** Only tests have another number. */
  readonly partitions?: number;
}

export interface Orchestrator {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Listens, loads the registry, and begins to ask the peers.
 * @throws RegisterFileError where the data folder cannot be used; an error of the system where the port cannot be had.
 */
export async function startOrchestrator(
  options: OrchestratorOptions,
  clock: Clock,
  log: Logger,
): Promise<Orchestrator> {
  const running = new RunningOrchestrator(options, clock, log);
  await running.start();
  return running;
}

class RunningOrchestrator implements Orchestrator {
  readonly #options: OrchestratorOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #health = new PeerHealth();
  readonly #metrics = new Metrics();
  readonly #channel: ControlChannel;
  #driver: OrchestratorDriver | undefined;
  #watchman: Watchman | undefined;
  #file: RegisterFile | undefined;
  #server: HttpServer | undefined;
  #ticker: NodeJS.Timeout | undefined;
  /** Why the registry cannot be stored; null where it can. */
  #fault: string | null = null;

  constructor(options: OrchestratorOptions, clock: Clock, log: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#channel = new ControlChannel({
      secret: options.secret,
      dial: (address, events) => dialPeer(address, options.secret, events),
      heard: (report) => this.#receive(report),
      called: (peer, fault) => this.#called(peer, fault),
    });
  }

  get url(): string {
    const { host, port } = this.#options;
    return `http://${hostPort(host, this.#server?.port ?? port)}`;
  }

  async start(): Promise<void> {
    const { host, port, cluster, secret } = this.#options;
    const app = createHttpApp({
      ...{ cluster, secret, log: this.#log },
      receive: (report) => this.#receive(report),
      outlook: () => this.#outlook(),
      change: (change) => this.#change(change),
      metrics: async () => ({
        type: this.#metrics.contentType,
        text: await this.#metrics.text(this.#outlook()),
      }),
    });
    this.#server = await startHttpServer(app, host, port);
    try {
      this.#begin(await this.#openRegister());
    } catch (error) {
      await this.#server.close(0);
      throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#driver?.stop();
    this.#channel.stop();
    await this.#watchman?.stop();
    await this.#server?.close(GRACE_MS);
    await this.#file?.close();
  }

  async #openRegister(): Promise<MapRegister> {
    const { data, cluster } = this.#options;
    if (data === null) return new MemoryRegister();
    this.#file = await RegisterFile.open(data, cluster, (fault) => this.#diskSpoke(fault));
    return this.#file;
  }

  #begin(register: MapRegister): void {
    const { cluster, copies } = this.#options;
    const driver = new OrchestratorDriver(
      new ConfigurationManager(settingsOf(this.#options), this.#clock.monotonicMs()),
      this.#timed(register),
      {
        now: () => this.#clock.monotonicMs(),
        send: (message) => this.#channel.send(message),
        note: (note) => {
          const { level, text } = lineFor(note);
          this.#log[level](text);
        },
      },
    );
    this.#driver = driver;
    this.#watchman = new Watchman({
      ...{ driver, copies, clock: this.#clock, log: this.#log },
      ...{ channel: this.#channel, health: this.#health },
    });
    this.#watchman.start();
    this.#ticker = setInterval(() => {
      driver.tick();
      this.#watchman?.look();
    }, TICK_MS);
    const held = this.#file?.held;
    const known = held ? `goes on from map ${held.ver}, ${held.peers.size} peers` : 'the registry is empty';
    this.#log.info(`cluster ${cluster} on ${this.url}: ${known}`);
  }

  /** The register, with the time of its changes in the metrics; every map that it takes is looked at. */
  #timed(register: MapRegister): MapRegister {
    return {
      read: (done) => register.read(done),
      cas: (expected, map, done) => {
        const begunMs = this.#clock.monotonicMs();
        register.cas(expected, map, (outcome) => {
          this.#metrics.swapped(outcome, this.#clock.monotonicMs() - begunMs);
          done(outcome);
          this.#watchman?.look();
        });
      },
    };
  }

  #receive(report: ReportEnvelope): void {
    this.#health.heard(report, this.#clock.monotonicMs());
    loudly(() => this.#driver?.receive(report));
  }

  #called(peer: string, fault: string | null): void {
    this.#health.called(peer, fault);
    this.#metrics.called(fault === null);
  }

  #diskSpoke(fault: string | null): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    if (fault === null) this.#log.info('the registry can be stored again');
    else this.#log.error(`cannot store the registry (${fault}): nothing is changed until it can be`);
  }

  #change(change: PlannedChange): Promise<ChangeAnswer> {
    const driver = this.#requireDriver();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const detail = 'The change waits, and may yet be carried out; GET /status tells what for.';
        reject(new Problem('not-ready', detail, { 'Retry-After': '5' }));
      }, CHANGE_MS);
      this.#log.info({ change }, 'an operator asks for a change');
      loudly(() =>
        driver.change(change, (answer) => {
          clearTimeout(late);
          resolve(answer);
        }),
      );
    });
  }

  #outlook(): Outlook {
    const driver = this.#requireDriver();
    const watchman = this.#watchman as Watchman;
    return {
      status: driver.status(),
      imbalance: driver.imbalance(),
      roster: watchman.roster,
      moves: watchman.moves,
      moved: watchman.moved,
      fault: this.#fault,
      copies: this.#options.copies,
      url: this.url,
      nowMs: this.#clock.monotonicMs(),
      health: (peer) => this.#health.of(peer),
    };
  }

  #requireDriver(): OrchestratorDriver {
    if (this.#driver !== undefined) return this.#driver;
    throw new Problem('not-ready', 'The registry is being opened.', { 'Retry-After': '1' });
  }
}

/** A broken invariant ends the process, also where a request brought it about, whose handler would answer 500 and go on. */
function loudly(step: () => void): void {
  try {
    step();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
    throw error;
  }
}

function settingsOf(options: OrchestratorOptions): ManagerSettings {
  const { cluster, copies, minInSync, bootstrapPeers, repairAfterMs, failureDetection } = options;
  return {
    clusterId: cluster,
    orchestratorId: `orchestrator-${randomToken().slice(0, 8)}`,
    partitionCount: options.partitions ?? PARTITION_COUNT,
    replicationFactor: copies,
    minInSync,
    bootstrapPeers: bootstrapPeers === 0 ? undefined : bootstrapPeers,
    registerMayBeOld: options.registryMayBeOld,
    seeds: new Map(),
    timing: { ...managerTiming(failureDetection), repairAfterMs },
    limits: DEFAULT_LIMITS,
    pace: DEFAULT_PACE,
  };
}
