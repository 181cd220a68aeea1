/** The clients of a simulated cluster: each asks one thing after another, of any peer, and writes down what it was told. */

import { Retry, type RetrySettings, type RetryStep, type Seen } from '../../client/retry.js';
import type { Result } from '../../peer/replication/commands.js';
import { Violation } from './checks.js';
import type { Call, Outcome } from './linearizability.js';
import type { SimulatedPeer } from './peer-process.js';
import { Process } from './process.js';
import { outcomeOf, outcomeOfRow, outcomeOfTransaction } from './translate.js';
import { type Asked, History, type Known, type Mix, Workload } from './workload.js';
import type { World } from './world.js';

/** What a client is told in the end. */
export type Answer = Outcome | 'unknown' | 'not-applied';

/** A client gives up on a peer that says nothing for so long; the outcome is unknown then. */
const PATIENCE_MS = 6000;
/** The patience of a client over all attempts; short, so that a run has many operations. */
const RETRY: RetrySettings = { maxAttempts: 4, deadlineMs: 8000, pauseMinMs: 20, pauseMaxMs: 500 };
/** The last reads are repeated until they succeed, this often. */
const REPEAT_MS = 100;
/** Last reads under way at once. */
const LAST_READS = 8;

/** One of the last operations. */
interface Job {
  readonly key: string;
  readonly partition: number;
  readonly call: Call;
  readonly peer: SimulatedPeer;
  /** The key to be read, where `key` names a group. */
  readonly stored: string | undefined;
}

export class Clients {
  readonly history = new History();
  private readonly clients: Client[];
  private readonly workload: Workload;
  private running = false;
  private left = 0;

  constructor(
    private readonly world: World,
    mix: Mix,
  ) {
    const { random, tuning } = world;
    this.workload = new Workload(random, mix, tuning.partitions);
    this.clients = Array.from(
      { length: mix.clients },
      (_, i) => new Client(`c${i + 1}`, world, this.history, mix.keyed, random.chance(0.5)),
    );
  }

  /** Every client begins, and goes on until told to stop. */
  start(): void {
    this.running = true;
    for (const client of this.clients) this.think(client);
  }

  /** No new operations. */
  stop(): void {
    this.running = false;
  }

  /**
   * Writes to every partition through every peer, then reads every key through every peer; `done` when all of it
   * succeeded. Nothing is wrong any more, so no outcome may be unknown.
   */
  readEverywhere(done: () => void): void {
    const { peers, tuning } = this.world;
    const jobs: Job[] = [];
    for (const [key, { partition, group }] of this.history.keys) {
      for (const peer of peers) jobs.push(...lastReadsOf(key, partition, group, peer));
    }
    for (let partition = 0; partition < tuning.partitions; partition += 1) {
      const { key } = this.workload.keyOf(partition);
      for (const peer of peers) {
        jobs.push({ key, partition, call: { op: 'append', suffix: '~' }, peer, stored: undefined });
        jobs.push({
          key,
          partition,
          call: { op: 'put', value: `last of ${peer.id}` },
          peer,
          stored: undefined,
        });
      }
    }
    this.left = jobs.length;
    const next = (client: Client): void => {
      const job = jobs.pop();
      if (job === undefined) return;
      const { peer, key, partition, call, stored } = job;
      const attempt = (): void => {
        const asked = {
          key,
          partition,
          call,
          strict: jobs.length % 4 === 0,
          ttlMs: undefined,
          start: this.world.schedule.now,
          ...(stored === undefined ? {} : { stored }),
        };
        client.ask(asked, peer, (answer) => {
          if (answer === 'unknown')
            throw new Violation(`PROGRESS: a write through ${peer.id} has no known outcome`);
          if (answer === 'not-applied') {
            client.timer(REPEAT_MS, attempt);
            return;
          }
          this.left -= 1;
          if (this.left === 0) done();
          next(client);
        });
      };
      attempt();
    };
    for (let i = 0; i < LAST_READS; i += 1) next(new Client(`r${i + 1}`, this.world, this.history, 0, false));
  }

  /** How many of the last operations have not succeeded, for a message. */
  missing(): string {
    return `${this.left} of the last reads and writes are unanswered; ${this.world.describe()}`;
  }

  private think(client: Client): void {
    const { random, schedule } = this.world;
    schedule.after(random.integer(5, this.thinkMs()), () => {
      if (!this.running) return;
      const asked = this.workload.next(schedule.now, client.known);
      client.ask(asked, random.pick(this.world.peers), () => this.think(client));
    });
  }

  private thinkMs(): number {
    return this.workload.mix.thinkMs;
  }
}

/** One client; it has no clock of its own, so what it notes is true time. */
class Client extends Process {
  /** What it last saw of keys. */
  readonly known = new Map<string, Known>();
  private asking = 0;

