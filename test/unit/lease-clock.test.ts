/** Rule L5: what the lease clock makes of suspends, corrections and copies of the machine. */
import { expect } from 'chai';
import { LeaseClock } from '../../common/lease-clock.js';

class Machine {
  monotonic = 1_000;
  wall = 1_000_000;
  up = 50_000;
  jumps = 0;
  readonly clock = new LeaseClock(
    { monotonicMs: () => this.monotonic, wallMs: () => this.wall, random: () => 0 },
    () => this.jumps++,
    () => this.up,
  );

  run(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
    this.up += ms;
  }

  suspend(ms: number): void {
    this.wall += ms;
    this.up += ms;
  }
}

describe('the lease clock', () => {
  it('runs as the monotonic clock does', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.run(7);
    expect(machine.clock.now() - start).to.equal(7);
    machine.run(500);
    expect(machine.clock.now() - start).to.equal(507);
  });

  it('knows of a suspend at the first reading after it', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.run(1);
    machine.suspend(4_000);
    expect(machine.clock.now() - start).to.equal(4_001);
    expect(machine.jumps).to.equal(0);
  });

  it('knows of it soon, where the wall clock stood still too', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.up += 4_000;
    machine.run(10);
    expect(machine.clock.now() - start).to.equal(4_010);
  });

  it('does not go with the wall clock, forward or back, nor with a coarse uptime', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.wall -= 3_600_000;
    machine.run(20);
    machine.up += 25;
    expect(machine.clock.now() - start).to.equal(20);
    machine.wall += 50;
    machine.run(20);
    expect(machine.clock.now() - start).to.equal(40);
    expect(machine.jumps).to.equal(0);
  });

  it('says when the wall clock jumped and the machine was not suspended: it may be a copy', () => {
    const machine = new Machine();
    machine.clock.now();
    machine.wall += 101;
    machine.clock.now();
    expect(machine.jumps).to.equal(1);
    machine.run(1);
    machine.clock.now();
    expect(machine.jumps).to.equal(1);
  });
});
