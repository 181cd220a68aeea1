/** What the transcripts do not show: limits, refusals, and requests that come twice by their client's own key. */
import { expect } from 'chai';
import type { Command } from '../../../peer/replication/commands.js';
import type { InvariantError } from '../../../peer/replication/invariant.js';
import type { ReplyEffect, ReportEffect } from '../../../peer/replication/machine.js';
import type { PeerMessage } from '../../../peer/replication/messages.js';
import { sessionId } from '../../../peer/replication/sessions.js';
import { type InFlight, STAGE_SETTINGS, Stage } from '../../scenario/stage.js';

class Recorder {
  readonly messages: InFlight[] = [];
  readonly replies: ReplyEffect[] = [];
  readonly reports: ReportEffect[] = [];
  readonly errors: InvariantError[] = [];
  readonly stage = new Stage({
    message: (message) => this.messages.push(message),
    reply: (_, reply) => this.replies.push(reply),
    report: (_, report) => this.reports.push(report),
    broken: (_, error) => this.errors.push(error),
  });

  /** A cluster with one partition whose members are all of `ids`, led by the first, active. */
  form(...ids: string[]): this {
    for (const id of ids) this.stage.add(id);
    this.configure(ids);
    return this;
  }

  configure(ids: readonly string[], learners: readonly string[] = []): void {
    const members = new Map(ids.map((id) => [id, this.stage.actor(id).image.storeId]));
    this.stage.decide(
      { primary: ids[0] ?? '', members, learners, fence: [], active: false, la: [...ids] },
      true,
    );
    for (const id of [...ids, ...learners]) this.stage.give(id);
    this.settle();
  }

  settle(): void {
    for (let round = 0; round < 40; round++) {
      const { inFlight } = this.stage;
      this.stage.inFlight = [];
      this.stage.deliver(inFlight);
      for (const { id, node } of this.stage.actors.values()) if (node !== undefined) this.stage.flush(id);
    }
  }

  /** The outcome of the last answer. */
  get last() {
    return this.replies[this.replies.length - 1]?.outcome;
  }

  said<T extends PeerMessage['type']>(type: T): Extract<PeerMessage, { type: T }>[] {
    const bodies = this.messages.map(({ envelope }) => envelope.body);
    return bodies.filter((body): body is Extract<PeerMessage, { type: T }> => body.type === type);
  }
}

function put(key: string, text = key, ttlMs?: number): Command {
  const value = { bytes: Buffer.from(text), type: 't' };
  return { kind: 'put', key, value, ...(ttlMs !== undefined && { ttlMs }) };
}

function tagged(recorder: Recorder, n: number, command: Command, fingerprint: number): void {
  const actor = recorder.stage.actor('A');
  const tag = { session: sessionId('A', actor.image.storeId, actor.image.inc), n, fi: n };
  const idempotency = { token: 'token', fingerprint };
  recorder.stage.step(actor, { type: 'write', id: n, partition: 0, tag, command, idempotency });
}

