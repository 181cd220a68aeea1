import { expect } from 'chai';
import { pino } from 'pino';
import { systemClock } from '../../../common/clock.js';
import type { Registration } from '../../../common/control.js';
import type { View } from '../../../common/view.js';
import { Keeper } from '../../../orchestrator/keeper.js';
import { Registry } from '../../../orchestrator/registry.js';

/** A disk that is as slow, or as full, as a test wants it. */
class Disk {
  readonly saved: number[] = [];
  full = false;
  private waiting: (() => void)[] = [];

  async save(view: View): Promise<void> {
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve);
    });
    if (this.full) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    this.saved.push(view.epoch);
  }

  /** Ends the writes that are under way. */
  async turn(): Promise<void> {
    for (const go of this.waiting.splice(0)) go();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function registration(id: string): Registration {
  const port = 8000 + Number(id.slice(1));
  return {
    ...{ cluster: 'covey', id, host: '127.0.0.1', port, peerPort: port, instance: 1, weight: 0, view: null },
  };
}

describe('orchestrator/keeper', () => {
  let disk: Disk;
  let published: View[];
  let keeper: Keeper;

  beforeEach(() => {
    disk = new Disk();
    published = [];
    const now = { ms: systemClock.monotonicMs(), wallMs: systemClock.wallMs() };
    const registry = new Registry({ cluster: 'covey', copies: 3, repairAfterMs: 10_000 }, null, now);
    keeper = new Keeper(registry, disk, systemClock, pino({ level: 'silent' }), (view) =>
      published.push(view),
    );
  });

  afterEach(async () => {
    const stopped = keeper.stop();
    await disk.turn();
    await stopped;
  });

  it('tells nobody of a view that is not stored', async () => {
    const answer = keeper.register(registration('p1'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([published.length, keeper.view.epoch]).to.deep.equal([0, 0]);
    await disk.turn();
    expect((await answer).epoch).to.equal(1);
    expect(published.map((view) => view.epoch)).to.deep.equal([1]);
  });

  it('writes what comes during a write in one go', async () => {
    const answers = ['p1', 'p2', 'p3', 'p4'].map((id) => keeper.register(registration(id)));
    await disk.turn();
    await disk.turn();
    const epochs = (await Promise.all(answers)).map((view) => view.epoch);
    expect(disk.saved).to.deep.equal([1, 4]);
    expect(epochs).to.deep.equal([1, 4, 4, 4]);
  });

  it('refuses for the time being when the disk is full, and goes on when it is not', async () => {
    disk.full = true;
    const refused = keeper.register(registration('p1')).then(
      () => null,
      (error: Error) => error.message,
    );
    await disk.turn();
    expect(await refused).to.contain('not-ready');
    expect([keeper.fault, published.length]).to.deep.equal(['ENOSPC', 0]);
    disk.full = false;
    const answer = keeper.register(registration('p1'));
    await disk.turn();
    expect((await answer).members).to.have.length(1);
    expect(keeper.fault).to.equal(null);
  });

  it('passes refusals on as problems', async () => {
    const refused = await keeper
      .register({ ...registration('p1'), cluster: 'other' })
      .catch((error) => error);
    expect(refused).to.include({ code: 'wrong-cluster', status: 409 });
  });
});
