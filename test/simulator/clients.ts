/** The clients of a simulated cluster: each asks one thing after another, of any peer, and writes down what it was told. */
import type { Outcome } from './linearizability.js';
import type { SimulatedPeer } from './peer-process.js';
import { Process } from './process.js';
import { type Asked, History, type Mix, type Seen, Workload } from './workload.js';
import type { World } from './world.js';

/** What a client is told in the end. */
export type Answer = Outcome | 'unknown' | 'not-applied';

/** A client gives up on a peer that says nothing for so long; the outcome is unknown then. */
const PATIENCE_MS = 6000;
/** The last reads are repeated until they succeed, this often. */
const REPEAT_MS = 100;
/** Last reads under way at once. */
const LAST_READS = 8;

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
    this.clients = Array.from({ length: mix.clients }, (_, i) => new Client(`c${i + 1}`, world, this.history));
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

  /** Reads every key through every peer, and writes once to every partition; `done` when all of it succeeded. */
  readEverywhere(done: () => void): void {
    const { peers } = this.world;
    const jobs: { readonly asked: Omit<Asked, 'start'>; readonly peer: SimulatedPeer }[] = [];
    for (const [key, { partition }] of this.history.keys) {
      for (const peer of peers) jobs.push({ asked: { key, partition, call: { op: 'get' }, ...PLAIN }, peer });
    }
    for (let partition = 0; partition < this.world.tuning.partitions; partition += 1) {
      const { key } = this.workload.keyOf(partition);
      const asked: Omit<Asked, 'start'> = { key, partition, call: { op: 'put', value: 'last' }, ...PLAIN };
      jobs.push({ asked, peer: this.world.random.pick(peers) });
    }
    this.left = jobs.length;
    const next = (client: Client): void => {
      const job = jobs.pop();
      if (job === undefined) return;
      const attempt = (): void => {
        const asked = { ...job.asked, start: this.world.schedule.now };
        client.ask(asked, job.peer, (answer) => {
          if (typeof answer === 'string') {
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
    for (let i = 0; i < LAST_READS; i += 1) next(new Client(`r${i + 1}`, this.world, this.history));
  }

  /** How many of the last operations have not succeeded, for a message. */
  missing(): string {
    return `${this.left} of the last reads and writes are unanswered; ${this.world.describe()}`;
  }

  private think(client: Client): void {
    const { random, schedule } = this.world;
    schedule.after(random.integer(5, this.thinkMs()), () => {
      if (!this.running) return;
      const asked = this.workload.next(schedule.now, client.seen);
      client.ask(asked, random.pick(this.world.peers), () => this.think(client));
    });
  }

  private thinkMs(): number {
    return this.workload.mix.thinkMs;
  }
}

const PLAIN = { strict: false, ttlMs: undefined } as const;

/** One client; it has no clock of its own, so what it notes is true time. */
class Client extends Process {
  readonly seen = new Map<string, Seen>();
  private asking = 0;

  constructor(
    id: string,
    private readonly world: World,
    private readonly history: History,
  ) {
    super(id, world.schedule, world.random, 0);
    world.network.attach(this);
    this.begin();
  }

  /** Asks a peer; what it is told is recorded before `done` hears it. */
  ask(asked: Asked, peer: SimulatedPeer, done: (answer: Answer) => void): void {
    this.asking += 1;
    const number = this.asking;
    const finish = (answer: Answer): void => {
      if (number !== this.asking) return;
      this.asking += 1;
      this.history.record(asked, this.schedule.now, answer);
      if (typeof answer !== 'string') this.learn(asked, answer);
      const { trace } = this.world;
      trace.mixText(JSON.stringify(answer));
      if (trace.loud) {
        trace.say(this.schedule.now, this.id, `${asked.call.op} ${asked.key} = ${JSON.stringify(answer)}`);
      }
      done(answer);
    };
    const { network, trace } = this.world;
    if (trace.loud) {
      trace.say(this.schedule.now, this.id, `asks ${peer.id}: ${asked.key} ${JSON.stringify(asked.call)}`);
    }
    network.send(this.id, peer.id, 'request', 'nearby', () => {
      peer.serve(asked, (answer) => {
        network.send(peer.id, this.id, 'answer', 'nearby', () => finish(answer));
      });
    });
    const patience = asked.call.op === 'get' ? 'not-applied' : 'unknown';
    this.timer(PATIENCE_MS, () => finish(patience));
  }

  private learn({ key, call }: Asked, { value, version, failed }: Outcome): void {
    if (version === undefined) return;
    if (call.op === 'get' || call.op === 'increment') this.seen.set(key, { version, value: value ?? undefined });
    else if (call.op === 'delete' && failed === undefined) this.seen.set(key, { version: null, value: undefined });
    else this.seen.set(key, { version, value: call.op === 'put' ? call.value : undefined });
  }
}
