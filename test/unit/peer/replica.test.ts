/** The replica over its parts: what becomes of messages for which the wire has no room. */
import { expect } from 'chai';
import { systemClock } from '../../../common/clock.js';
import { type ClusterMap, emptyMap } from '../../../common/configuration.js';
import { Replica } from '../../../peer/replica.js';
import type { PeerEnvelope } from '../../../peer/replication/messages.js';
import { DEFAULT_SETTINGS } from '../../../peer/replication/settings.js';
import { DEFAULT_GATEWAY_SETTINGS } from '../../../peer/requests/settings.js';
import { MemoryEngine } from '../../../peer/storage/memory-engine.js';

/** Nothing is tried again because of the time that it takes. */
const NEVER_LATE = { ...DEFAULT_GATEWAY_SETTINGS, writeAttemptMs: 600_000, writeDeadlineMs: 600_000 };

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
  const engine = new MemoryEngine('store-a', 'test', [1, 2]);
  const send = (_to: string, envelopes: readonly PeerEnvelope[]) => {
    if (!takes(envelopes)) return false;
    sent.push(...envelopes);
    return true;
  };
  const replica = new Replica(
    {
      ...{ engine, image: engine.load(), clock: systemClock, transport: { send, backlog: () => 0 } },
      ...{ settings: DEFAULT_SETTINGS, gateway: NEVER_LATE },
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

/** Map 2: partition 1 is a's alone. */
const OWN: ClusterMap = {
  ...MAP,
  ver: 2,
  parts: [
    MAP.parts[0],
    {
      ...{ epoch: 2, primary: 'a', members: new Map([['a', 'store-a']]), learners: [] },
      ...{ fence: [], active: true, la: ['a'] },
    },
  ],
};

function write(replica: Replica, key: string): void {
  const value = { bytes: Buffer.from('x'), type: '' };
  void replica.write({ partition: 0, command: { kind: 'put', key, value }, idempotency: undefined });
}

/** The writes that were forwarded: key and attempt. */
function forwarded(sent: readonly PeerEnvelope[]): string[] {
  return sent.flatMap(({ body }) => {
    if (body.type !== 'fwd' || body.command.kind === 'transaction') return [];
    return [`${body.command.key} ${body.attempt}`];
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('peer/replica', () => {
  it('sends one by one what the wire does not take together', async () => {
    const { replica, sent } = replicaWith((envelopes) => envelopes.length === 1);
    write(replica, 'one');
    write(replica, 'two');
    await until(() => forwarded(sent).length >= 2);
    replica.stop();
    expect(forwarded(sent)).to.deep.equal(['one 1', 'two 1']);
  });

  it('knows what did not leave, and tries it again at once', async () => {
    let refusals = 0;
    const { replica, sent } = replicaWith(([first]) => first?.body.type !== 'fwd' || ++refusals > 3);
    write(replica, 'one');
    await until(() => forwarded(sent).length > 0);
    replica.stop();
    expect(forwarded(sent)).to.deep.equal(['one 4']);
  });

  it('refuses a forwarded read whose answer finds no room on the wire', async () => {
    const { replica, sent } = replicaWith((envelopes) =>
      envelopes.every(({ body }) => body.type !== 'rfwd_r' || body.outcome.kind === 'refused'),
    );
    replica.obey({ clusterId: 'test', from: 'orchestrator', ver: 2, body: { type: 'map', map: OWN } });
    const read = { type: 'rfwd', id: 5, inc: 9, partition: 1, key: 'k', consistency: 'stale' } as const;
    replica.receive([{ clusterId: 'test', from: 'b', fromInc: 9, ver: 1, body: read }]);
    const answers = () => sent.filter(({ body }) => body.type === 'rfwd_r');
    await until(() => answers().length > 0);
    replica.stop();
    expect(answers().map(({ body }) => body)).to.deep.equal([
      { type: 'rfwd_r', id: 5, inc: 9, outcome: { kind: 'refused', reason: 'overloaded' } },
    ]);
  });
});
