import { expect } from 'chai';
import type { Operation } from '../../../common/records.js';
import { partitionOfKey } from '../../../common/slots.js';
import type { View } from '../../../common/view.js';
import { Follower } from '../../../peer/follower.js';
import { Partitions } from '../../../peer/partitions.js';
import { Router } from '../../../peer/router.js';
import type { ForwardedOutcome, PeerReply, PeerRequest } from '../../../peer/transport/messages.js';
import type { CallFailure, Transport } from '../../../peer/transport/transport.js';
import { CLUSTER, member, viewOf } from './views.js';

const REQUEST_MS = 300;
const MIB = 1024 * 1024;

type Script = (to: string, request: PeerRequest, timeoutMs: number) => PeerReply | CallFailure;

const get = (key: string): Operation => ({ type: 'get', key });
const put = (key: string, text = ''): Operation => ({
  type: 'put',
  key,
  value: { bytes: Buffer.from(text), contentType: 'text/plain', encoding: '' },
});
const lost = (sent: boolean): CallFailure => ({ type: 'call-failed', code: 'connection-lost', sent });
const executed = (...outcomes: ForwardedOutcome[]): PeerReply => ({ type: 'executed', epoch: 1, outcomes });
const written: ForwardedOutcome = { type: 'written', version: { epoch: 1, sequence: 1 }, created: true };

function operationsOf(request: PeerRequest): readonly Operation[] {
  if (request.type !== 'execute') throw new Error(`asked to ${request.type}`);
  return request.operations;
}

