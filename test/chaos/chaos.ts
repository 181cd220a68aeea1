/**
 * One run of chaos from its start to its verdict: a cluster, clients on all of its peers, faults; then all is mended, every key
 * is read through every peer, and the history is judged.
 *
 * Invariants: whatever goes wrong is in the verdict; nothing of the run is left on the machine but, where it failed, its folder.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../../harness/cluster.js';
import type { Network } from '../../harness/network.js';
import { whole } from '../../harness/watching.js';
import { Random } from '../simulator/random.js';
import { Client, type ClientParts } from './clients.js';
import { giveDisk, releaseDisks, sweepDisks } from './disk.js';
import { type Entry, History, type Nanos, nanosFromNow } from './history.js';
import { judge } from './judge.js';
import { Keys } from './keys.js';
import { readAll } from './last-reads.js';
import { Loopback } from './loopback.js';
import { Namespaces, namespacesWork } from './namespaces.js';
import { Nemesis } from './nemesis.js';
import type { Options } from './options.js';
import { progressLine, type Verdict } from './report.js';
import { StallMeter } from './stalls.js';

const CLIENTS_A_PEER = 2;
const FIRST_WHOLE_MS = 60_000;
const MENDED_WITHIN_MS = 120_000;
const PROGRESS_EVERY_MS = 10_000;
/** Stalls from this length on stand in the log. */
const STALLS_FROM_MS = 1_000;
/** Peers with a small disk of their own, which can be filled. */
const SMALL_DISKS = 2;
const SMALL_DISK_MEGABYTES = 512;
/** A process that ended by itself is started again after this time, as a supervisor would do. */
const SUPERVISOR_MS = 1_000;

export class Chaos {
  private readonly failures: string[] = [];
  private readonly hurt = new Set<string>();
  private readonly now: Nanos = nanosFromNow();
  private readonly history: History;
  private readonly stalls: StallMeter;
  private nemesis: Nemesis | undefined;
  private ending = false;
  private clientsStopped = false;

  private constructor(
    private readonly options: Options,
    private readonly cluster: Cluster,
    private readonly tell: (line: string) => void,
  ) {
    this.history = new History(options.history);
    this.stalls = new StallMeter(STALLS_FROM_MS, ({ key, ms, from }) => {
      const during = this.nemesis?.now.join(', ') ?? '';
      this.log(`${key} took no write for ${Math.round(ms)} ms from ${seconds(from)} on (now: ${during})`);
    });
    cluster.onOwnEnd = (name, { code, signal }) => this.ownEnd(name, `${code ?? signal}`);
  }

  /** Makes the network and the cluster; `tell` is given lines for people. */
  static async prepare(options: Options, tell: (line: string) => void): Promise<Chaos> {
    await sweepDisks();
    const network = await networkFor(options, tell);
    const { peers, failureDetection, durability } = options;
    const cluster = await Cluster.make(network, { peers, failureDetection, durability });
    return new Chaos(options, cluster, tell);
  }

  get folder(): string {
    return this.cluster.folder;
  }

  /** Ends the run early; its verdict is that of the time until now. */
  interrupt(): void {
    this.ending = true;
  }

  async run(): Promise<Verdict> {
    const random = new Random(this.options.seed);
    const keys = new Keys(new Random(this.options.seed + 1));
    if (this.options.faults.some(({ kind }) => kind === 'disk-full')) await this.giveSmallDisks();
    this.cluster.startAll();
    const why = await whole(this.cluster, FIRST_WHOLE_MS);
    if (why !== null) throw new Error(`the cluster does not come up: ${why}; logs in ${this.folder}`);
    this.log(`the cluster is up, seed ${this.options.seed}`);
    const possible = this.possibleFaults();
    this.nemesis = new Nemesis(possible, random, this.shared(random));
    const clients = this.startClients(keys);
    const timer = setInterval(() => this.progress(), PROGRESS_EVERY_MS);
    setTimeout(() => this.interrupt(), this.options.minutes * 60_000).unref();
    await this.nemesis.run();
    await this.mend();
    this.clientsStopped = true;
    await clients;
    clearInterval(timer);
    return this.verdict(keys, possible.length);
  }

  /** Ends all processes and removes what was made; the folder stays unless `tidy`. */
  async close(tidy: boolean): Promise<void> {
    this.clientsStopped = true;
    this.cluster.onOwnEnd = () => {};
    await this.cluster.stop();
    await releaseDisks();
    if (tidy) this.cluster.remove();
  }

  private shared(random: Random) {
    return {
      cluster: this.cluster,
      random,
      hurt: this.hurt,
      log: (line: string) => this.log(line),
      fail: (what: string) => this.fail(what),
      ending: () => this.ending,
    };
  }

  private possibleFaults() {
    return this.options.faults.filter((fault) => {
      const why = fault.impossible(this.cluster);
      if (why !== null) this.tell(`chaos: no ${fault.kind}: ${why}`);
      return why === null;
    });
  }

