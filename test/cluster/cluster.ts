/**
 * A cluster of real processes for tests: an orchestrator and peers on free ports, started, killed and asked as an operator
 * would. Nothing in here is a stand-in.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SECRET = 'a-secret-for-tests-only';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface NodeRow {
  readonly id: string;
  readonly status: string;
  readonly partitions: { readonly primary: number; readonly replica: number };
}

/** One process that can be started again after it ended. */
export class TestProcess {
  private child: ChildProcess | undefined;

  constructor(
    readonly name: string,
    readonly url: string,
    private readonly args: readonly string[],
    private readonly logPath: string,
  ) {}

  start(): void {
    const log = openSync(this.logPath, 'a');
    const env = { ...process.env, COVEY_SECRET: SECRET };
    this.child = spawn(process.execPath, [...this.args], { stdio: ['ignore', log, log], env });
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** Sends the signal and waits for the end; returns the exit code, null where a signal ended it. */
  async end(name: NodeJS.Signals): Promise<number | null> {
    const child = this.child;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(name);
    return ended;
  }

  log(): string {
    return readFileSync(this.logPath, 'utf8');
  }
}

export class Cluster {
  readonly peers: TestProcess[] = [];
  private made = 0;

  private constructor(
    readonly folder: string,
    readonly orchestrator: TestProcess,
  ) {}

  /** Starts an orchestrator and peers, and waits until all are ready and agree. */
  static async start(peerCount: number, orchestratorFlags: readonly string[] = []): Promise<Cluster> {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const folder = mkdtempSync(join(tmpdir(), 'covey-test-'));
    const args = [
      join(ROOT, 'orchestrator/main.js'),
      '--port',
      String(port),
      '--data',
      folder,
      ...orchestratorFlags,
    ];
    const orchestrator = new TestProcess('orchestrator', url, args, join(folder, 'orchestrator.log'));
    orchestrator.start();
    const cluster = new Cluster(folder, orchestrator);
    for (let i = 0; i < peerCount; i++) await cluster.addPeer();
    await cluster.settled();
    return cluster;
  }

  /** Starts one more peer; does not wait for it. */
  async addPeer(flags: readonly string[] = []): Promise<TestProcess> {
    const id = `peer-${++this.made}`;
    const [port, peerPort] = await freePorts(2);
    const args = [
      ...[join(ROOT, 'peer/main.js'), '--id', id, '--port', String(port), '--peer-port', String(peerPort)],
      ...['--orchestrator', this.orchestrator.url, ...flags],
    ];
    const peer = new TestProcess(id, `http://127.0.0.1:${port}`, args, join(this.folder, `${id}.log`));
    this.peers.push(peer);
    peer.start();
    return peer;
  }

  /** Waits until every running peer is ready, sees exactly the running ones up, and no partition is on its way. */
  async settled(timeoutMs = 20_000): Promise<void> {
    await eventually(async () => {
      const running = this.peers.filter((peer) => peer.running);
      const epochs = new Set<number>();
      for (const peer of running) {
        const ready = await fetch(`${peer.url}/readyz?verbose`);
        if (!ready.ok) throw new Error(`${peer.name} is not ready: ${await ready.text()}`);
        const { epoch, nodes } = await allNodes(peer);
        epochs.add(epoch);
        const up = nodes.filter((node) => node.status === 'up').map((node) => node.id);
        const names = running.map((each) => each.name);
        if (up.sort().join() !== names.sort().join()) throw new Error(`${peer.name} sees ${up.join()} up`);
      }
      if (epochs.size > 1) throw new Error(`peers follow different views: ${[...epochs].join()}`);
    }, timeoutMs);
  }

  async stop(): Promise<void> {
    await this.orchestrator.end('SIGKILL');
    await Promise.all(this.peers.map((peer) => peer.end('SIGKILL')));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The members as a process knows them. */
export async function allNodes(of: TestProcess): Promise<{ epoch: number; nodes: NodeRow[] }> {
  const answer = await fetch(`${of.url}/all-nodes`);
  return (await answer.json()) as { epoch: number; nodes: NodeRow[] };
}

/** Tries until it no longer throws; after the time is up, throws what it threw last. */
export async function eventually<T>(attempt: () => Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await pause(20);
  }
}

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
