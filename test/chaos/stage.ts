/**
 * What a fault is given to work with: the cluster, its network, chance, and who may be hurt.
 *
 * Invariants: a peer is hurt by one fault at a time; who was taken is given back when the fault is over; what does not come
 * about in time (a peer that does not serve again, a cluster that does not become whole) is written down as a failure of the
 * run, never passed over.
 */

import type { Cluster, Member } from '../../harness/cluster.js';
import { serving, until, whole } from '../../harness/watching.js';
import type { Random } from '../simulator/random.js';

/** A process that is started has to serve within this time. */
const START_AGAIN_MS = 500;
const SERVING_WITHIN_MS = 60_000;
/** A cluster that nothing hurts any more has all its copies again within this time. */
const WHOLE_WITHIN_MS = 120_000;

/** What faults share in one run. */
export interface Run {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly hurt: Set<string>;
  readonly log: (line: string) => void;
  readonly fail: (what: string) => void;
  /** True once the run wants to end: what lasts is cut short. */
  readonly ending: () => boolean;
}

export class Stage {
  private readonly taken: string[] = [];

  constructor(
    readonly kind: string,
    private readonly run: Run,
  ) {}

  get cluster(): Cluster {
    return this.run.cluster;
  }

  get random(): Random {
    return this.run.random;
  }

  log(line: string): void {
    this.run.log(`${this.kind}: ${line}`);
  }

  fail(what: string): void {
    this.run.fail(`${this.kind}: ${what}`);
  }

  /** Takes a peer that runs and that nothing else hurts; undefined where there is none. */
  take(but: (peer: Member) => boolean = () => true): Member | undefined {
    const free = this.cluster.running.filter(
      (peer) => !this.run.hurt.has(peer.name) && !peer.process.frozen && but(peer),
    );
    const peer = this.random.pickMaybe(free);
    if (peer !== undefined) this.reserve(peer.name);
    return peer;
  }

  /** Takes the orchestrator; false where something else hurts it. */
  takeOrchestrator(): boolean {
    if (this.run.hurt.has('orchestrator')) return false;
    this.reserve('orchestrator');
    return true;
  }

  reserve(name: string): void {
    this.run.hurt.add(name);
    this.taken.push(name);
  }

  /** Lets between `lowMs` and `highMs` go by. */
  async last(lowMs: number, highMs: number): Promise<void> {
    await this.pause(this.random.integer(lowMs, highMs));
  }

  async pause(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    await until(async () => (this.run.ending() || performance.now() >= deadline ? null : 'not yet'), ms);
  }

  /** Starts the process whenever it does not run (it may just be ending), and waits until it serves. */
  async revive(member: Member): Promise<void> {
    const start = () => {
      if (!member.process.running) member.process.start();
    };
    start();
    const watch = setInterval(start, START_AGAIN_MS);
    const why = await serving(member, SERVING_WITHIN_MS);
    clearInterval(watch);
    if (why !== null)
      this.fail(`${member.name} does not serve ${SERVING_WITHIN_MS / 1000} s after its start: ${why}`);
  }

  /** Waits until every partition has all its copies. */
  async whole(): Promise<void> {
    const why = await whole(this.cluster, WHOLE_WITHIN_MS);
    if (why !== null) this.fail(`not whole again after ${WHOLE_WITHIN_MS / 1000} s: ${why}`);
  }

  /** Gives back who was taken. */
  release(): void {
    for (const name of this.taken.splice(0)) this.run.hurt.delete(name);
  }
}
