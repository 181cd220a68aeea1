import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BUGS } from './bugs.js';
import { Disk } from './disk.js';
import { patched } from './mutant-tree.js';
import { MUTANTS } from './mutants.js';
import { mutate, mutationsOf } from './mutation-operators.js';
import { FAIR_WEATHER, Network } from './network.js';
import { parseOptions } from './options.js';
import { Process } from './process.js';
import { Random } from './random.js';
import { Schedule } from './schedule.js';
import { Trace } from './trace.js';
import { drawTuning } from './tuning.js';
import { World } from './world.js';

const quiet = (): Trace => new Trace(undefined);

function started(id: string, schedule: Schedule, random: Random): Process {
  const process = new Process(id, schedule, random, 0.01);
  process.begin();
  return process;
}

describe('simulator: chance and time', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const draw = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.integer(0, 1_000_000));
    };
    expect(draw(7)).to.deep.equal(draw(7));
    expect(draw(7)).not.to.deep.equal(draw(8));
    expect(draw(7)).not.to.deep.equal(draw(7 + 2 ** 33));
  });

  it('runs events by time, and those of the same time in the order in which they came', () => {
    const schedule = new Schedule();
    const random = new Random(1);
    const order: [number, number][] = [];
    for (let i = 0; i < 500; i += 1) {
      const at = random.integer(0, 20);
      schedule.after(at, () => order.push([schedule.now, i]));
    }
    schedule.runUntil(100);
    expect(order).to.have.length(500);
    const sorted = [...order].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect(order).to.deep.equal(sorted);
    expect(schedule.now).to.equal(100);
  });
});

describe('simulator: a process', () => {
  it('does what reached it while it stood still, in order, when it goes on', () => {
    const schedule = new Schedule();
    const process = started('A', schedule, new Random(1));
    const done: string[] = [];
    process.pause(100);
    process.timer(10, () => done.push(`timer at ${schedule.now}`));
    schedule.after(20, () => process.run(() => done.push('message')));
    schedule.runUntil(200);
    expect(done).to.deep.equal(['timer at 100', 'message']);
  });

  it('forgets everything when it is killed', () => {
    const schedule = new Schedule();
    const process = started('A', schedule, new Random(1));
    let ran = 0;
    process.timer(10, () => {
      ran += 1;
    });
    process.completion(10, () => {
      ran += 1;
    });
    process.end();
    process.begin();
    schedule.runUntil(100);
    expect(ran).to.equal(0);
  });

  it('has a clock that runs at its own rate, on while it is stopped, not while its machine is suspended', () => {
    const schedule = new Schedule();
    const process = started('A', schedule, new Random(5));
    const first = process.clock();
    process.pause(1000);
    schedule.runUntil(1000);
    const second = process.clock();
    expect(second - first).to.be.within(990, 1010);
    process.pause(1000, true);
    schedule.runUntil(1999);
    expect(process.clock()).to.equal(second);
    schedule.runUntil(2500);
    expect(process.clock() - second).to.be.within(490, 510);
  });
});

describe('simulator: the network', () => {
  const setUp = () => {
    const schedule = new Schedule();
    const random = new Random(3);
    const network = new Network(schedule, random, quiet());
    for (const id of ['A', 'B']) network.attach(started(id, schedule, random));
    const got: number[] = [];
    const send = (n: number, carriage: 'any' | 'tcp' | 'nearby' = 'any') =>
      network.send('A', 'B', 'x', carriage, () => got.push(n));
    return { schedule, network, got, send };
  };
  const numbers = Array.from({ length: 200 }, (_, i) => i);

  it('delivers everything in order in fair weather', () => {
    const { schedule, got, send } = setUp();
    for (const n of numbers) send(n);
    schedule.runUntil(1000);
    expect(got).to.deep.equal(numbers);
  });

  it('loses, doubles and reorders', () => {
    const { schedule, network, got, send } = setUp();
    network.weather = { ...FAIR_WEATHER, loss: 0.2, duplication: 0.2, reordering: 0.5 };
    for (const n of numbers) send(n);
    schedule.runUntil(1000);
    expect(new Set(got).size).to.be.within(100, 199);
    expect(got.length).to.be.above(new Set(got).size);
    expect(got).not.to.deep.equal([...got].sort((a, b) => a - b));
  });

  it('never doubles a request over TCP', () => {
    const { schedule, network, got, send } = setUp();
    network.weather = { ...FAIR_WEATHER, duplication: 1 };
    for (const n of numbers) send(n, 'tcp');
    schedule.runUntil(1000);
    expect(got.length).to.equal(numbers.length);
  });

  it('cuts one way, also for what is under way, until every cut is mended', () => {
    const { schedule, network, got, send } = setUp();
    send(1);
    network.cut('A', 'B');
    network.cut('A', 'B');
    schedule.runUntil(100);
    network.mend('A', 'B');
    send(2);
    network.send('B', 'A', 'x', 'any', () => got.push(3));
    schedule.runUntil(200);
    network.mend('A', 'B');
    send(4);
    schedule.runUntil(300);
    expect(got).to.deep.equal([3, 4]);
  });
});