describe('peer/router', () => {
  let calls: { to: string; request: PeerRequest; timeoutMs: number }[];
  let script: Script;
  let follower: Follower;
  let router: Router;

  const members = [member('me'), member('other'), member('gone', { status: 'down' })];
  const ownedBy = (epoch: number, primary: string): View => viewOf(epoch, members, () => ({ primary }));

  beforeEach(() => {
    calls = [];
    const partitions = new Partitions('me', 1, () => 0);
    const transport: Transport = {
      listen: async () => undefined,
      setPeers: () => undefined,
      close: async () => undefined,
      call: async (to, request, timeoutMs) => {
        calls.push({ to, request, timeoutMs });
        return script(to, request, timeoutMs);
      },
    };
    follower = new Follower(CLUSTER, transport, (view) => partitions.adopt(view));
    router = new Router('me', partitions, follower, transport, () => performance.now(), REQUEST_MS);
  });

  it('answers from its own data without asking anyone', async () => {
    follower.adopt(ownedBy(1, 'me'));
    expect((await router.execute(put('k'))).outcome.type).to.equal('written');
    const { outcome, servedBy } = await router.execute(get('k'));
    expect(outcome.type).to.equal('found');
    expect(servedBy).to.equal('me');
    expect(calls).to.have.length(0);
  });

  it('asks the owner, once, and says who answered', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = () => executed(written);
    expect(await router.execute(put('k'))).to.deep.equal({ outcome: written, servedBy: 'other' });
    expect(calls).to.have.length(1);
    expect(calls[0]?.to).to.equal('other');
    expect(calls[0]?.timeoutMs).to.be.within(REQUEST_MS - 50, REQUEST_MS);
  });

  it('finds the new owner when the old one refuses', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = (_, request) => {
      if (request.type === 'view') return { type: 'view', epoch: 2, view: ownedBy(2, 'me') };
      return { type: 'executed', epoch: 2, outcomes: [{ type: 'not-owner' }] };
    };
    expect((await router.execute(put('k'))).servedBy).to.equal('me');
    expect(calls.map(({ request }) => request.type)).to.deep.equal(['execute', 'view']);
  });

  it('repeats a write that was never sent, until it is', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = () => (calls.length < 3 ? lost(false) : executed(written));
    expect((await router.execute(put('k'))).outcome).to.deep.equal(written);
    expect(calls).to.have.length(3);
  });

  it('does not repeat a write that may have been done, and says so', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = () => lost(true);
    for (const operation of [put('k'), { type: 'delete', key: 'k' } as const]) {
      calls = [];
      expect((await router.execute(operation)).outcome).to.include({ type: 'failed', applied: 'unknown' });
      expect(calls).to.have.length(1);
    }
  });

  it('repeats a read whatever became of it', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = () => (calls.length < 3 ? lost(true) : executed({ type: 'absent' }));
    expect((await router.execute(get('k'))).outcome).to.deep.equal({ type: 'absent' });
  });

  it('says not-applied at the deadline where nothing was sent', async () => {
    const startedMs = performance.now();
    expect((await router.execute(put('k'))).outcome).to.include({ type: 'failed', applied: 'not-applied' });
    expect(performance.now() - startedMs).to.be.within(REQUEST_MS - 5, REQUEST_MS + 200);
    expect(calls).to.have.length(0);
  });

  it('does not wait long for an owner that is down', async () => {
    follower.adopt(ownedBy(1, 'gone'));
    script = () => lost(false);
    expect((await router.execute(get('k'))).outcome).to.include({ type: 'failed', applied: 'not-applied' });
    expect(calls).to.have.length(1);
  });

  it('asks every owner at the same time, once, and joins the answers in order', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    const owner = (partition: number) => ['me', 'other', 'third'][partition % 3] as string;
    follower.adopt(viewOf(1, [...members, member('third')], (i) => ({ primary: owner(i) })));
    script = (_, request) => executed(...operationsOf(request).map(() => ({ type: 'absent' as const })));
    const answers = await router.executeMany(keys.map(get));
    expect(answers.map(({ servedBy }) => servedBy)).to.deep.equal(
      keys.map((key) => owner(partitionOfKey(key))),
    );
    expect(calls.map(({ to }) => to)).to.have.members(['other', 'third']);
  });

  it('asks again for what did not fit into a reply', async () => {
    follower.adopt(ownedBy(1, 'other'));
    script = (_, request) =>
      executed(
        ...operationsOf(request)
          .slice(0, 2)
          .map(() => ({ type: 'absent' as const })),
      );
    const answers = await router.executeMany(['a', 'b', 'c', 'd', 'e'].map(get));
    expect(answers.map(({ outcome }) => outcome.type)).to.deep.equal(new Array(5).fill('absent'));
    expect(calls.map(({ request }) => operationsOf(request).length)).to.deep.equal([5, 3, 1]);
  });

  it('gathers no more than one answer may hold', async () => {
    follower.adopt(ownedBy(1, 'other'));
    const bytes = Buffer.alloc(MIB);
    const found: ForwardedOutcome = {
      type: 'found',
      record: { bytes, contentType: '', encoding: '', version: { epoch: 1, sequence: 1 }, modifiedMs: 0 },
    };
    script = () => executed(...new Array<ForwardedOutcome>(10).fill(found));
    const answers = await router.executeMany(Array.from({ length: 200 }, (_, i) => get(`key-${i}`)));
    const kinds = answers.map(({ outcome }) => outcome.type);
    expect(kinds.filter((kind) => kind === 'found')).to.have.length(70);
    expect(kinds.slice(70)).to.deep.equal(new Array(130).fill('answer-full'));
  });

  it('cuts a large batch, one call after the other, and keeps the order behind a refused part', async () => {
    follower.adopt(ownedBy(1, 'other'));
    const big = 'x'.repeat(5 * MIB);
    const batch = [put('k', big), put('k', `${big}2`), put('k', 'last')];
    const seen: number[] = [];
    script = (_, request) => {
      const operations = operationsOf(request);
      if (calls.length === 1) return executed({ type: 'not-owner' });
      for (const each of operations) seen.push(batch.indexOf(each));
      return executed(...operations.map(() => written));
    };
    await router.executeMany(batch);
    expect(seen).to.deep.equal([0, 1, 2]);
  });
});
