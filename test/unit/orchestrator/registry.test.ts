/** The registry as a state machine, with peers that do what a test says. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Health, Registration } from '../../../common/control.js';
import { type Member, memberOf, type View } from '../../../common/view.js';
import { MISSING_MS } from '../../../orchestrator/contacts.js';
import { MAX_MEMBERS, type Now, Registry } from '../../../orchestrator/registry.js';
import { emptyView, viewFault } from '../../../orchestrator/views.js';

const REPAIR_MS = 10_000;
const OPTIONS = { cluster: 'covey', copies: 3, repairAfterMs: REPAIR_MS };
const WALL_MS = 1_700_000_000_000;

function at(ms: number): Now {
  return { ms, wallMs: WALL_MS + ms };
}

/** A member that owns nothing. */
function gateway(id: string): Member {
  const at = {
    host: '127.0.0.1',
    port: 8000,
    peerPort: 18_000,
    memberSinceMs: WALL_MS,
    statusSinceMs: WALL_MS,
  };
  return { ...at, id, instance: 1, weight: 0, status: 'up' };
}

/** A registry with a clock and with peers that answer as they should unless told otherwise. */
class Bench {
  readonly registry: Registry;
  readonly instances = new Map<string, number>();
  readonly told: string[] = [];
  /** Every view there was. */
  readonly views: View[];
  ms = 0;

  constructor(known: View | null = null) {
    this.registry = new Registry(OPTIONS, known, at(0));
    this.views = [this.registry.view];
    for (const { id, instance } of known?.members ?? []) this.instances.set(id, instance);
  }

  get view(): View {
    return this.registry.view;
  }

  get now(): Now {
    return at(this.ms);
  }

  join(id: string, changes: Partial<Registration> = {}): string | null {
    const registration = this.registration(id, changes);
    const refusal = this.registry.register(registration, this.now);
    if (refusal === null) this.instances.set(id, registration.instance);
    this.listen();
    return refusal?.code ?? null;
  }

  registration(id: string, changes: Partial<Registration> = {}): Registration {
    const instance = this.instances.get(id) ?? 1;
    const port = 8000 + Number(id.slice(1));
    return {
      ...{
        cluster: 'covey',
        id,
        host: '127.0.0.1',
        port,
        peerPort: port + 10_000,
        instance,
        weight: 1,
        view: null,
      },
      ...changes,
    };
  }

  /** Peers join and get their first placement. */
  found(...ids: string[]): this {
    for (const id of ids) this.join(id);
    this.pass(300);
    return this;
  }

  leave(id: string, instance = this.instances.get(id) as number): string | null {
    const refusal = this.registry.leave({ cluster: 'covey', id, instance }, this.now);
    this.listen();
    return refusal?.code ?? null;
  }

  health(id: string, changes: Partial<Health> = {}): Health {
    const instance = this.instances.get(id) as number;
    return { cluster: 'covey', id, instance, epoch: this.view.epoch, fetching: [], ...changes };
  }

  answer(id: string, changes: Partial<Health> = {}): boolean {
    const own = this.registry.answered(id, this.health(id, changes), this.now);
    this.listen();
    return own;
  }

  miss(id: string): void {
    this.registry.missed(id, this.ms, this.now);
    this.listen();
  }

  /** Lets time pass, waking the registry when it asks for it. */
  pass(ms: number): this {
    const end = this.ms + ms;
    for (;;) {
      const wake = this.registry.wakeAtMs();
      if (wake === null || wake > end) break;
      this.ms = Math.max(this.ms, wake);
      this.registry.tick(this.now);
      this.listen();
    }
    this.ms = end;
    this.registry.tick(this.now);
    this.listen();
    return this;
  }

  /** Shuts a peer up until it is down. */
  silence(id: string): this {
    this.miss(id);
    return this.pass(MISSING_MS);
  }

  /** Every peer answers that it has fetched everything, until no partition moves. */
  fetchAll(): this {
    for (let round = 0; this.moving() > 0; round++) {
      expect(round).to.be.below(20);
      for (const { id, status } of this.view.members) if (status !== 'down') this.answer(id);
    }
    return this;
  }

  status(id: string): string | undefined {
    return memberOf(this.view, id)?.status;
  }

  led(id: string): number {
    return this.view.partitions.filter((each) => each.primary === id).length;
  }

  sourced(id: string): number {
    return this.view.partitions.filter((each) => each.source === id).length;
  }

