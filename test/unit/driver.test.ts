import { expect } from 'chai';
import { type DrivenMachine, PeerDriver, type PeerWorld } from '../../peer/driver.js';
import type {
  Effects,
  Input,
  ReadRow,
  ReplyEffect,
  SendEffect,
  StoreBatch,
} from '../../peer/replication/machine.js';
import type { PeerEnvelope, PeerMessage } from '../../peer/replication/messages.js';

const IDENTITY = { clusterId: 'c', peerId: 'A', storeId: 's', inc: 1, addr: 'a:1' };

/** A machine whose effects the test writes down, in a world that writes down what is done. */
class Bench implements DrivenMachine {
  readonly inputs: Input[] = [];
  readonly done: string[] = [];
  next: Partial<Effects> = {};
  turnEnds: (() => void)[] = [];
  stores: (() => void)[] = [];
  breaks: unknown;
  readonly driver: PeerDriver;

  constructor() {
    const world: PeerWorld = {
      clock: () => ({ leaseMs: 0, wallMs: 0 }),
      send: (to, envelopes) => this.done.push(`${to}: ${envelopes.map(({ body }) => body.type).join()}`),
      report: (to, { body }) => this.done.push(`${to ?? 'all'}: ${body.type}`),
      endOfTurn: (task) => this.turnEnds.push(task),
      every: () => () => this.done.push('no more ticks'),
      fail: (error) => this.done.push(`failed: ${error}`),
    };
    const disk = {
      write: ({ number }: StoreBatch, done: () => void) => {
        this.done.push(`write ${number}`);
        this.stores.push(done);
      },
    };
    const gateway = {
      replied: ({ id }: ReplyEffect) => this.done.push(`reply ${id}`),
      answered: (from: string) => this.done.push(`answer of ${from}`),
    };
    this.driver = new PeerDriver(IDENTITY, this, disk, world, gateway);
  }

  step(_: unknown, input: Input): void {
    this.inputs.push(input);
    if (this.breaks !== undefined) throw this.breaks;
  }

  readNow(): ReadRow | undefined {
    if (this.breaks !== undefined) throw this.breaks;
    return { kind: 'row', row: null, epoch: 1, com: 0 };
  }

  take(): Effects {
    const effects = { store: undefined, sends: [], reports: [], replies: [], ...this.next };
    this.next = {};
    return effects;
  }

  envelope(body: PeerMessage): PeerEnvelope {
    return { clusterId: 'c', from: 'A', fromInc: 1, ver: 0, body };
  }

  send(to: string, after: number, type: 'pull' | 'lreq' = 'pull'): SendEffect {
    return {
      to,
      after,
      envelope: this.envelope(type === 'pull' ? { type } : { type, t0: 0, holdMs: 1_000 }),
    };
  }

  /** Ends the turn; returns what was done since the last time. */
  turn(): string[] {
    for (const task of this.turnEnds.splice(0)) task();
    return this.done.splice(0);
  }
}

