/**
 * Where the bench works: it starts servers and load programs, each on its cores. What they write lies in a folder of the bench,
 * or of the cluster that they are part of; both are gone after each family.
 *
 * Invariants: whatever was started here is ended by `release`; a server that ends though nobody asked it to fails what is under
 * way, with the end of its log; nothing is started after `close`.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, type ClusterSettings, type Member } from '../harness/cluster.js';
import { Plain } from '../harness/plain.js';
import { freePorts } from '../harness/ports.js';
import { ManagedProcess } from '../harness/process.js';
import { missing, until } from '../harness/watching.js';
import type { Say } from './measuring/contest.js';
import { numbersIn } from './measuring/proc.js';

const UP_WITHIN_MS = 60_000;
const LOG_TAIL_BYTES = 2_000;

/** Which processor cores a process may use. */
export type Cores = readonly number[];

/** A cluster of ours, and the ports of its RESP lanes. */
export interface CoveyCluster {
  readonly peers: readonly Member[];
  readonly pids: readonly number[];
  /** `host:port` of every peer's HTTP lane. */
  readonly http: readonly string[];
  /** `host:port` of every peer's RESP lane. */
  readonly resp: readonly string[];
}

export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'covey-bench-'));
  /** For a single server: one core. */
  readonly serverCore: Cores;
  /** For the load of a single server: another core, where there is one. */
  readonly loadCore: Cores;
  /** For clusters and their load: two cores, where there are two. */
  readonly allCores: Cores;
  private readonly processes: ManagedProcess[] = [];
  private readonly clusters: Cluster[] = [];
  private stop = new AbortController();
  private released = Promise.resolve();
  private files = 0;
  private family = '';
  closed = false;

  constructor(
    readonly quick: boolean,
    private readonly tell: Say,
  ) {
    const [, list = '0'] =
      /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    this.allCores = numbersIn(list).slice(0, 2);
    this.serverCore = this.allCores.slice(0, 1);
    this.loadCore = this.allCores.slice(-1);
  }

  /** What is said from here on is about this family. */
  enter(family: string): void {
    this.family = family;
  }

  /** Tells how it goes. */
  readonly say: Say = (line) => this.tell(`${this.family}: ${line}`);

  /** Why nothing can go on here; undefined: it can. */
  get trouble(): Error | undefined {
    return this.stop.signal.aborted ? (this.stop.signal.reason as Error) : undefined;
  }

  /** A path for a new file. */
  path(name: string): string {
    this.files += 1;
    return join(this.folder, `${this.files}-${name}`);
  }

  /** Starts a server; `words` are the command. */
  start(name: string, words: readonly string[], cores: Cores): ManagedProcess {
    this.check();
    const log = this.path(`${name}.log`);
    const managed = new ManagedProcess(
      name,
      words,
      log,
      () => {},
      ({ code, signal }) => this.broke(name, code ?? signal, log),
    );
    managed.wrap = pinned(cores);
    this.processes.push(managed);
    managed.start();
    return managed;
  }

  /** Starts a cluster of ours and waits until all copies are there. */
  async cluster(settings: Partial<ClusterSettings>, cores: Cores): Promise<CoveyCluster> {
    const count = settings.peers ?? 1;
    const resp = await freePorts(count);
    const portOf = (name: string) => resp[Number(name.replace('peer-', '')) - 1];
    const cluster = await Cluster.make(new Plain(), {
      ...settings,
      flagsOf: (name) => ['--resp-port', `${portOf(name)}`],
    });
    this.clusters.push(cluster);
    this.check();
    for (const { process } of [cluster.orchestrator, ...cluster.peers]) process.wrap = pinned(cores);
    cluster.onOwnEnd = (name, { code, signal }) =>
      this.broke(name, code ?? signal, join(cluster.folder, `${name}.log`));
    cluster.startAll();
    const why = await until(() => {
      this.check();
      return missing(cluster);
    }, UP_WITHIN_MS);
    if (why !== null) throw new Error(`${count} peers are not whole after ${UP_WITHIN_MS / 1_000} s: ${why}`);
    const host = (port: number) => `127.0.0.1:${port}`;
    return {
      peers: cluster.peers,
      pids: cluster.peers.map(({ process }) => process.pid as number),
      http: cluster.peers.map(({ site }) => host(site.port)),
      resp: resp.map(host),
    };
  }

  /** Runs a load program to its end. @returns what it wrote to its output @throws where it fails, with what it wrote */
  run(words: readonly string[], cores: Cores, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const [program = '', ...args] = [...pinned(cores), 'env', ...settings, ...words];
    return new Promise((resolve, reject) => {
      const { signal } = this.stop;
      const child = spawn(program, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      child.on('error', (error) => reject(signal.aborted ? signal.reason : error));
      child.on('close', (code) => {
        if (code === 0) resolve(Buffer.concat(out).toString());
        else
          reject(new Error(`${words[0]} ended with ${code}: ${Buffer.concat([...out, ...err]).toString()}`));
      });
    });
  }

  /** @throws where something broke, or the bench was stopped: with the reason */
  check(): void {
    this.stop.signal.throwIfAborted();
  }

  /** Ends all servers, and lets go of their data; then others may be started. Who asks twice waits for both. */
  release(): Promise<void> {
    this.released = this.released.then(() => this.releaseAll());
    return this.released;
  }

  /** Ends everything that runs, for good; what is under way fails with the reason. */
  async close(reason = new Error('the bench was stopped')): Promise<void> {
    this.closed = true;
    this.stop.abort(reason);
    await this.release();
  }

  private async releaseAll(): Promise<void> {
    await Promise.all(this.processes.splice(0).map((process) => process.end('SIGKILL')));
    for (const cluster of this.clusters.splice(0)) {
      cluster.onOwnEnd = () => {};
      await cluster.stop();
      cluster.remove();
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (this.closed) return;
    mkdirSync(this.folder);
    this.stop = new AbortController();
  }

  private broke(name: string, how: number | string | null, log: string): void {
    const tail = readFileSync(log, 'utf8').slice(-LOG_TAIL_BYTES);
    this.stop.abort(new Error(`${name} ended by itself (${how}); the end of its log:\n${tail}`));
  }
}

function pinned(cores: Cores): string[] {
  return ['taskset', '-c', cores.join()];
}