  private async giveSmallDisks(): Promise<void> {
    for (const peer of this.cluster.peers.slice(0, SMALL_DISKS)) await giveDisk(peer, SMALL_DISK_MEGABYTES);
  }

  private async startClients(keys: Keys): Promise<void> {
    const parts: ClientParts = {
      doors: () =>
        this.cluster.peers.filter(({ process, name }) => process.running || isFounder(name, this.options)),
      keys,
      history: this.history,
      now: this.now,
      onWrite: (entry) => this.stalls.saw(entry),
    };
    const count = CLIENTS_A_PEER * this.options.peers;
    const meanPauseMs = (1_000 * count) / this.options.rate;
    await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const random = new Random(this.options.seed + 2 + i);
        return new Client(`c${i}`, i, random, parts).run(() => this.clientsStopped, meanPauseMs);
      }),
    );
  }

  /** Mends all, so that the cluster has to become whole. */
  private async mend(): Promise<void> {
    this.log('all is mended');
    await this.cluster.network.heal();
    for (const { process } of this.cluster.running) if (process.frozen) process.thaw();
    const founders = this.cluster.peers.filter(({ name }) => isFounder(name, this.options));
    for (const { process } of [this.cluster.orchestrator, ...founders]) if (!process.running) process.start();
    const why = await whole(this.cluster, MENDED_WITHIN_MS);
    if (why !== null) this.fail(`not whole ${MENDED_WITHIN_MS / 1000} s after all was mended: ${why}`);
  }

  private async verdict(keys: Keys, kinds: number): Promise<Verdict> {
    this.log('every key is read through every peer');
    const { disagreements, unread } = await readAll(this.cluster, keys.used(), this.history, this.now);
    await this.history.close();
    for (const each of disagreements) this.fail(`peers do not agree on ${each}`);
    for (const each of unread) this.fail(`not readable at the end: ${each}`);
    this.log('the history is judged');
    const { violations, undecided } = judge(this.history.entries, () => {});
    this.writeHistoriesOf([...violations, ...undecided]);
    const { entries } = this.history;
    const writes = entries.filter(({ op }) => op !== 'get');
    return {
      minutes: this.now() / 60e9,
      operations: entries.length,
      faults: this.nemesis?.happened ?? new Map(),
      kinds,
      violations,
      undecided,
      failures: this.failures,
      unknownShare: count(writes, 'unknown') / Math.max(1, writes.length),
      failedShare: count(writes, 'failed') / Math.max(1, writes.length),
      longestStallMs: this.stalls.longest?.ms ?? 0,
      seed: this.options.seed,
      folder: this.folder,
      words: this.options.words,
    };
  }

  /** The operations on the keys that are wrong, beside the logs, in the order of their starts. */
  private writeHistoriesOf(keys: readonly string[]): void {
    for (const key of keys) {
      const lines = this.history.entries
        .filter((entry) => entry.key === key)
        .sort((a, b) => a.start - b.start)
        .map((entry) => JSON.stringify(entry));
      appendFileSync(join(this.folder, `history-of-${key}.jsonl`), `${lines.join('\n')}\n`);
    }
  }

  private ownEnd(name: string, how: string): void {
    const full = this.nemesis?.now.includes('disk-full') === true;
    this.log(`${name} ended by itself: ${how}${full ? ' (a disk is full)' : ''}`);
    if (full && this.hurt.has(name)) return; // the fault starts it again
    this.failures.push(`${name} ended by itself with ${how} at ${seconds(this.now())}`);
    setTimeout(() => {
      const member = [this.cluster.orchestrator, ...this.cluster.peers].find((each) => each.name === name);
      if (member !== undefined && !member.process.running && !this.clientsStopped) member.process.start();
    }, SUPERVISOR_MS);
  }

  private progress(): void {
    this.tell(
      progressLine(this.now() / 1e9, this.history.entries, this.nemesis?.now ?? [], this.failures.length),
    );
  }

  private fail(what: string): void {
    this.failures.push(`${what} (at ${seconds(this.now())})`);
    this.log(`FAILURE ${what}`);
  }

  private log(line: string): void {
    appendFileSync(
      join(this.folder, 'chaos.log'),
      `${seconds(this.now())} ${new Date().toISOString()} ${line}\n`,
    );
  }
}

function isFounder(name: string, { peers }: Options): boolean {
  return Number(name.slice('peer-'.length)) <= peers;
}

async function networkFor({ namespaces, seed }: Options, tell: (line: string) => void): Promise<Network> {
  if (namespaces && (await namespacesWork())) return Namespaces.make();
  if (namespaces) tell('chaos: no network namespaces here; a relay stands between the peers instead');
  const random = new Random(seed + 1_000);
  return new Loopback(() => random.next());
}

function count(entries: readonly Entry[], outcome: Entry['outcome']): number {
  return entries.filter((entry) => entry.outcome === outcome).length;
}

function seconds(nanos: number): string {
  return `${(nanos / 1e9).toFixed(3)} s`;
}