describe('peer/driver', () => {
  it('takes once a turn, whatever came in it, and sends each peer one parcel', () => {
    const bench = new Bench();
    bench.driver.input({ type: 'tick' });
    bench.driver.input({ type: 'leave' });
    expect(bench.turnEnds).to.have.length(1);
    const reply: ReplyEffect = { id: 7, outcome: { kind: 'maybe' } };
    const sends = [bench.send('B', 0), bench.send('C', 0), bench.send('B', 0, 'lreq')];
    bench.next = { sends, replies: [reply], store: { number: 1, ops: [] } };
    expect(bench.turn()).to.deep.equal(['write 1', 'B: pull,lreq', 'C: pull', 'reply 7']);
  });

  it('holds a message until its batch is durable, and lets others pass', () => {
    const bench = new Bench();
    bench.driver.input({ type: 'tick' });
    const report = { to: undefined, after: 2, ver: 0, body: { type: 'pull' } as const };
    bench.next = {
      store: { number: 2, ops: [] },
      sends: [bench.send('B', 2), bench.send('C', 0), bench.send('D', 1)],
      reports: [report],
    };
    expect(bench.turn()).to.deep.equal(['write 2', 'C: pull']);
    for (const stored of bench.stores) stored();
    expect(bench.inputs.at(-1)).to.deep.equal({ type: 'stored', through: 2 });
    expect(bench.turn()).to.deep.equal(['all: pull', 'B: pull', 'D: pull']);
    bench.driver.input({ type: 'tick' });
    bench.next = { sends: [bench.send('B', 2)] };
    expect(bench.turn()).to.deep.equal(['B: pull']);
  });

  it('ends the process when too much waits for the disk', () => {
    const bench = new Bench();
    const sends = Array.from({ length: 65_536 }, () => bench.send('B', 1));
    bench.driver.input({ type: 'tick' });
    bench.next = { store: { number: 1, ops: [] }, sends };
    expect(bench.turn()).to.deep.equal(['write 1']);
    bench.driver.input({ type: 'tick' });
    bench.next = { sends: [bench.send('B', 1)] };
    expect(bench.turn()).to.deep.equal(['failed: Error: more than 65536 messages wait for the disk']);
  });

  it('says nothing more after it was stopped', () => {
    const bench = new Bench();
    bench.driver.start(50);
    bench.next = { store: { number: 1, ops: [] }, sends: [bench.send('B', 1)] };
    bench.turn();
    bench.driver.stop();
    for (const stored of bench.stores) stored();
    bench.driver.send('B', { type: 'pull' });
    bench.driver.receive(bench.envelope({ type: 'pull' }));
    expect(bench.turn()).to.deep.equal(['no more ticks']);
    expect(bench.inputs).to.deep.equal([{ type: 'tick' }]);
  });

  it('answers a read at once, and no more after it was stopped or the machine threw', () => {
    const bench = new Bench();
    expect(bench.driver.readNow(0, 'k')).to.deep.equal({ kind: 'row', row: null, epoch: 1, com: 0 });
    expect(bench.turn()).to.deep.equal([]);
    bench.breaks = new Error('cannot be');
    expect(bench.driver.readNow(0, 'k')).to.equal(undefined);
    bench.breaks = undefined;
    expect(bench.driver.readNow(0, 'k')).to.equal(undefined);
    expect(bench.turn()).to.deep.equal(['failed: Error: cannot be']);
  });

  it('ends everything when the machine throws', () => {
    const bench = new Bench();
    bench.breaks = new Error('cannot be');
    bench.driver.input({ type: 'tick' });
    bench.driver.input({ type: 'tick' });
    expect(bench.turn()).to.deep.equal(['failed: Error: cannot be']);
    expect(bench.inputs).to.have.length(1);
  });

  it('hands answers for the gateway on, and lets the machine see that they came', () => {
    const bench = new Bench();
    const answer = bench.envelope({
      type: 'fwd_r',
      session: 's',
      n: 1,
      attempt: 1,
      outcome: { kind: 'maybe' },
    });
    bench.driver.receive({ ...answer, from: 'B' });
    bench.driver.receive({ ...answer, from: 'B', clusterId: 'other' });
    expect(bench.turn()).to.deep.equal(['answer of B']);
    expect(bench.inputs).to.have.length(2);
  });

  it('shows the machine one of the answers that a process gives in a turn, unless a later one knows another map', () => {
    const bench = new Bench();
    const outcome = { kind: 'refused', reason: 'changing' } as const;
    const answer = { ...bench.envelope({ type: 'rfwd_r', id: 1, inc: 1, outcome }), from: 'B' };
    const others = [{ from: 'C' }, { fromInc: answer.fromInc + 1 }, { ver: answer.ver + 1 }];
    bench.driver.receive(answer);
    bench.driver.receive(answer);
    for (const other of others) bench.driver.receive({ ...answer, ...other });
    expect(bench.inputs).to.have.length(4);
    expect(bench.turn()).to.deep.equal(['B', 'B', 'C', 'B', 'B'].map((peer) => `answer of ${peer}`));
    bench.driver.receive({ ...answer, ver: answer.ver + 1 });
    expect(bench.inputs).to.have.length(5);
  });
});
