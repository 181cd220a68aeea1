import { expect } from 'chai';
import type { ClusterMap } from '../../../common/configuration.js';
import type { OrchestratorMessage, ReportEnvelope } from '../../../common/control-messages.js';
import { type Delivery, DeliveryReader } from '../../../common/control-stream.js';
import { ControlChannel } from '../../../orchestrator/control-channel.js';
import type { ConnectionEvents } from '../../../orchestrator/peer-connection.js';

/** A connection that was made, and what went over it. */
class Made {
  readonly deliveries: Delivery[] = [];
  closed = false;
  private readonly reader = new DeliveryReader();

  constructor(
    readonly port: number,
    private readonly events: ConnectionEvents,
  ) {}

  send(text: string): void {
    this.deliveries.push(this.reader.read(JSON.parse(text)) as Delivery);
  }

  close(): void {
    this.closed = true;
  }

  says(): (readonly string[])[] {
    return this.deliveries.map(({ envelopes, roster }) => [
      ...envelopes.map(({ body }) =>
        body.type === 'ping'
          ? `ping ${body.n}`
          : body.type === 'map'
            ? `map ${body.map.ver}`
            : `query ${body.term}`,
      ),
      ...(roster === undefined ? [] : [`roster of ${roster.copies}`]),
    ]);
  }

  async answer(...reports: ReportEnvelope[]): Promise<void> {
    this.events.answered(reports);
    await turn();
  }

  async end(fault: string | null): Promise<void> {
    this.events.ended(fault);
    await turn();
  }
}

const ADDRESS = { a: '127.0.0.1:1/11', b: '127.0.0.1:2/12' };
const ROSTER = '{"copies":3,"peers":[]}';
const map = (ver: number): ClusterMap => ({ clusterId: 'covey', ver, peers: new Map(), parts: [] });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function pong(from: string, addr: string): ReportEnvelope {
  const body = { type: 'pong', n: 1, active: [], promised: 0 } as const;
  return { clusterId: 'covey', from, fromInc: 1, storeId: 's', addr, ver: 0, body };
}

describe('orchestrator/control-channel', () => {
  let made: Made[];
  let heard: string[];
  let outcomes: string[];
  let channel: ControlChannel;

  const send = (to: 'a' | 'b', body: OrchestratorMessage, addr: string = ADDRESS[to]) =>
    channel.send({ to, addr, envelope: { clusterId: 'covey', from: 'o1', ver: 0, body } });
  const said = () => made.map((connection) => [connection.port, connection.says()]);

  function start(secret: string | null = null): void {
    made = [];
    heard = [];
    outcomes = [];
    channel = new ControlChannel({
      secret,
      dial: ({ port }, events) => {
        const connection = new Made(port, events);
        made.push(connection);
        return connection;
      },
      heard: ({ from }) => heard.push(from),
      called: (peer, fault) => outcomes.push(`${peer} ${fault}`),
    });
  }

  beforeEach(() => start());

  it('sends at the end of the turn, all that there is for a peer together', async () => {
    send('a', { type: 'ping', n: 1 });
    send('a', { type: 'map', map: map(5) });
    send('b', { type: 'ping', n: 1 });
    channel.tellRoster('a', ADDRESS.a, ROSTER);
    expect(made).to.deep.equal([]);
    await turn();
    expect(said()).to.deep.equal([
      [1, [['ping 1', 'map 5', 'roster of 3']]],
      [2, [['ping 1']]],
    ]);
  });

  it('has one delivery to a peer under way, behind it the newest of each message; others are not delayed', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    for (let n = 2; n <= 9; n++) send('a', { type: 'ping', n });
    for (const ver of [5, 6, 7]) send('a', { type: 'map', map: map(ver) });
    send('a', { type: 'query', term: 2 });
    send('b', { type: 'ping', n: 9 });
    await turn();
    expect(said()).to.deep.equal([
      [1, [['ping 1']]],
      [2, [['ping 9']]],
    ]);
    await made[0]?.answer();
    expect(made[0]?.says()[1]).to.deep.equal(['ping 9', 'map 7', 'query 2']);
    await made[0]?.answer();
    expect(made[0]?.says()).to.have.length(2);
  });

  it('tells a roster once on a connection, and again on the next one', async () => {
    channel.tellRoster('a', ADDRESS.a, ROSTER);
    await turn();
    await made[0]?.answer();
    channel.tellRoster('a', ADDRESS.a, ROSTER);
    await turn();
    channel.tellRoster('a', ADDRESS.a, ROSTER.replace('3', '4'));
    await turn();
    expect(said()).to.deep.equal([[1, [['roster of 3'], ['roster of 4']]]]);
    await made[0]?.end('cut');
    channel.tellRoster('a', ADDRESS.a, ROSTER.replace('3', '4'));
    await turn();
    expect(made[1]?.says()).to.deep.equal([['roster of 4']]);
  });

  it('connects anew for what waited behind a delivery that failed, and begins with the whole map', async () => {
    for (const ver of [5, 6]) {
      send('a', { type: 'map', map: map(ver) });
      await turn();
      if (ver === 5) await made[0]?.answer();
    }
    send('a', { type: 'map', map: map(7) });
    await made[0]?.end('cut');
    expect(said()).to.deep.equal([
      [1, [['map 5'], ['map 6']]],
      [1, [['map 7']]],
    ]);
    await made[1]?.end(null);
    expect(outcomes).to.deep.equal(['a null', 'a cut']);
  });

  it('calls a process at a new address at once, whatever the old one does', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    send('a', { type: 'ping', n: 2 }, '127.0.0.1:3/13');
    await turn();
    expect(made.map(({ port }) => port)).to.deep.equal([1, 3]);
  });

  it('hears an answer as the peer that was asked alone, and tells what came of a delivery', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    await made[0]?.answer(pong('a', ADDRESS.a), pong('b', ADDRESS.b), pong('a', '10.0.0.1:1/2'));
    expect(heard).to.deep.equal(['a']);
    send('b', { type: 'ping', n: 1 });
    await turn();
    await made[1]?.end('refused');
    expect([heard, outcomes]).to.deep.equal([['a'], ['a null', 'b refused']]);
  });

  it('calls no address but such as may be called', async () => {
    send('a', { type: 'ping', n: 1 }, '10.0.0.1:1/2');
    send('a', { type: 'ping', n: 1 }, '0.0.0.0:1/2');
    send('a', { type: 'ping', n: 1 }, 'nowhere');
    await turn();
    expect(made).to.deep.equal([]);
    start('a-secret-for-tests-only');
    send('a', { type: 'ping', n: 1 }, '10.0.0.1:1/2');
    send('a', { type: 'ping', n: 1 }, '0.0.0.0:1/2');
    await turn();
    expect(made).to.have.length(1);
  });

  it('says and hears nothing once it is stopped', async () => {
    send('a', { type: 'ping', n: 1 });
    await turn();
    send('a', { type: 'ping', n: 2 });
    channel.stop();
    await made[0]?.answer(pong('a', ADDRESS.a));
    send('b', { type: 'ping', n: 1 });
    await turn();
    expect([made.length, heard, made[0]?.closed]).to.deep.equal([1, [], true]);
  });
});
