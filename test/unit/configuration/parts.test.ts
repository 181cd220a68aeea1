import { expect } from 'chai';
import fc from 'fast-check';
import { type ClusterMap, mapVersion, type PartitionConfig } from '../../../common/configuration.js';
import { Accusations, CoolDowns } from '../../../orchestrator/configuration/accusations.js';
import { MapDraft } from '../../../orchestrator/configuration/draft.js';
import { Liveness } from '../../../orchestrator/configuration/liveness.js';
import { pushOrder } from '../../../orchestrator/configuration/push-order.js';
import { RegisterView } from '../../../orchestrator/configuration/register.js';

const TIMING = { deadAfterMs: 1_500, suspectSelfMs: 5_000, stalledAfterMs: 500 };

describe('orchestrator/configuration/liveness', () => {
  function watching(ids: string[]): Liveness {
    const liveness = new Liveness(TIMING, 0);
    liveness.watch(ids, 0);
    return liveness;
  }
  const tickTo = (liveness: Liveness, fromMs: number, toMs: number) => {
    for (let ms = fromMs; ms <= toMs; ms += 100) liveness.tick(ms);
  };

  it('E3: a peer is dead after 1.5 s of silence, and live again with its next answer', () => {
    const liveness = watching(['a', 'b', 'c']);
    tickTo(liveness, 0, 1_400);
    expect(liveness.isLive('a')).to.equal(true);
    tickTo(liveness, 1_500, 1_500);
    expect(liveness.isLive('a')).to.equal(false);
    expect(liveness.silentSinceMs('a')).to.equal(1_500);
    expect(liveness.answered('a', liveness.nextRound(), 1_600)).to.equal(true);
    expect(liveness.isLive('a')).to.equal(true);
  });

  it('knows whether everybody is live, whatever happens', () => {
    const id = fc.constantFrom('a', 'b', 'c');
    const event = fc.oneof(
      fc.record({ type: fc.constantFrom('answer', 'vouch'), ids: fc.tuple(id) }),
      fc.record({ type: fc.constant('watch'), ids: fc.uniqueArray(id) }),
      fc.record({ type: fc.constant('tick'), ids: fc.constant([]) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const liveness = watching(['a', 'b', 'c']);
        const watched = new Set<string>(['a', 'b', 'c']);
        let nowMs = 0;
        for (const { type, ids } of events) {
          nowMs += 400;
          const [first = 'a'] = ids;
          if (type === 'answer') liveness.answered(first, liveness.nextRound(), nowMs);
          if (type === 'answer') watched.add(first);
          if (type === 'vouch') liveness.vouch(first, 1_000, nowMs);
          if (type === 'watch') liveness.watch(ids, nowMs);
          if (type === 'watch') watched.clear();
          if (type === 'watch') for (const one of ids) watched.add(one);
          liveness.tick(nowMs);
          const all = [...watched].every((one) => liveness.isLive(one));
          expect(liveness.isEverybodyLive).to.equal(all);
        }
      }),
    );
  });

  it('counts only answers to newer probes, and to probes that were sent', () => {
    const liveness = watching(['a']);
    const first = liveness.nextRound();
    const second = liveness.nextRound();
    expect(liveness.answered('a', second, 10)).to.equal(true);
    expect(liveness.answered('a', first, 20)).to.equal(false);
    expect(liveness.answered('a', second, 20)).to.equal(false);
    expect(liveness.answered('a', second + 1, 20)).to.equal(false);
  });

  it('E3: the handshake wants an answer to a probe that was sent afterwards', () => {
    const liveness = watching(['a']);
    const before = liveness.nextRound();
    const { round } = liveness;
    liveness.answered('a', before, 10);
    expect(liveness.answeredAfter('a', round)).to.equal(false);
    liveness.answered('a', liveness.nextRound(), 20);
    expect(liveness.answeredAfter('a', round)).to.equal(true);
  });

  it('suspects itself for 5 s when more than half fall silent, not when half do', () => {
    const liveness = watching(['a', 'b', 'c', 'd']);
    for (let ms = 0; ms <= 1_600; ms += 100) {
      const round = liveness.nextRound();
      liveness.answered('a', round, ms);
      liveness.answered('b', round, ms);
      liveness.tick(ms);
    }
    expect(liveness.isLive('c') || liveness.isLive('d')).to.equal(false);
    expect(liveness.suspectsSelf(1_600)).to.equal(false);
    tickTo(liveness, 1_700, 3_100);
    expect(liveness.suspectsSelf(3_100)).to.equal(true);
    expect(liveness.suspectsSelf(9_000)).to.equal(false);
  });

  it('blames nobody for the time in which it stood still itself', () => {
    const liveness = watching(['a']);
    tickTo(liveness, 0, 1_000);
    liveness.tick(9_000);
    expect(liveness.isLive('a')).to.equal(true);
    tickTo(liveness, 9_100, 9_500);
    expect(liveness.isLive('a')).to.equal(false);
  });

  it('E3: no answer from before it stood still counts as a handshake', () => {
    const liveness = watching(['a']);
    const before = liveness.nextRound();
    liveness.answered('a', before, 10);
    expect(liveness.answeredAfter('a', 0)).to.equal(true);
    expect(liveness.noticeStall(400)).to.equal(0);
    expect(liveness.answeredAfter('a', 0)).to.equal(true);
    expect(liveness.noticeStall(700)).to.equal(700);
    expect(liveness.answeredAfter('a', 0)).to.equal(false);
    liveness.answered('a', liveness.nextRound(), 710);
    expect(liveness.answeredAfter('a', 0)).to.equal(true);
  });

  it('takes the word of others for a silent peer, for a while', () => {
    const liveness = watching(['a']);
    tickTo(liveness, 0, 1_500);
    liveness.vouch('a', 3_000, 1_500);
    tickTo(liveness, 1_600, 5_900);
    expect(liveness.isLive('a')).to.equal(true);
    tickTo(liveness, 6_000, 6_000);
    expect(liveness.isLive('a')).to.equal(false);
  });
});