  constructor(
    id: string,
    private readonly world: World,
    private readonly history: History,
    /** Share of its writes with an Idempotency-Key. */
    private readonly keyedShare: number,
    /** Goes on to other peers when one fails it. */
    private readonly persistent: boolean,
  ) {
    super(id, world.schedule, world.random, 0);
    world.network.attach(this);
    this.begin();
  }

  /** Asks, with the production client's retries; what it is told in the end is recorded before `done` hears it. */
  ask(asked: Asked, peer: SimulatedPeer, done: (answer: Answer) => void): void {
    const { world } = this;
    const { random, schedule, trace } = world;
    const isRead = asked.call.op === 'get';
    const mayBeKeyed = !isRead && asked.parts === undefined;
    const token = mayBeKeyed && random.chance(this.keyedShare) ? `${this.id}-${this.asking}` : undefined;
    const peers = [peer, ...world.peers.filter((other) => other !== peer)];
    const request = { kind: isRead ? 'read' : 'write', keyed: token !== undefined } as const;
    const retry = new Retry(request, RETRY, this.persistent ? peers.length : 1, 0, schedule.now);
    if (trace.loud)
      trace.say(schedule.now, this.id, `asks ${peer.id}: ${asked.key} ${JSON.stringify(asked.call)}`);

    const finish = (answer: Answer): void => {
      this.history.record(asked, schedule.now, answer);
      if (typeof answer !== 'string') this.learn(asked, answer);
      trace.mixText(JSON.stringify(answer));
      if (trace.loud)
        trace.say(schedule.now, this.id, `${asked.call.op} ${asked.key} = ${JSON.stringify(answer)}`);
      done(answer);
    };
    const follow = (step: RetryStep, last: Outcome | undefined): void => {
      if (step.kind === 'done') finish(last ?? 'unknown');
      else if (step.kind !== 'ask') finish(step.kind);
      else {
        const attempt = (): void =>
          this.attempt(asked, peers[step.peer] as SimulatedPeer, token, (seen, outcome) =>
            follow(retry.next(schedule.now, seen), outcome),
          );
        if (step.afterMs === 0) attempt();
        else this.timer(step.afterMs, attempt);
      }
    };
    follow(retry.first(), undefined);
  }

  /** One attempt at one peer: its answer, or after a while silence. */
  private attempt(
    asked: Asked,
    peer: SimulatedPeer,
    token: string | undefined,
    heard: (seen: Seen, outcome: Outcome | undefined) => void,
  ): void {
    this.asking += 1;
    const number = this.asking;
    const once = (seen: Seen, outcome?: Outcome): void => {
      if (number !== this.asking) return;
      this.asking += 1;
      heard(seen, outcome);
    };
    const { network } = this.world;
    const answer = (seen: Seen, outcome?: Outcome): void =>
      network.send(peer.id, this.id, 'answer', 'nearby', () => once(seen, outcome));
    network.send(this.id, peer.id, 'request', 'nearby', () => {
      if (asked.call.op === 'get') {
        peer.serveRead(asked, (told) => {
          if (told.kind === 'row') answer({ kind: 'answered' }, outcomeOfRow(told.row));
          else answer({ kind: 'not-applied' });
        });
        return;
      }
      peer.serveWrite(asked, token, (told) => {
        if (told.kind === 'conflict')
          throw new Violation(`IDEMPOTENCY: ${token} was refused: ${told.reason}`);
        const outcomeIn = (result: Result): Outcome =>
          asked.parts === undefined ? outcomeOf(result) : outcomeOfTransaction(asked, result);
        if (told.kind === 'result') answer({ kind: 'answered' }, outcomeIn(told.result));
        else answer({ kind: told.kind });
      });
    });
    this.timer(PATIENCE_MS, () => once({ kind: 'unknown' }));
  }

  private learn({ key, call, parts, group }: Asked, outcome: Outcome): void {
    if (parts === undefined || group !== undefined) this.learnOf(key, call, outcome);
    else if (outcome.failed === undefined)
      for (const part of parts) this.learnOf(part.key, part.call, outcome);
  }

  private learnOf(key: string, call: Call, { value, version, failed }: Outcome): void {
    if (version === undefined) return;
    const known = (seen: string | undefined) => this.known.set(key, { version, value: seen });
    if (call.op === 'get' || call.op === 'increment') known(value ?? undefined);
    else if (call.op === 'delete' && failed === undefined)
      this.known.set(key, { version: null, value: undefined });
    else known(call.op === 'put' && failed === undefined ? call.value : undefined);
  }
}

/** A read of a key through a peer, or of each key of a group. */
function lastReadsOf(
  key: string,
  partition: number,
  group: readonly string[] | undefined,
  peer: SimulatedPeer,
): Job[] {
  const job = { key, partition, call: { op: 'get' }, peer } as const;
  return group === undefined ? [{ ...job, stored: undefined }] : group.map((stored) => ({ ...job, stored }));
}
