import { expect } from 'chai';
import type { ClusterMap } from '../../../common/configuration.js';
import { deliverySchema } from '../../../common/control.js';
import type { OrchestratorMessage, ReportEnvelope } from '../../../common/control-messages.js';
import { ControlChannel } from '../../../orchestrator/control-channel.js';
import type { NoAnswer } from '../../../orchestrator/peer-caller.js';

/** A call that is under way, and how to end it. */
interface Running {
  readonly port: number;
  readonly says: readonly string[];
  readonly roster: boolean;
  end(answer: readonly ReportEnvelope[] | NoAnswer): Promise<void>;
}

const ADDRESS = { a: '127.0.0.1:1/11', b: '127.0.0.1:2/12' };
const map = (ver: number): ClusterMap => ({ clusterId: 'covey', ver, peers: new Map(), parts: [] });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function pong(from: string, addr: string): ReportEnvelope {
  const body = { type: 'pong', n: 1, active: [], promised: 0 } as const;
  return { clusterId: 'covey', from, fromInc: 1, storeId: 's', addr, ver: 0, body };
}

describe('orchestrator/control-channel', () => {
  let calls: Running[];
  let heard: string[];
  let outcomes: string[];
  let channel: ControlChannel;

  const send = (to: 'a' | 'b', body: OrchestratorMessage, addr: string = ADDRESS[to]) =>
    channel.send({ to, addr, envelope: { clusterId: 'covey', from: 'o1', ver: 0, body } });

  function start(secret: string | null = null): void {
    calls = [];
    heard = [];
    outcomes = [];
    channel = new ControlChannel({
      secret,
      call: ({ port }, text) =>
        new Promise((resolve) => {
          const { envelopes, roster } = deliverySchema.parse(JSON.parse(text));
          const says = envelopes.map(({ body }) =>
            body.type === 'ping'
              ? `ping ${body.n}`
              : body.type === 'map'
                ? `map ${body.map.ver}`
                : `query ${body.term}`,
          );
          const end = async (answer: readonly ReportEnvelope[] | NoAnswer) => {
            resolve(answer);
            await turn();
          };
          calls.push({ port, says, roster: roster !== undefined, end });
        }),
      heard: ({ from }) => heard.push(from),
      called: (peer, fault) => outcomes.push(`${peer} ${fault}`),
    });
  }

  beforeEach(() => start());

  it('sends at the end of the turn, all that there is for a peer together', async () => {
    send('a', { type: 'ping', n: 1 });
    send('a', { type: 'map', map: map(5) });
    send('b', { type: 'ping', n: 1 });
    channel.tellRoster('a', ADDRESS.a, '{"copies":3,"peers":[]}');
    expect(calls).to.deep.equal([]);
    await turn();
    expect(calls.map(({ port, says, roster }) => [port, says, roster])).to.deep.equal([
      [1, ['ping 1', 'map 5'], true],
      [2, ['ping 1'], false],
    ]);
  });

  it('has one call to a peer under way, behind it the newest of each message; others are not delayed', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    for (let n = 2; n <= 9; n++) send('a', { type: 'ping', n });
    for (const ver of [5, 6, 7]) send('a', { type: 'map', map: map(ver) });
    send('a', { type: 'query', term: 2 });
    send('b', { type: 'ping', n: 9 });
    await turn();
    expect(calls.map(({ port, says }) => [port, says])).to.deep.equal([
      [1, ['ping 1']],
      [2, ['ping 9']],
    ]);
    await calls[0]?.end([]);
    expect(calls[2]?.says).to.deep.equal(['ping 9', 'map 7', 'query 2']);
    await calls[2]?.end([]);
    expect(calls).to.have.length(3);
  });

  it('calls a process at a new address at once, whatever the old one does', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    send('a', { type: 'ping', n: 2 }, '127.0.0.1:3/13');
    await turn();
    expect(calls.map(({ port }) => port)).to.deep.equal([1, 3]);
  });

  it('hears an answer as the peer that was asked alone, and tells what came of a call', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    await calls[0]?.end([pong('a', ADDRESS.a), pong('b', ADDRESS.b), pong('a', '10.0.0.1:1/2')]);
    expect(heard).to.deep.equal(['a']);
    send('b', { type: 'ping', n: 1 });
    await turn();
    await calls[1]?.end({ fault: 'refused' });
    expect([heard, outcomes]).to.deep.equal([['a'], ['a null', 'b refused']]);
  });

  it('calls no address but such as may be called', async () => {
    send('a', { type: 'ping', n: 1 }, '10.0.0.1:1/2');
    send('a', { type: 'ping', n: 1 }, '0.0.0.0:1/2');
    send('a', { type: 'ping', n: 1 }, 'nowhere');
    await turn();
    expect(calls).to.deep.equal([]);
    start('a-secret-for-tests-only');
    send('a', { type: 'ping', n: 1 }, '10.0.0.1:1/2');
    send('a', { type: 'ping', n: 1 }, '0.0.0.0:1/2');
    await turn();
    expect(calls).to.have.length(1);
  });

  it('says and hears nothing once it is stopped', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    send('a', { type: 'ping', n: 2 });
    channel.stop();
    await calls[0]?.end([pong('a', ADDRESS.a)]);
    send('b', { type: 'ping', n: 1 });
    await turn();
    expect([calls.length, heard]).to.deep.equal([1, []]);
  });
});