describe('orchestrator/configuration/accusations', () => {
  const timing = {
    collectAccusationsMs: 200,
    accusationExpiresMs: 1_500,
    coolDownMs: 1_500,
    maxCoolDownMs: 4_000,
  };

  it('E9: waits for more accusers, then names the one with the most in the whole cluster', () => {
    const accusations = new Accusations(timing);
    accusations.add({ accuser: 'a', who: 'b', why: 'no-ack', partition: 0, epoch: 5 }, 1, 0);
    accusations.add({ accuser: 'b', who: 'a', why: 'no-ack', partition: 0, epoch: 5 }, 1, 10);
    expect(accusations.due(0, 5, 199)).to.equal(undefined);
    expect(accusations.due(0, 5, 200)?.who).to.equal('b');
    accusations.add({ accuser: 'c', who: 'a', why: 'no-ack', partition: 7, epoch: 3 }, 1, 20);
    expect(accusations.due(0, 5, 200)?.who).to.equal('a');
  });

  it('E9: counts only in the epoch that was meant', () => {
    const accusations = new Accusations(timing);
    accusations.add({ accuser: 'a', who: 'b', why: 'no-ack', partition: 0, epoch: 5 }, 1, 0);
    expect(accusations.due(0, 6, 300)).to.equal(undefined);
    expect(accusations.concerns(0, 6)).to.equal(false);
  });

  it('forgets what is not repeated', () => {
    const accusations = new Accusations(timing);
    accusations.add({ accuser: 'a', who: 'b', why: 'no-ack', partition: 0, epoch: 5 }, 1, 0);
    accusations.expire(1_499);
    expect(accusations.isEmpty).to.equal(false);
    accusations.expire(1_500);
    expect(accusations.isEmpty).to.equal(true);
  });

  it('doubles the cool-down of a peer that is removed again soon, up to a limit', () => {
    const coolDowns = new CoolDowns(timing);
    coolDowns.begin('a', 0);
    coolDowns.begin('a', 100);
    expect(coolDowns.isOver('a', 1_499)).to.equal(false);
    expect(coolDowns.isOver('a', 1_500)).to.equal(true);
    coolDowns.begin('a', 2_000);
    expect(coolDowns.isOver('a', 4_999)).to.equal(false);
    expect(coolDowns.isOver('a', 5_000)).to.equal(true);
    coolDowns.begin('a', 5_000);
    expect(coolDowns.isOver('a', 9_000)).to.equal(true);
    coolDowns.begin('a', 60_000);
    expect(coolDowns.isOver('a', 61_500)).to.equal(true);
  });
});

