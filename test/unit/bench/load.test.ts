import { expect } from 'chai';
import { chooser, YCSB_THETA, zeta, zipfian } from '../../../bench/load/keys.js';
import { seeded } from '../../../bench/load/random.js';
import { outcomeOf as respOutcome, together } from '../../../bench/load/redis-benchmark.js';
import {
  COVEY,
  ETCD,
  keyNames,
  letters,
  loadText,
  makeLoad,
  READS,
  WRITES,
  wire,
  YCSB,
} from '../../../bench/load/requests.js';
import { outcomeOf as wrkOutcome } from '../../../bench/load/wrk.js';

const DRAWS = 200_000;
const COUNT = 1_000;

/** How often each number is drawn, as a share. */
function shares(choose: () => number): number[] {
  const counts = new Array<number>(COUNT).fill(0);
  for (let i = 0; i < DRAWS; i += 1) {
    const drawn = choose();
    counts[drawn] = (counts[drawn] as number) + 1;
  }
  return counts.map((count) => count / DRAWS);
}

describe('keys of a load', () => {
  it('a seed determines them', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, seeded(seed));
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).not.to.deep.equal(draw(2));
    expect(draw(3).every((each) => each >= 0 && each < 1)).to.equal(true);
  });

  it('uniform: each as often as any other', () => {
    const found = shares(chooser('uniform', COUNT, seeded(7)));
    expect(Math.max(...found)).to.be.below(1.5 / COUNT);
    expect(Math.min(...found)).to.be.above(0.5 / COUNT);
  });

  it('zipfian: the first two with their exact probability', () => {
    const found = shares(zipfian(COUNT, YCSB_THETA, seeded(7)));
    const zetaN = zeta(COUNT, YCSB_THETA);
    expect(found[0]).to.be.closeTo(1 / zetaN, 0.003);
    expect(found[1]).to.be.closeTo(0.5 ** YCSB_THETA / zetaN, 0.003);
  });

  it('zipfian: all others near the law, by groups of them', () => {
    const found = shares(chooser('zipfian', COUNT, seeded(11)));
    const zetaN = zeta(COUNT, YCSB_THETA);
    for (const [from, to] of [
      [2, 10],
      [10, 100],
      [100, 1_000],
    ] as const) {
      const share = found.slice(from, to).reduce((sum, each) => sum + each, 0);
      const law = (zeta(to, YCSB_THETA) - zeta(from, YCSB_THETA)) / zetaN;
      expect(share / law, `${from} to ${to}`).to.be.within(0.85, 1.15);
    }
  });

  it('zipfian: stays within its bounds at the ends of the random numbers', () => {
    for (const u of [0, 1 - 2 ** -32]) {
      expect(zipfian(COUNT, YCSB_THETA, () => u)()).to.be.within(0, COUNT - 1);
    }
    expect(zipfian(COUNT, YCSB_THETA, () => 1 - 2 ** -32)()).to.equal(COUNT - 1);
  });

  it('zeta is the sum that it is said to be', () => {
    expect(zeta(1, 0.99)).to.equal(1);
    expect(zeta(3, 1)).to.be.closeTo(1 + 1 / 2 + 1 / 3, 1e-12);
  });
});

describe('requests of a load', () => {
  const keys = keyNames(10);

  it('stand as HTTP/1.1 has them', () => {
    expect(wire(COVEY.read('a'))).to.equal('GET /kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const put = wire(COVEY.write('a', 'xyz'));
    expect(put).to.match(/^PUT \/kv\/a HTTP\/1\.1\r\n/);
    expect(put).to.match(/\r\nContent-Length: 3\r\n\r\nxyz$/);
    expect(ETCD.write('a', 'xyz').body?.text).to.equal('{"key":"YQ==","value":"eHl6"}');
    expect(ETCD.read('a').body?.text).to.equal('{"key":"YQ=="}');
  });

  it('are the same for all sides, in the shares of the mix', () => {
    const share = (mix: typeof READS, length: number) => {
      const { operations } = makeLoad(COVEY, keys, 100, mix);
      return operations.filter((each) => each.length === length).length / operations.length;
    };
    expect(share(YCSB.F, 2)).to.be.closeTo(0.5, 0.02);
    expect(share(YCSB.A, 1)).to.equal(1);
    const order = (dialect: typeof COVEY) => makeLoad(dialect, keys, 100, YCSB.A).operations;
    expect(order(COVEY)).to.deep.equal(order(ETCD));
    const { requests, operations } = makeLoad(COVEY, keys, 100, YCSB.B);
    const writes = operations.filter(([number = -1]) => requests[number]?.startsWith('PUT'));
    expect(writes.length / operations.length).to.be.closeTo(0.05, 0.01);
  });

  it('a read-modify-write writes the key that it has read', () => {
    const { requests, operations } = makeLoad(COVEY, keys, 10, YCSB.F);
    const pairs = operations.filter(({ length }) => length === 2);
    for (const pair of pairs.slice(0, 100)) {
      const [read, write] = pair.map((number) => /\/kv\/\S+/.exec(requests[number] as string)?.[0]);
      expect(read).to.equal(write);
    }
  });

  it('have only what the mix needs', () => {
    expect(makeLoad(COVEY, keys, 10, WRITES).requests.every((each) => each.startsWith('PUT'))).to.equal(true);
    expect(makeLoad(COVEY, keys, 10, READS).requests).to.have.length(keys.length);
  });

  it('stand in the file with their lengths, and operations by numbers from 1', () => {
    const text = loadText({ requests: ['ab', 'c\nd'], operations: [[0], [0, 1]] });
    expect(text).to.equal('2 2\n2\nab3\nc\nd1\n1 2\n');
  });

  it('values have the length asked for', () => {
    expect(letters(100)).to.have.length(100);
    expect(letters(0)).to.equal('');
  });
});

describe('what load programs report', () => {
  it('wrk', () => {
    const line = '{"requests":200,"micros":2000000,"p50":1500,"p99":9000,"broken":0,"refused":0}';
    expect(wrkOutcome(`Running 2s test\n${line}\n`)).to.deep.equal({
      operations: 200,
      seconds: 2,
      p50Ms: 1.5,
      p99Ms: 9,
    });
    expect(() => wrkOutcome(line.replace('"refused":0', '"refused":3'))).to.throw('3 were refused');
    expect(() => wrkOutcome(line.replace('"broken":0', '"broken":1'))).to.throw('1 got no answer');
    expect(() => wrkOutcome('unable to connect')).to.throw('unable to connect');
  });

  it('redis-benchmark', () => {
    const csv = [
      '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"',
      '"SET","50000.00","0.5","0.1","0.400","0.9","1.250","3.0"',
    ].join('\n');
    expect(respOutcome(csv, 100_000)).to.deep.equal({
      operations: 100_000,
      seconds: 2,
      p50Ms: 0.4,
      p99Ms: 1.25,
    });
    expect(() => respOutcome('Could not connect', 1)).to.throw('Could not connect');
  });

  it('several at once: rates add up, p99 is the worst', () => {
    const outcome = (operations: number, seconds: number, p50Ms: number, p99Ms: number) => ({
      operations,
      seconds,
      p50Ms,
      p99Ms,
    });
    const all = together([outcome(100, 1, 1, 5), outcome(300, 1, 2, 4)]);
    expect(all.operations / all.seconds).to.be.closeTo(400, 1e-9);
    expect(all.p50Ms).to.equal(1.75);
    expect(all.p99Ms).to.equal(5);
  });
});
