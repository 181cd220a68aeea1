/**
 * A cluster of real processes: one orchestrator and its peers, in the places that a network gives them. Nothing in here is a
 * stand-in.
 *
 * Invariants: a peer keeps its name, its place and its data folder across restarts; everything of a run lies in one folder.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Network, Site } from './network.js';
import { type Ended, ManagedProcess } from './process.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SECRET = 'a-secret-for-tests-only-0123456789';
const HTTP_PORT = 8_080;
const ORCHESTRATOR_PORT = 8_079;

export interface ClusterSettings {
  readonly peers: number;
  readonly copies: number;
  readonly minInSync: number;
  /** How long a silent peer keeps its copies, as the orchestrator's flag takes it. */
  readonly repairAfter: string;
  readonly storage: 'lmdb' | 'memory';
  readonly durability: 'flush' | 'commit';
  readonly failureDetection: 'fast' | 'normal' | 'patient';
  /** Further flags of every peer. */
  readonly peerFlags: readonly string[];
  /** Further flags of one peer, by its name. */
  readonly flagsOf?: (name: string) => readonly string[];
}

export const USUAL: ClusterSettings = {
  peers: 5,
  copies: 3,
  minInSync: 2,
  repairAfter: '10s',
  storage: 'lmdb',
  durability: 'flush',
  failureDetection: 'normal',
  peerFlags: [],
};

/** A process with its place and its folder. */
export interface Member {
  readonly name: string;
  readonly url: string;
  readonly site: Site;
  readonly data: string;
  readonly process: ManagedProcess;
}

export class Cluster {
  /** All peers that were ever added, whether they run or not. */
  readonly peers: Member[] = [];
  /** Told of a process that ended though nobody asked it to. */
  onOwnEnd: (name: string, ended: Ended) => void = () => {};

  private constructor(
    readonly folder: string,
    readonly network: Network,
    readonly settings: ClusterSettings,
    private ownOrchestrator: Member | undefined,
  ) {}

  get orchestrator(): Member {
    if (this.ownOrchestrator === undefined) throw new Error('the cluster has no orchestrator yet');
    return this.ownOrchestrator;
  }

  /** Makes the places and the folders, and starts nothing yet. */
  static async make(network: Network, settings: Partial<ClusterSettings> = {}): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), `covey-chaos-${process.pid}-`));
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 });
    const cluster = new Cluster(folder, network, { ...USUAL, ...settings }, undefined);
    cluster.ownOrchestrator = await cluster.member('orchestrator', ORCHESTRATOR_PORT, (site, data) =>
      cluster.orchestratorFlags(site, data),
    );
    for (let i = 1; i <= cluster.settings.peers; i += 1) await cluster.add(`peer-${i}`);
    return cluster;
  }

  /** Makes the cluster and starts all of it; does not wait. */
  static async start(network: Network, settings: Partial<ClusterSettings> = {}): Promise<Cluster> {
    const cluster = await Cluster.make(network, settings);
    cluster.startAll();
    return cluster;
  }

  /** Starts what does not run. */
  startAll(): void {
    for (const { process } of [this.orchestrator, ...this.peers]) if (!process.running) process.start();
  }

  peer(name: string): Member {
    const peer = this.peers.find((each) => each.name === name);
    if (peer === undefined) throw new Error(`there is no ${name}`);
    return peer;
  }

  get running(): Member[] {
    return this.peers.filter(({ process }) => process.running);
  }

  /** Makes a place for one more peer and does not start it. `flags` come last, and so win. */
  async add(name: string, flags: readonly string[] = []): Promise<Member> {
    const known = this.peers.find((each) => each.name === name);
    if (known !== undefined) return known;
    const peer = await this.member(name, HTTP_PORT, (site, data) => [
      ...this.peerFlags(site, data),
      ...flags,
    ]);
    this.peers.push(peer);
    return peer;
  }

  /** Empties the data folder of a process that does not run. */
  wipe({ name, data, process }: Member): void {
    if (process.running) throw new Error(`${name} runs: its data is not wiped under it`);
    // What lies in the folder, not the folder: a disk may be mounted there.
    for (const entry of readdirSync(data)) rmSync(join(data, entry), { recursive: true, force: true });
  }

  /** Ends everything; the folder stays. */
  async stop(): Promise<void> {
    const all = [this.orchestrator, ...this.peers];
    await Promise.all(all.map(({ process }) => process.end('SIGKILL')));
    await this.network.close();
  }

  /** Removes the folder with logs and data. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async member(
    name: string,
    port: number,
    flags: (site: Site, data: string) => string[],
  ): Promise<Member> {
    const site = await this.network.site(name, port);
    const data = join(this.folder, name);
    mkdirSync(data, { recursive: true });
    const words = [...site.prefix, process.execPath, ...flags(site, data)];
    const managed = new ManagedProcess(
      name,
      words,
      join(this.folder, `${name}.log`),
      (pid) => this.network.inhabited(name, pid),
      (ended) => this.onOwnEnd(name, ended),
    );
    return { name, url: `http://${site.bind}:${site.port}`, site, data, process: managed };
  }

  private orchestratorFlags(site: Site, data: string): string[] {
    const { copies, minInSync, repairAfter, peers, failureDetection } = this.settings;
    return [
      join(ROOT, 'orchestrator/main.js'),
      ...['--host', site.bind, '--port', String(site.port), '--data', data],
      ...['--copies', String(copies), '--min-in-sync', String(minInSync), '--repair-after', repairAfter],
      ...['--bootstrap-peers', String(peers), '--failure-detection', failureDetection],
      ...['--secret-file', join(this.folder, 'secret')],
    ];
  }

  private peerFlags(site: Site, data: string): string[] {
    const { storage, durability, peerFlags, flagsOf } = this.settings;
    const orchestrator = this.orchestrator.site;
    return [
      join(ROOT, 'peer/main.js'),
      ...['--id', site.name, '--host', site.bind, '--advertise', site.advertise],
      ...['--port', String(site.port), '--peer-port', String(site.peerPort), '--data', data],
      ...['--orchestrator', `http://${orchestrator.advertise}:${orchestrator.port}`],
      ...['--storage', storage, '--durability', durability],
      ...['--secret-file', join(this.folder, 'secret')],
      ...peerFlags,
      ...(flagsOf?.(site.name) ?? []),
    ];
  }
}