describe('orchestrator/configuration/draft', () => {
  const part = (over: Partial<PartitionConfig> = {}): PartitionConfig => ({
    epoch: mapVersion(1, 3),
    primary: 'a',
    members: new Map([
      ['a', 'a1'],
      ['b', 'b1'],
      ['c', 'c1'],
    ]),
    learners: [],
    fence: [],
    active: true,
    la: ['a', 'b', 'c'],
    ...over,
  });
  const mapOf = (...parts: PartitionConfig[]): ClusterMap => ({
    clusterId: 't',
    ver: mapVersion(1, 9),
    peers: new Map(),
    parts,
  });
  const members = (...ids: string[]) => new Map(ids.map((id) => [id, `${id}1`]));

  it('E1: fences who is removed, and adds up while no epoch was active', () => {
    const first = new MapDraft(mapOf(part({ fence: ['old'] })));
    first.edit(0, { members: members('a', 'b') });
    const map = first.finish();
    expect(map.parts[0]).to.deep.include({ epoch: map.ver, active: false, fence: ['c'] });
    const second = new MapDraft(map);
    second.edit(0, { members: members('a') });
    expect(second.finish().parts[0]?.fence).to.deep.equal(['c', 'b']);
    const third = new MapDraft(map);
    third.markActive(0, map.ver);
    third.edit(0, { members: members('a') });
    expect(third.finish().parts[0]?.fence).to.deep.equal(['b']);
  });

  it('E1: several edits of one draft are one step', () => {
    const draft = new MapDraft(mapOf(part()));
    draft.edit(0, { members: members('a', 'b') });
    draft.edit(0, { primary: 'b' });
    draft.edit(0, { members: members('b') });
    expect(draft.finish().parts[0]).to.deep.include({ primary: 'b', fence: ['a', 'c'], la: ['a', 'b', 'c'] });
  });

  it('E4: refuses a primary that was not in the last active configuration', () => {
    const draft = new MapDraft(mapOf(part({ la: ['a'] })));
    expect(() => draft.edit(0, { primary: 'b' })).to.throw(/E4/);
    expect(() => draft.edit(0, { members: members('b', 'c') })).to.throw(/E4/);
    expect(() => draft.edit(0, { members: new Map() })).to.throw(/invariant/);
  });

  it('E5: an activation counts once, for the epoch that it names', () => {
    const base = mapOf(part({ active: false, la: ['a', 'b'] }));
    const late = new MapDraft(base);
    late.markActive(0, mapVersion(1, 2));
    expect(late.finish()).to.equal(base);
    const draft = new MapDraft(base);
    draft.markActive(0, mapVersion(1, 3));
    expect(draft.finish().parts[0]).to.deep.include({
      active: true,
      la: ['a', 'b', 'c'],
      epoch: mapVersion(1, 3),
    });
  });

  it('E8: gaining a learner keeps the epoch, losing one ends it', () => {
    const gain = new MapDraft(mapOf(part()));
    gain.edit(0, { learners: ['d'] });
    const map = gain.finish();
    expect(map.parts[0]).to.deep.include({ epoch: mapVersion(1, 3), active: true, learners: ['d'] });
    const loss = new MapDraft(map);
    loss.edit(0, { learners: [] });
    expect(loss.finish().parts[0]?.epoch).to.equal(map.ver + 1);
  });

  it('shares what did not change, and never touches the map before', () => {
    const base = mapOf(part(), part());
    const before = JSON.stringify(base);
    const draft = new MapDraft(base);
    draft.edit(1, { renew: true });
    const map = draft.finish();
    expect(map.parts[0]).to.equal(base.parts[0]);
    expect(map.peers).to.equal(base.peers);
    expect(JSON.stringify(base)).to.equal(before);
    expect(new MapDraft(base).finish()).to.equal(base);
  });

  it('H: new primaries hear of the map first', () => {
    const peers = new Map(['a', 'b', 'c'].map((id) => [id, { storeId: `${id}1`, inc: 1, addr: id }]));
    const base = { ...mapOf(part()), peers };
    const draft = new MapDraft(base);
    draft.edit(0, { primary: 'c' });
    expect(pushOrder(base, draft.finish())).to.deep.equal(['c', 'a', 'b']);
  });
});

describe('orchestrator/configuration/register', () => {
  const map = (ver: number): ClusterMap => ({ clusterId: 't', ver, peers: new Map(), parts: [] });

  it('has one operation under way, and hands it out once', () => {
    const register = new RegisterView();
    register.read();
    register.read();
    expect(register.take()).to.deep.equal({ type: 'read' });
    expect(register.take()).to.equal(undefined);
    expect(register.isBusy).to.equal(true);
    register.holds(undefined);
    expect(register.isBusy).to.equal(false);
  });

  it('is old only against what was shown before the read began', () => {
    const register = new RegisterView();
    register.saw(5, 0);
    register.read();
    register.saw(9, 0);
    register.holds(map(5));
    expect(register.isOlderThan(5)).to.equal(false);
    register.read();
    register.holds(map(5));
    expect(register.isOlderThan(5)).to.equal(true);
  });

  it('expects the version that it saw last', () => {
    const register = new RegisterView();
    register.read();
    register.holds(map(5));
    register.take();
    register.propose(map(6), []);
    expect(register.take()).to.deep.include({ type: 'cas', expected: 5 });
    expect(register.answered(true)?.map.ver).to.equal(6);
    expect(register.heldVer).to.equal(6);
  });
});