  moving(): number {
    return this.view.partitions.filter((each) => each.source !== null).length;
  }

  private listen(): void {
    if (this.views.at(-1) !== this.view) this.views.push(this.view);
    for (const { text } of this.registry.takeNotices()) this.told.push(text);
  }
}

describe('orchestrator/registry', () => {
  describe('registration', () => {
    it('waits a moment for more peers before the first placement, then owes it to nobody', () => {
      const bench = new Bench();
      bench.join('p1');
      bench.pass(200);
      bench.join('p2');
      bench.pass(299);
      expect(bench.led('p1')).to.equal(0);
      bench.pass(1);
      expect([bench.led('p1'), bench.led('p2')]).to.deep.equal([128, 128]);
      expect(bench.moving()).to.equal(0);
    });

    it('does not wait for ever for the first placement', () => {
      const bench = new Bench();
      for (let i = 1; bench.ms < 2_000; i++) {
        bench.join(`p${i}`);
        bench.pass(250);
      }
      expect(bench.led('p1')).to.be.above(0);
    });

    it('moves at once when a peer joins a running cluster', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      expect([bench.led('p1'), bench.led('p2')]).to.deep.equal([128, 128]);
      expect(bench.sourced('p1')).to.equal(128);
      for (const { primary, epoch, source } of bench.view.partitions) {
        expect([primary, source, epoch]).to.deep.equal(
          primary === 'p2' ? ['p2', 'p1', bench.view.epoch] : ['p1', null, epoch],
        );
      }
    });

    it('changes nothing when the same process registers again', () => {
      const bench = new Bench().found('p1', 'p2');
      const before = bench.view;
      expect(bench.join('p1')).to.equal(null);
      expect(bench.join('p1', { view: before })).to.equal(null);
      expect(bench.view).to.equal(before);
    });

    it('gives a peer of weight 0 nothing, and takes its share from one that comes back with it', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.join('p3', { weight: 0 });
      expect(bench.led('p3')).to.equal(0);
      bench.join('p2', { weight: 0 });
      expect([bench.led('p2'), bench.sourced('p2')]).to.deep.equal([0, 128]);
    });

    it('refuses another cluster, a name in use, an older process, and a broken view', () => {
      const bench = new Bench().found('p1', 'p2');
      const before = bench.view;
      expect(bench.join('p3', { cluster: 'other' })).to.equal('wrong-cluster');
      expect(bench.join('p3', { view: { ...before, cluster: 'other', epoch: 99 } })).to.equal(
        'wrong-cluster',
      );
      expect(bench.join('p1', { port: 9999, instance: 5 })).to.equal('id-taken');
      expect(bench.join('p1', { instance: 2 })).to.equal(null);
      expect(bench.join('p1', { instance: 1 })).to.equal('stale-instance');
      const broken = { ...before, epoch: 99, members: [] };
      const epoch = bench.view.epoch;
      expect(bench.join('p3', { view: broken })).to.equal('invalid-registration');
      expect(bench.view.epoch).to.equal(epoch);
    });

    it('lets another address have the name of a peer that is down', () => {
      const bench = new Bench().found('p1', 'p2').silence('p1');
      expect(bench.join('p1', { port: 9999, instance: 5 })).to.equal(null);
      expect(memberOf(bench.view, 'p1')).to.include({ port: 9999, instance: 5, status: 'up' });
    });

    it('starts a restarted peer empty: new epochs, no source, and a loud word', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      expect(bench.sourced('p1')).to.equal(128);
      bench.join('p1', { instance: 2 });
      expect(bench.sourced('p1')).to.equal(0);
      for (const { primary, epoch } of bench.view.partitions) {
        if (primary === 'p1') expect(epoch).to.equal(bench.view.epoch);
      }
      expect(bench.told.filter((text) => text.startsWith('DATA LOST: 256'))).to.have.length(1);
    });

    it('lets a peer that was restarted while it fetched fetch again', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      bench.join('p2', { instance: 2 });
      expect(bench.sourced('p1')).to.equal(128);
      expect(bench.told.join()).not.to.contain('LOST');
      // It may have had everything, and p1 let go, without our having heard of it yet.
      expect(bench.told.filter((text) => text.startsWith('DATA AT RISK: 128'))).to.have.length(1);
    });

    it('has a limit of members; one that is gone makes room', () => {
      const members = Array.from({ length: MAX_MEMBERS - 1 }, (_, i) => gateway(`p${i}`));
      const bench = new Bench({ ...emptyView('covey', 3), epoch: 1, members });
      expect(bench.join('p5000', { weight: 0 })).to.equal(null);
      expect(bench.join('p5001')).to.equal('too-many-requests');
      bench.silence('p7');
      expect(bench.join('p5001')).to.equal(null);
      expect(memberOf(bench.view, 'p7')).to.equal(undefined);
      expect(bench.view.members).to.have.length(MAX_MEMBERS);
    });
  });

  describe('probes', () => {
    it('takes a peer down 1.5 s after the first question without answer, and back with the first answer', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.miss('p1');
      bench.pass(1_000);
      bench.miss('p1');
      bench.pass(499);
      expect(bench.status('p1')).to.equal('up');
      bench.pass(1);
      expect(bench.status('p1')).to.equal('down');
      expect(memberOf(bench.view, 'p1')?.statusSinceMs).to.equal(WALL_MS + bench.ms);
      const owned = bench.led('p1');
      bench.answer('p1');
      expect([bench.status('p1'), bench.led('p1')]).to.deep.equal(['up', owned]);
    });

    it('does not mind one bad answer', () => {
      const bench = new Bench().found('p1', 'p2');
      const before = bench.view;
      bench.miss('p1');
      bench.pass(1_000);
      bench.answer('p1');
      bench.pass(60_000);
      expect(bench.view).to.equal(before);
    });

    it('does not count the answer of another process', () => {
      const bench = new Bench().found('p1', 'p2');
      expect(bench.answer('p1', { id: 'p2' })).to.equal(false);
      expect(bench.answer('p1', { cluster: 'other' })).to.equal(false);
      expect(bench.answer('p1', { instance: 7 })).to.equal(false);
      expect(bench.answer('p1')).to.equal(true);
    });

    it('gives every peer its full time after a restart of the orchestrator', () => {
      const bench = new Bench(new Bench().found('p1', 'p2').silence('p2').view);
      bench.miss('p1');
      bench.pass(MISSING_MS - 1);
      expect(bench.status('p1')).to.equal('up');
      bench.answer('p1');
      bench.pass(REPAIR_MS - MISSING_MS);
      expect(bench.led('p2')).to.equal(128);
      bench.pass(1);
      expect(bench.led('p2')).to.equal(0);
    });
  });

  describe('moves', () => {
    it('end when the new primary has fetched under the view that moved them', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      bench.answer('p2', { epoch: bench.view.epoch - 1 });
      expect(bench.moving()).to.equal(128);
      const mine = bench.view.partitions.flatMap((each, i) => (each.primary === 'p2' ? [i] : []));
      bench.answer('p2', { fetching: mine.slice(0, 28) });
      expect(bench.moving()).to.equal(28);
      bench.answer('p2');
      expect(bench.moving()).to.equal(0);
      expect(bench.told).to.include('all moves are done');
    });

    it('for balance wait for those under way, and for peers that are down', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      bench.join('p3');
      expect(bench.led('p3')).to.equal(0);
      bench.fetchAll();
      expect(bench.led('p3')).to.be.within(85, 86);
      bench.silence('p2');
      bench.join('p4');
      expect(bench.led('p4')).to.equal(0);
      bench.answer('p2');
      expect(bench.led('p4')).to.equal(64);
    });

    it('leave a silent peer its partitions for a while, then start them empty elsewhere, with a loud word', () => {
      const bench = new Bench().found('p1', 'p2', 'p3').silence('p3');
      bench.pass(REPAIR_MS - 1);
      expect(bench.led('p3')).to.be.within(85, 86);
      const owned = bench.led('p3');
      bench.pass(1);
      expect([bench.led('p3'), bench.moving()]).to.deep.equal([0, 0]);
      expect(bench.told.some((text) => text.startsWith(`DATA LOST: ${owned} partitions`))).to.equal(true);
      bench.answer('p3');
      expect(bench.led('p3')).to.be.within(85, 86);
      expect(bench.moving()).to.equal(bench.led('p3'));
    });

    it('do not take the partitions of a silent peer where nobody else can have them', () => {
      const bench = new Bench()
        .found('p1')
        .silence('p1')
        .pass(10 * REPAIR_MS);
      expect(bench.led('p1')).to.equal(256);
      expect(bench.told.join()).not.to.contain('LOST');
      bench.answer('p1');
      expect(bench.led('p1')).to.equal(256);
    });

    it('keep the source when the primary dies while it fetches', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.join('p3');
      expect(bench.led('p3')).to.be.within(85, 86);
      bench.silence('p3').pass(REPAIR_MS);
      expect(bench.led('p3')).to.equal(0);
      for (const { primary, source } of bench.view.partitions) {
        if (source !== null) expect([primary, source].sort()).to.deep.equal(['p1', 'p2']);
      }
      expect(bench.told.join()).not.to.contain('LOST');
      expect(bench.told.filter((text) => /^DATA AT RISK: 8[56] partitions/.test(text))).to.have.length(1);
    });

    it('go on without a source that is gone for good, and say what is lost', () => {
      const bench = new Bench().found('p1');
      bench.join('p2');
      bench.silence('p1').pass(REPAIR_MS);
      expect([bench.led('p2'), bench.moving()]).to.deep.equal([256, 0]);
      const lost = bench.told.flatMap((text) => /DATA LOST: (\d+)/.exec(text)?.[1] ?? []).map(Number);
      expect(lost.reduce((a, b) => a + b, 0)).to.equal(256);
    });
  });

  describe('leaving', () => {
    it('hands everything over, then is forgotten when it says so again or falls silent', () => {
      for (const end of ['leave', 'silence'] as const) {
        const bench = new Bench().found('p1', 'p2', 'p3');
        expect(bench.leave('p1')).to.equal(null);
        expect([bench.status('p1'), bench.led('p1'), bench.sourced('p1')]).to.deep.equal(['leaving', 0, 86]);
        expect(bench.leave('p1')).to.equal(null);
        expect(bench.sourced('p1')).to.equal(86);
        bench.fetchAll();
        expect(bench.status('p1')).to.equal('leaving');
        if (end === 'leave') bench.leave('p1');
        else bench.silence('p1');
        expect(bench.view.members.map((member) => member.id)).to.deep.equal(['p2', 'p3']);
        expect(viewFault(bench.view)).to.equal(null);
        expect(bench.leave('p1')).to.equal(null);
        expect(bench.told.join()).not.to.contain('LOST');
      }
    });

    it('is refused to the last that can own, and to a process that is not the member', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.join('p3', { weight: 0 });
      expect(bench.leave('p1', 7)).to.equal('stale-instance');
      bench.silence('p2');
      expect(bench.leave('p1')).to.equal('last-peer');
      expect(bench.status('p1')).to.equal('up');
      expect(bench.leave('p3')).to.equal(null);
      expect(bench.registry.leave({ cluster: 'other', id: 'p1', instance: 1 }, bench.now)?.code).to.equal(
        'wrong-cluster',
      );
    });

    it('waits until what the peer fetches itself has arrived', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.join('p3');
      bench.leave('p3');
      expect(bench.led('p3')).to.be.within(85, 86);
      bench.answer('p3');
      expect([bench.led('p3'), bench.status('p3')]).to.deep.equal([0, 'leaving']);
      expect(bench.sourced('p3')).to.be.within(85, 86);
      bench.fetchAll();
      expect(bench.sourced('p3')).to.equal(0);
    });

    it('gives nothing to a peer that is down, and moves nothing else meanwhile', () => {
      const bench = new Bench().found('p1', 'p2', 'p3', 'p4').silence('p4');
      const before = bench.view;
      bench.leave('p1');
      for (const [i, { primary, source }] of bench.view.partitions.entries()) {
        const old = before.partitions[i]?.primary;
        if (old === 'p1') expect([primary === 'p2' || primary === 'p3', source]).to.deep.equal([true, 'p1']);
        else expect([primary, source]).to.deep.equal([old, null]);
      }
    });

    it('is taken back by a new process under the same name', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.leave('p1');
      bench.join('p1', { instance: 2 });
      expect([bench.status('p1'), bench.sourced('p1')]).to.deep.equal(['up', 0]);
      expect(bench.led('p1')).to.equal(128);
    });
  });

  describe('a lost registry', () => {
    it('goes on from the view that a peer brings, under a greater epoch', () => {
      const old = new Bench().found('p1', 'p2', 'p3');
      const bench = new Bench();
      bench.join('p2', { view: old.view });
      expect(bench.view.epoch).to.be.above(old.view.epoch);
      expect(bench.view.partitions).to.deep.equal(old.view.partitions);
      expect(bench.view.members.map((member) => [member.id, member.status])).to.deep.equal([
        ['p1', 'up'],
        ['p2', 'up'],
        ['p3', 'up'],
      ]);
    });

    it('keeps who joined meanwhile, owning nothing but what it then gets', () => {
      const old = new Bench().found('p1', 'p2').view;
      const bench = new Bench();
      bench.join('p9');
      bench.join('p1', { view: old });
      bench.instances.set('p2', 1);
      bench.pass(300);
      expect(bench.led('p9'), 'p2 may know more').to.equal(0);
      bench.answer('p2', { epoch: old.epoch });
      expect(bench.led('p9')).to.be.within(85, 86);
      expect(bench.sourced('p1') + bench.sourced('p2')).to.equal(bench.led('p9'));
    });

    it('moves nothing after a restart before every peer was asked what it knows', () => {
      const bench = new Bench(new Bench().found('p1', 'p2').view);
      bench.join('p3');
      bench.answer('p1');
      expect(bench.led('p3')).to.equal(0);
      bench.miss('p2');
      expect(bench.led('p3')).to.be.within(85, 86);
    });

    it('moves nothing by an old table while a peer knows a newer one', () => {
      const bench = new Bench().found('p1', 'p2');
      bench.answer('p1', { epoch: 50 });
      bench.join('p3');
      expect(bench.led('p3')).to.equal(0);
      bench.join('p1', { view: { ...bench.view, epoch: 50 } });
      expect(bench.view.epoch).to.equal(51);
      expect(bench.led('p3')).to.be.within(85, 86);
    });
  });

  it('keeps its promises through any sequence of events', () => {
    const id = fc.nat(5).map((n) => `p${n}`);
    const event = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constant('join' as const), id, weight: fc.constantFrom(0, 1, 1, 2) }),
      },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('restart' as const), id }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('leave' as const), id }) },
      { weight: 6, arbitrary: fc.record({ type: fc.constant('answer' as const), id }) },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('miss' as const), id }) },
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(300, 1_500, 10_000) }),
      },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const bench = new Bench();
        for (const each of events) {
          const known = bench.views.length;
          const before = bench.view;
          const copy = structuredClone(before);
          if (each.type === 'join') bench.join(each.id, { weight: each.weight });
          else if (each.type === 'restart')
            bench.join(each.id, { instance: (bench.instances.get(each.id) ?? 0) + 1 });
          else if (each.type === 'pass') bench.pass(each.ms);
          else if (!bench.instances.has(each.id)) continue;
          else if (each.type === 'leave') bench.leave(each.id);
          else if (each.type === 'answer') bench.answer(each.id);
          else bench.miss(each.id);
          let last = before;
          for (const next of bench.views.slice(known)) {
            expectSuccessor(last, next, each.type === 'answer' ? each.id : null);
            last = next;
          }
          expect(before, 'a view that was given out stays as it was').to.deep.equal(copy);
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);
});

