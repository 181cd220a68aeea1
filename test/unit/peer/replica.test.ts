/** The replica over its parts: what becomes of messages for which the wire has no room. */
import { expect } from 'chai';
import { systemClock } from '../../../common/clock.js';
import { type ClusterMap, emptyMap } from '../../../common/configuration.js';
import { Replica } from '../../../peer/replica.js';
import type { PeerEnvelope } from '../../../peer/replication/messages.js';
import { DEFAULT_SETTINGS } from '../../../peer/replication/settings.js';
import { DEFAULT_GATEWAY_SETTINGS } from '../../../peer/requests/settings.js';
import { MemoryEngine } from '../../../peer/storage/memory-engine.js';

/** Partition 0 is led by b. */
const MAP: ClusterMap = {
  ...emptyMap('test'),
  ver: 1,
  peers: new Map([
    ['a', { storeId: 'store-a', inc: 1, addr: '127.0.0.1:1/2' }],
    ['b', { storeId: 'store-b', inc: 1, addr: '127.0.0.1:3/4' }],
  ]),
  parts: [
    {
      ...{ epoch: 1, primary: 'b', members: new Map([['b', 'store-b']]), learners: [] },
      ...{ fence: [], active: true, la: ['b'] },
    },
  ],
};

/** Peer a, whose wire takes what `takes` says. */
function replicaWith(takes: (envelopes: readonly PeerEnvelope[]) => boolean) {
  const sent: PeerEnvelope[] = [];
  const engine = new MemoryEngine('store-a', 'test');
  const send = (_to: string, envelopes: readonly PeerEnvelope[]) => {
    if (!takes(envelopes)) return false;
    sent.push(...envelopes);
    return true;
  };
  const replica = new Replica(
    {
      ...{ engine, image: engine.load(), clock: systemClock, transport: { send } },
      ...{ settings: DEFAULT_SETTINGS, gateway: { ...DEFAULT_GATEWAY_SETTINGS, writeDeadlineMs: 200 } },
      identity: { clusterId: 'test', peerId: 'a', storeId: 'store-a', inc: 1, addr: '127.0.0.1:1/2' },
    },
    {
      report: () => undefined,
      mapChanged: () => undefined,
      clockJumped: () => undefined,
      broke: (error) => {
        throw error;
      },
    },
  );
  replica.start();
  replica.obey({ clusterId: 'test', from: 'orchestrator', ver: 1, body: { type: 'map', map: MAP } });
  return { replica, sent };
}

function write(replica: Replica, key: string) {
  const value = { bytes: Buffer.from('x'), type: '' };
  return replica.write({ partition: 0, command: { kind: 'put', key, value }, idempotency: undefined });
}

describe('peer/replica', () => {
  it('sends one by one what the wire does not take together', async () => {
    const { replica, sent } = replicaWith((envelopes) => {
      return envelopes.length === 1 && !envelopes.some(({ body }) => body.type === 'fwd' && body.attempt > 1);
    });
    const answers = await Promise.all([write(replica, 'one'), write(replica, 'two')]);
    replica.stop();
    const keys = sent.flatMap(({ body }) => (body.type === 'fwd' ? [body.command.key] : []));
    expect(keys).to.deep.equal(['one', 'two']);
    // Nobody has answered, so they may have had an effect.
    expect(answers.map(({ kind }) => kind)).to.deep.equal(['unknown', 'unknown']);
  });

  it('knows that what did not leave had no effect', async () => {
    const { replica, sent } = replicaWith(([first]) => first?.body.type !== 'fwd');
    const answer = await write(replica, 'one');
    replica.stop();
    expect(answer).to.deep.equal({ kind: 'not-applied', reason: 'no-primary' });
    expect(sent.filter(({ body }) => body.type === 'fwd')).to.deep.equal([]);
  });
});