describe('peer/replication/node', () => {
  it('W6: refuses writes beyond the limit of uncommitted entries, and only those', () => {
    const recorder = new Recorder().form('A', 'B');
    for (let i = 0; i < STAGE_SETTINGS.maxUncommittedEntries; i++)
      recorder.stage.write('A', 'A', undefined, undefined, put('x'));
    expect(recorder.replies).to.deep.equal([]);
    recorder.stage.write('A', 'A', undefined, undefined, put('x'));
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'overloaded' });
    recorder.settle();
    expect(recorder.last).to.include({ kind: 'result' });
    recorder.stage.write('A', 'A', undefined, undefined, put('x'));
    recorder.settle();
    expect(recorder.last).to.include({ kind: 'result' });
  });

  it('W6: and beyond the limit of uncommitted bytes', () => {
    const recorder = new Recorder().form('A', 'B');
    const large = 'x'.repeat(STAGE_SETTINGS.maxUncommittedBytes);
    recorder.stage.write('A', 'A', undefined, undefined, put('x', large));
    recorder.stage.write('A', 'A', undefined, undefined, put('y'));
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'overloaded' });
    recorder.settle();
    recorder.stage.write('A', 'A', undefined, undefined, put('y'));
    recorder.settle();
    expect(recorder.last).to.include({ kind: 'result' });
  });

  it('D6: a repeat with the same token runs once; another command with it never runs', () => {
    const recorder = new Recorder().form('A', 'B');
    tagged(recorder, 1, put('x'), 7);
    tagged(recorder, 2, put('x'), 7);
    tagged(recorder, 3, put('x', 'other'), 8);
    expect(recorder.last).to.deep.equal({ kind: 'conflict', reason: 'idempotency-key-reused' });
    recorder.settle();
    tagged(recorder, 4, put('x'), 7);
    const results = recorder.replies.filter(({ outcome }) => outcome.kind === 'result');
    expect(results.map(({ id }) => id)).to.deep.equal([1, 2, 4]);
    expect(new Set(results.map(({ outcome }) => JSON.stringify(outcome))).size).to.equal(1);
    tagged(recorder, 5, put('x', 'other'), 8);
    expect(recorder.last).to.deep.equal({ kind: 'conflict', reason: 'idempotency-key-reused' });
    expect(recorder.stage.actor('A').node?.status(0, 0)?.prep).to.equal(1);
  });

  it('D6: a token whose answer was forgotten is refused, not run', () => {
    const recorder = new Recorder().form('A');
    tagged(recorder, 1, put('x'), 7);
    recorder.settle();
    recorder.stage.skews.set('A', 601_000);
    recorder.stage.write('A', 'A', 2, 2, put('y'));
    recorder.settle();
    tagged(recorder, 3, put('x'), 7);
    expect(recorder.last).to.deep.equal({ kind: 'conflict', reason: 'idempotency-key-expired' });
  });

  it('D2: a process that the map does not name may not write', () => {
    const recorder = new Recorder().form('A', 'B');
    recorder.stage.crash('B', 0);
    recorder.stage.start('B');
    recorder.stage.write('A', 'B', 1, 1, put('x'));
    expect(recorder.said('fwd_r').map(({ outcome }) => outcome)).to.deep.equal([
      { kind: 'refused', reason: 'unknown-session' },
    ]);
  });

  it('queues writes of a starting primary, up to a limit, and for a while', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('A');
    for (let i = 0; i < STAGE_SETTINGS.maxQueuedRequests; i++)
      stage.write('A', 'A', undefined, undefined, put('x'));
    expect(recorder.replies).to.deep.equal([]);
    stage.write('A', 'A', undefined, undefined, put('x'));
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'starting' });
    stage.nowMs += STAGE_SETTINGS.queueMs + 1;
    stage.tick('A');
    expect(recorder.replies).to.have.length(STAGE_SETTINGS.maxQueuedRequests + 1);
  });

  it('D5: a write that waited for the activation is answered once, and is not called refused later', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('A');
    stage.write('A', 'A', 1, 1, put('x'));
    recorder.settle();
    expect(recorder.last).to.include({ kind: 'result' });
    recorder.configure(['A', 'B']);
    recorder.configure(['B', 'A']);
    expect(recorder.replies).to.have.length(1);
  });

  it('D5: a write that waits for the activation is refused when another primary is named', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('A');
    stage.write('A', 'A', 1, 1, put('x'));
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('A');
    expect(recorder.replies).to.have.length(0);
    recorder.configure(['B', 'A']);
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'not-primary' });
    expect(stage.actor('B').node?.status(0, 0)?.prep).to.equal(0);
  });

  it('D2: the first open request of a session runs, those before it are dropped without a word', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.write('A', 'A', 5, 4, put('x'));
    stage.write('A', 'A', 3, 3, put('x'));
    recorder.settle();
    stage.write('A', 'A', 3, 3, put('x'));
    stage.write('A', 'A', 4, 4, put('x'));
    recorder.settle();
    expect(recorder.replies.map(({ id }) => id)).to.deep.equal([5, 4]);
    expect(stage.actor('A').node?.status(0, 0)?.prep).to.equal(2);
  });

  it('W3: a follower that misses something says so at once, and gets it', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.write('A', 'A', undefined, undefined, put('x'));
    stage.inFlight = [];
    stage.write('A', 'A', undefined, undefined, put('y'));
    recorder.settle();
    expect(recorder.said('ack').map(({ upto, gap }) => [upto, gap])).to.deep.equal([
      [0, true],
      [2, false],
    ]);
    expect(recorder.replies).to.have.length(2);
  });

  it('W3: goes back once for all that a lost message made its follower miss, and again only after a while', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    const writes = 40;
    for (let i = 0; i < writes; i++) stage.write('A', 'A', undefined, undefined, put('x'));
    stage.inFlight = stage.inFlight.slice(1);
    recorder.settle();
    expect(recorder.replies).to.have.length(writes);
    expect(recorder.said('prep').length).to.be.below(3 * writes);

    for (let i = 0; i < writes; i++) stage.write('A', 'A', undefined, undefined, put('x'));
    stage.deliver(stage.inFlight.splice(0).slice(1));
    stage.inFlight = [];
    stage.nowMs += STAGE_SETTINGS.resendMs;
    stage.write('A', 'A', undefined, undefined, put('x'));
    recorder.settle();
    expect(recorder.replies).to.have.length(2 * writes + 1);
  });

  it('E2: pulls a newer map once, however many messages tell of it, and gives its own as seldom', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    for (let i = 0; i < 5; i++) stage.write('A', 'A', undefined, undefined, put('x'));
    const late = stage.inFlight;
    stage.inFlight = [];
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('B');
    stage.deliver(late);
    expect(recorder.said('map')).to.have.length(1);
    stage.nowMs += STAGE_SETTINGS.pullMs;
    stage.deliver(late);
    expect(recorder.said('map')).to.have.length(2);
    for (let i = 0; i < 5; i++) stage.tick('B');
    stage.deliver(
      stage.inFlight.filter(({ to }) => to === 'A').filter(({ envelope }) => envelope.body.type === 'lreq'),
    );
    expect(recorder.said('pull')).to.have.length(1);
  });

  it('R1 to R5: answers nothing but stale reads without leases, and says why', () => {
    const recorder = new Recorder().form('A', 'B');
    recorder.stage.read('B', 'x', 'linearizable');
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'not-leased' });
    recorder.stage.read('B', 'x', 'stale');
    expect(recorder.last).to.include({ kind: 'row', row: null });
    recorder.stage.read('B', 'x', 'strict');
    recorder.stage.nowMs += STAGE_SETTINGS.readTimeoutMs;
    recorder.stage.tick('B');
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'timeout' });
    recorder.stage.add('C');
    recorder.stage.read('C', 'x', 'stale');
    expect(recorder.last).to.deep.equal({ kind: 'refused', reason: 'not-member' });
  });

  it('refuses reads beyond the limit of those that wait', () => {
    const recorder = new Recorder().form('A', 'B');
    for (let i = 0; i <= STAGE_SETTINGS.maxWaitingReads; i++) recorder.stage.read('B', 'x', 'strict');
    expect(recorder.replies.map(({ outcome }) => outcome)).to.deep.equal([
      { kind: 'refused', reason: 'overloaded' },
    ]);
    recorder.settle();
    expect(recorder.replies).to.have.length(STAGE_SETTINGS.maxWaitingReads + 1);
    recorder.stage.read('B', 'x', 'strict');
    recorder.settle();
    expect(recorder.last).to.include({ kind: 'row' });
  });

  it('stops when another replica shows another history', () => {
    const recorder = new Recorder().form('A', 'B');
    recorder.stage.write('A', 'A', undefined, undefined, put('x'));
    recorder.settle();
    recorder.stage.write('A', 'A', undefined, undefined, put('y'));
    const [prepare] = recorder.stage.inFlight.filter(({ envelope }) => envelope.body.type === 'prep');
    if (prepare?.envelope.body.type !== 'prep') return expect.fail('no PREP');
    const forged = { ...prepare.envelope, body: { ...prepare.envelope.body, comChecksum: 1 } };
    recorder.stage.deliver([{ ...prepare, envelope: forged }]);
    expect(recorder.errors.map(({ message }) => message)).to.have.length(1);
    expect(recorder.errors[0]?.message).to.include('replicas diverged');
    return undefined;
  });

  it('stops when its new primary shows another history, or one that ends too early', () => {
    for (const wrong of [{ comChecksum: 1 }, { com: 0, comChecksum: 0 }, { com: 9 }]) {
      const recorder = new Recorder().form('A', 'B');
      const { stage } = recorder;
      stage.write('A', 'A', undefined, undefined, put('x'));
      recorder.settle();
      stage.nowMs += 100;
      stage.tick('A');
      recorder.settle();
      stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
      for (const id of ['A', 'B']) stage.give(id);
      stage.flush('A');
      const align = stage.inFlight.find(({ envelope }) => envelope.body.type === 'align');
      if (align?.envelope.body.type !== 'align') return expect.fail('no ALIGN');
      const forged = { ...align.envelope, body: { ...align.envelope.body, ...wrong } };
      stage.deliver([{ ...align, envelope: forged }]);
      expect(recorder.errors, JSON.stringify(wrong)).to.have.length(1);
    }
    return undefined;
  });

  it('W1: judges against the newest value in the log, also when an older one was committed since', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    const increment: Command = { kind: 'increment', key: 'x', by: 1n };
    stage.write('A', 'A', undefined, undefined, increment);
    const first = stage.inFlight;
    stage.inFlight = [];
    stage.write('A', 'A', undefined, undefined, increment);
    stage.flush('A');
    stage.deliver(first);
    stage.flush('B');
    stage.deliver(stage.inFlight.filter(({ to }) => to === 'A'));
    expect(stage.actor('A').node?.status(0, 0)).to.include({ com: 1, prep: 2 });
    stage.write('A', 'A', undefined, undefined, increment);
    stage.read('B', 'x', 'stale');
    expect(recorder.last).to.include({ row: null });
    recorder.settle();
    stage.nowMs += 200;
    stage.tick('A');
    recorder.settle();
    const numbers = recorder.replies.flatMap(({ outcome }) =>
      outcome.kind === 'result' && outcome.result.kind === 'done' ? [outcome.result.number] : [],
    );
    expect(numbers).to.deep.equal([1n, 2n, 3n]);
  });

  it('ignores envelopes of another cluster', () => {
    const recorder = new Recorder().form('A', 'B');
    recorder.stage.write('A', 'A', undefined, undefined, put('x'));
    const foreign = recorder.stage.inFlight.map((message) => ({
      ...message,
      envelope: { ...message.envelope, clusterId: 'other' },
    }));
    const before = recorder.messages.length;
    recorder.stage.deliver(foreign);
    recorder.stage.flush('B');
    expect(recorder.messages).to.have.length(before);
  });

  it('A2: an ALIGN that outruns its map waits for the map; one of an epoch that never comes is dropped', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    const align = (epoch: number, ver: number): InFlight => {
      const body = { type: 'align', partition: 0, epoch, com: 0, comChecksum: 0, suffix: [] } as const;
      return {
        from: 'A',
        to: 'B',
        envelope: { clusterId: stage.map.clusterId, from: 'A', fromInc: 1, ver, body },
      };
    };
    const answers = (): number[] => recorder.said('align_ok').map(({ epoch }) => epoch);
    const { ver } = stage.map;
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.deliver([align(ver + 7, ver), align(ver + 7, ver + 3), align(ver + 1, ver + 1)]);
    expect(answers()).to.deep.equal([ver]);
    stage.give('B');
    stage.flush('B');
    expect(answers()).to.deep.equal([ver, ver + 1]);
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, true);
    stage.give('B');
    stage.flush('B');
    expect(answers()).to.deep.equal([ver, ver + 1]);
  });

  it('catches a learner up in parts: rows, entries, and the end', () => {
    const recorder = new Recorder().form('A');
    for (let i = 0; i < 30; i++) {
      recorder.stage.write('A', 'A', undefined, undefined, put(`k${i % 13}`, `v${i}`));
      recorder.settle();
    }
    recorder.stage.add('B');
    recorder.configure(['A'], ['B']);
    recorder.stage.nowMs += 200;
    recorder.stage.tick('B');
    recorder.settle();
    expect(recorder.said('snap').length).to.be.greaterThan(3);
    expect(recorder.said('snap_done')).to.have.length(1);
    recorder.stage.tick('A');
    expect(recorder.reports.map(({ body }) => body.type)).to.include('add');
    recorder.configure(['A', 'B']);
    const [a, b] = ['A', 'B'].map((id) => recorder.stage.actor(id).node?.status(0, 0));
    expect([b?.com, b?.prep]).to.deep.equal([a?.com, a?.prep]);
    recorder.stage.nowMs += 500;
    for (const id of ['A', 'B']) recorder.stage.tick(id);
    for (const id of ['A', 'B']) recorder.stage.flush(id);
    const rows = ['A', 'B'].map((id) => {
      const stored = recorder.stage.actor(id).image.partitions.get(0);
      return stored && [...stored.copy(stored.marks.copy)].sort(([x], [y]) => (x < y ? -1 : 1));
    });
    expect(rows[1]).to.deep.equal(rows[0]);
    expect(rows[0]).to.have.length(13);
  });

  it('log time never goes back: not by a slow clock, a trimmed log, a restart, or a copy', () => {
    const recorder = new Recorder().form('A');
    const { stage } = recorder;
    const lastTs = (id: string): number | undefined =>
      stage.actor(id).image.partitions.get(0)?.log.at(-1)?.ts;
    stage.skews.set('A', 60_000);
    for (let i = 0; i < 20; i++) {
      stage.write('A', 'A', undefined, undefined, put('x', `v${i}`));
      recorder.settle();
    }
    const reached = lastTs('A');
    expect(reached).to.equal(stage.nowMs + 60_000);
    stage.skews.set('A', 0);
    stage.nowMs += 200;
    stage.tick('A');
    stage.flush('A');
    stage.crash('A', 0);
    stage.start('A');
    recorder.configure(['A']);
    stage.write('A', 'A', undefined, undefined, put('x', 'again'));
    recorder.settle();
    expect(lastTs('A')).to.equal(reached);
    stage.add('B');
    recorder.configure(['A'], ['B']);
    stage.nowMs += 200;
    stage.tick('B');
    recorder.settle();
    expect(recorder.said('snap_done')).to.have.length(1);
    recorder.configure(['B', 'A']);
    stage.write('B', 'B', undefined, undefined, put('x', 'by B'));
    recorder.settle();
    expect(lastTs('B')).to.equal(reached);
  });

  it('finds everything again after a restart, and applies the rest of its log anew', () => {
    const recorder = new Recorder().form('A');
    const { stage } = recorder;
    stage.write('A', 'A', undefined, undefined, put('x', 'stored'));
    recorder.settle();
    stage.nowMs += STAGE_SETTINGS.lazyStoreMs;
    stage.tick('A');
    stage.flush('A');
    stage.write('A', 'A', undefined, undefined, put('y', 'in the log'));
    recorder.settle();
    for (let restarts = 0; restarts < 2; restarts++) {
      stage.crash('A', 0);
      stage.start('A');
      expect(stage.actor('A').node?.status(0, 0)).to.include({ role: 'member', com: 1, prep: 2 });
      stage.read('A', 'x', 'stale');
      expect(recorder.last).to.have.nested.property('row.seq', 1);
      stage.flush('A');
    }
    recorder.configure(['A']);
    stage.read('A', 'y', 'linearizable');
    expect(recorder.last).to.have.nested.property('row.seq', 2);
  });

  it('C2: a copy that was begun by an earlier process is dropped, and the old rows stay until a new one is whole', () => {
    const recorder = new Recorder().form('A');
    const { stage } = recorder;
    for (let i = 0; i < 20; i++) {
      stage.write('A', 'A', undefined, undefined, put(`k${i}`));
      recorder.settle();
    }
    stage.add('B');
    const members = new Map([['A', stage.actor('A').image.storeId]]);
    stage.decide({ primary: 'A', members, learners: ['B'], fence: [], active: false, la: ['A'] }, true);
    for (const id of ['A', 'B']) stage.give(id);
    stage.flush('A');
    for (let i = 0; i < 6; i++) {
      const { inFlight } = stage;
      stage.inFlight = [];
      stage.deliver(inFlight);
      stage.nowMs += 100;
      stage.tick('B');
      stage.flush('B');
    }
    const stored = stage.actor('B').image.partitions.get(0);
    expect(stored?.marks).to.include({ copy: 0, staging: 1 });
    expect(stored?.copy(1).size).to.be.greaterThan(0);
    stage.crash('B', 0);
    stage.start('B');
    stage.nowMs += 100;
    stage.tick('B');
    stage.flush('B');
    expect(stored?.copies.has(1)).to.equal(false);
    recorder.configure(['A'], ['B']);
    stage.nowMs += 100;
    stage.tick('B');
    recorder.settle();
    expect(stored?.marks).to.include({ copy: 2, staging: 2 });
    expect([...(stored?.copies.keys() ?? [])]).to.deep.equal([2]);
    expect(stored?.copy(2).size).to.equal(20);
  });

  it('section 8: sweeps expired keys, also one whose removal was cut off by another primary', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.write('A', 'A', undefined, undefined, put('x', 'x', 1_000));
    recorder.settle();
    stage.nowMs += 1_000;
    stage.tick('A');
    expect(stage.actor('A').node?.status(0, 0)?.prep).to.equal(2);
    stage.inFlight = [];
    stage.flush('A');
    recorder.configure(['B', 'A']);
    expect(stage.actor('A').node?.status(0, 0)?.prep).to.equal(1);
    recorder.configure(['A', 'B']);
    stage.tick('A');
    recorder.settle();
    expect(stage.actor('A').node?.status(0, 0)).to.include({ prep: 2, com: 2 });
  });

  it('D4: keeps the session of a peer that the map leaves out: it may run, and be named again (simulator, seed 607955)', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.write('A', 'B', 1, 1, put('x'));
    recorder.settle();
    const peers = new Map([...stage.map.peers].filter(([id]) => id !== 'B'));
    stage.map = { ...stage.map, ver: stage.map.ver + 1, peers };
    stage.give('A');
    for (let i = 0; i < 3; i++) stage.tick('A');
    recorder.settle();
    expect(stage.actor('A').node?.status(0, 0)).to.include({ prep: 1 });
    recorder.configure(['A', 'B']);
    stage.write('A', 'B', 1, 1, put('x'));
    recorder.settle();
    expect(stage.actor('A').node?.status(0, 0)).to.include({ prep: 1 });
    stage.write('A', 'B', 2, 2, put('y'));
    recorder.settle();
    expect(stage.actor('A').node?.status(0, 0)).to.include({ prep: 2, com: 2 });
  });

  it('D4: ends the sessions of a process that the map no longer names, once', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    stage.write('A', 'B', 1, 1, put('x'));
    recorder.settle();
    stage.crash('B', 0);
    stage.start('B');
    recorder.configure(['A', 'B']);
    for (let i = 0; i < 3; i++) {
      stage.tick('A');
      stage.decide({ ...(stage.map.parts[0] ?? expect.fail()) }, false);
      stage.give('A');
    }
    recorder.settle();
    stage.nowMs += STAGE_SETTINGS.lazyStoreMs;
    stage.tick('A');
    stage.flush('A');
    const log = stage.actor('A').image.partitions.get(0)?.log ?? [];
    expect(log.filter(({ effect }) => effect.kind === 'retire')).to.have.length(1);
    expect(stage.actor('A').image.partitions.get(0)?.sessions.image().sessions).to.deep.equal([]);
  });

  it('E9: accuses a member that owes an acknowledgement; not after its own event loop stood still', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    const accusations = (): number => recorder.reports.filter(({ body }) => body.type === 'accuse').length;
    stage.tick('A');
    stage.write('A', 'A', undefined, undefined, put('x'));
    const pass = (ms: number): void => {
      for (let done = 0; done < ms; done += 100) {
        stage.nowMs += 100;
        stage.tick('A');
      }
    };
    pass(1_200);
    expect(accusations()).to.equal(0);
    stage.nowMs += 2_000;
    stage.tick('A');
    pass(1_100);
    expect(accusations()).to.equal(0);
    pass(200);
    expect(accusations()).to.be.greaterThan(0);
  });

  it('E9: accuses a member that grants leases but acknowledges nothing, however often it is sent the same', () => {
    const recorder = new Recorder().form('A', 'B');
    const { stage } = recorder;
    const pass = (ms: number): void => {
      for (let done = 0; done < ms; done += STAGE_SETTINGS.tickMs) {
        stage.nowMs += STAGE_SETTINGS.tickMs;
        for (const id of ['A', 'B']) stage.tick(id);
        for (let round = 0; round < 4; round++) {
          stage.deliver(stage.inFlight.splice(0).filter(({ envelope }) => envelope.body.type !== 'ack'));
          for (const id of ['A', 'B']) stage.flush(id);
        }
      }
    };
    const reasons = () => recorder.reports.flatMap(({ body }) => (body.type === 'accuse' ? [body.why] : []));
    pass(3_000);
    stage.write('A', 'A', undefined, undefined, put('x'));
    pass(STAGE_SETTINGS.accuseAfterMs - 100);
    expect(reasons()).to.deep.equal([]);
    pass(300);
    expect(new Set(reasons())).to.deep.equal(new Set(['no-ack']));
  });
});