describe('simulator: a disk', () => {
  const setUp = (seed: number) => {
    const schedule = new Schedule();
    const random = new Random(seed);
    const process = started('A', schedule, random);
    const durable: number[] = [];
    const told: number[] = [];
    const deaths: string[] = [];
    const disk = new Disk<number>(schedule, random, process, {
      persist: (n) => durable.push(n),
      die: (reason) => deaths.push(reason),
    });
    return { schedule, disk, durable, told, deaths, write: (n: number) => disk.write(n, () => told.push(n)) };
  };

  it('makes batches durable in order before it says so', () => {
    const { schedule, durable, told, write } = setUp(1);
    for (let n = 0; n < 30; n += 1) {
      schedule.after(n, () => write(n));
    }
    schedule.runUntil(1000);
    expect(durable).to.deep.equal(Array.from({ length: 30 }, (_, n) => n));
    expect(told).to.deep.equal(durable);
  });

  it('keeps any prefix of what was not flushed at a crash', () => {
    const kept = new Set<number>();
    for (let seed = 1; seed <= 40; seed += 1) {
      const { disk, durable, write } = setUp(seed);
      for (let n = 0; n < 3; n += 1) write(n);
      const lost = disk.crash();
      expect(durable).to.deep.equal([0, 1, 2].slice(0, 3 - lost));
      kept.add(durable.length);
    }
    expect([...kept].sort()).to.deep.equal([0, 1, 2, 3]);
  });

  it('kills its process when a flush fails, and between two durable steps', () => {
    const failing = setUp(1);
    failing.disk.failNext = true;
    failing.write(1);
    failing.schedule.runUntil(200);
    expect([failing.deaths, failing.durable, failing.told]).to.deep.equal([['failed-flush'], [], []]);

    const pointed = setUp(1);
    pointed.disk.crashAfterBatches = 2;
    pointed.write(1);
    pointed.schedule.runUntil(200);
    for (const n of [2, 3]) pointed.write(n);
    pointed.schedule.runUntil(400);
    expect([pointed.deaths, pointed.told]).to.deep.equal([['crash-point'], [1]]);
    expect(pointed.durable).to.deep.equal([1, 2]);
  });
});

describe('simulator: healing', () => {
  it('leaves nobody behind who has asked to go: such a peer is given no copy until it has started anew', () => {
    const random = new Random(1);
    const tuning = drawTuning(random, { peers: 4, partitions: 4 }, { rateBound: 0, orchestrators: 1 });
    const world = new World(random, quiet(), tuning, true);
    const { schedule } = world;
    const asked = (): string[] =>
      [...(world.registry.map?.peers ?? [])].filter(([, { drain }]) => drain).map(([id]) => id);
    const run = (ms: number, until = (): boolean => false): void =>
      schedule.runUntil(schedule.now + ms, until);
    run(3000);
    expect(world.plans.leave(random)).to.equal(true);
    run(1000, () => asked().length > 0);
    expect(asked()).to.have.length(1);
    world.heal();
    run(10_000);
    expect(world.peers.every(({ up }) => up)).to.equal(true);
    expect(asked()).to.deep.equal([]);
  });
});

describe('simulator: its command line and mutants', () => {
  const hash = (): string => '00000010abcdef';

  it('reads seeds, lists of seeds, and seeds drawn from the commit', () => {
    expect(parseOptions(['--seeds', '3,5-7'], hash).seeds).to.deep.equal([3, 5, 6, 7]);
    expect(parseOptions(['--from-commit', '2'], hash).seeds).to.deep.equal([1_001_600, 1_001_601]);
    expect(() => parseOptions([], hash)).to.throw('which seeds');
    expect(() => parseOptions(['--seeds', '0-3'], hash)).to.throw('positive');
  });

  it('makes small wrongs, each in one line, always the same ones', () => {
    const source = ['if (a < b && c) {', '  this.x.push(1);', '}', '// if (a < b) nothing', ''].join('\n');
    const found = mutationsOf('f.js', source);
    expect(found.map(({ line, operator }) => `${line} ${operator}`)).to.include.members([
      '1 negate condition',
      '1 less to less-equal',
      '1 and to or',
      '2 statement dropped',
    ]);
    expect(found.some(({ line }) => line === 4)).to.equal(false);
    const flipped = found.find(({ operator }) => operator === 'less to less-equal');
    expect(flipped && mutate(source, flipped)).to.equal(source.replace(' < ', ' <= '));
  });
});

describe('simulator: mutants', () => {
  it('has one for each of the 26 rules of the model, and every one fits the compiled core', () => {
    expect(MUTANTS).to.have.length(26);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).to.equal(26);
    for (const { patches } of [...MUTANTS, ...BUGS]) {
      const sources = new Map<string, string>();
      for (const patch of patches) {
        const url = new URL(`../../${patch.file}`, import.meta.url);
        const source = sources.get(patch.file) ?? readFileSync(url, 'utf8');
        sources.set(patch.file, patched(source, patch));
      }
    }
  });

  it('refuses loudly a text that is not there, or there twice', () => {
    const patch = { file: 'x.js', find: 'aa', replace: 'b' };
    expect(() => patched('cc', patch)).to.throw('found 0 times');
    expect(() => patched('aa aa', patch)).to.throw('found 2 times');
    expect(patched('caac', patch)).to.equal('cbc');
  });
});