/** What holds between a view and the next one, whatever happened; `arrived` has just told that it has fetched everything. */
function expectSuccessor(before: View, after: View, arrived: string | null): void {
  expect(after.epoch).to.be.above(before.epoch);
  expect(viewFault(after)).to.equal(null);
  const alive = after.members.some((member) => member.status === 'up' && member.weight > 0);
  for (const [i, now] of after.partitions.entries()) {
    const old = before.partitions[i] as typeof now;
    if (now.primary !== old.primary) {
      expect(now.epoch, 'a new primary begins a new epoch').to.be.above(before.epoch);
      expect(now.source, 'who has the data need not fetch it').not.to.equal(now.primary);
      const owner = memberOf(after, now.primary as string);
      expect([owner?.status, (owner?.weight as number) > 0]).to.deep.equal(['up', true]);
      const holder = arrived === old.primary ? old.primary : (old.source ?? old.primary);
      // Nobody who holds the data and can be asked for it is forgotten.
      const known = holder === null ? undefined : memberOf(after, holder);
      const sameProcess =
        known !== undefined && memberOf(before, holder as string)?.instance === known.instance;
      if (known !== undefined && sameProcess && known.status !== 'down' && now.primary !== holder) {
        expect(now.source).to.equal(holder);
      }
    } else {
      expect(now.epoch).to.be.at.least(old.epoch);
    }
    if (alive && old.primary !== null) expect(now.primary).not.to.equal(null);
  }
}
