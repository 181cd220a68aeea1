/** The peer's side of the control channel, against an orchestrator that answers as a test wants it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { systemClock } from '../../common/clock.js';
import { reportsSchema } from '../../common/control.js';
import type { OrchestratorEnvelope, ReportEnvelope, ReportMessage } from '../../common/control-messages.js';
import { OrchestratorLink } from '../../peer/orchestrator-link.js';
import { eventually } from '../api/orchestrator-harness.js';

const PING: OrchestratorEnvelope = { clusterId: 'covey', from: 'o1', ver: 0, body: { type: 'ping', n: 1 } };

function report(body: ReportMessage): ReportEnvelope {
  return { clusterId: 'covey', from: 'p1', fromInc: 1, storeId: 's', addr: '127.0.0.1:1/2', ver: 0, body };
}

const pong = (n: number) => report({ type: 'pong', n, active: [], promised: 0 });

/** What stands in for the orchestrator: a status, and a body. */
interface Reply {
  readonly status: number;
  readonly code?: string;
}

describe('peer/orchestrator-link', () => {
  let server: Server;
  let link: OrchestratorLink;
  let reply: Reply;
  let hold: Promise<void>;
  const asked: { path: string; body: unknown }[] = [];
  const refused: string[] = [];
  const warned: string[] = [];

  const start = (obey: (envelope: OrchestratorEnvelope) => void = () => undefined) => {
    const { port } = server.address() as AddressInfo;
    link = new OrchestratorLink({
      ...{ orchestrator: `http://127.0.0.1:${port}`, secret: null, weight: 2, clock: systemClock, obey },
      log: { info: () => undefined, warn: (line: unknown) => warned.push(String(line)) },
      refused: (line) => refused.push(line),
    });
    return link;
  };

  const bodies = () => asked.map(({ path, body }) => [path, body]);
  const types = (text: string) => reportsSchema.parse(JSON.parse(text)).reports.map(({ body }) => body.type);

  beforeEach(async () => {
    reply = { status: 204 };
    hold = Promise.resolve();
    for (const list of [asked, refused, warned]) list.length = 0;
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()) });
      await hold;
      const { status, code } = reply;
      response.writeHead(status).end(code === undefined ? '' : JSON.stringify({ code, detail: 'Not you.' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    link.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('answers in the call what is said in the same turn, and reports the rest', async () => {
    start(() => {
      setImmediate(() => {
        link.report('o1', pong(1));
        link.report('o2', report({ type: 'pull' }));
        link.report(undefined, report({ type: 'leave' }));
      });
    });
    const answer = await link.deliver({ envelopes: [PING] });
    expect(types(answer)).to.deep.equal(['pong']);
    await eventually(() => expect(asked).to.have.length(1));
    const said = reportsSchema.parse(asked[0]?.body).reports.map(({ body }) => body.type);
    expect(said).to.deep.equal(['pull', 'leave']);
    link.report('o1', pong(2));
    await eventually(() => expect(asked).to.have.length(2));
  });

  it('answers two calls that overlap, each report once', async () => {
    let obeyed = 0;
    start(() => {
      obeyed++;
      // As the driver does: one end for all that came in a turn.
      if (obeyed > 1) return;
      setImmediate(() => {
        for (let n = 1; n <= obeyed; n++) link.report('o1', pong(n));
      });
    });
    const delivery = { envelopes: [PING] };
    const answers = await Promise.all([link.deliver(delivery), link.deliver(delivery)]);
    expect(answers.flatMap(types)).to.deep.equal(['pong', 'pong']);
    expect(asked).to.deep.equal([]);
  });

  it('keeps the roster, and knows how long ago it was spoken to', async () => {
    start();
    expect([link.roster, link.silentMs]).to.deep.equal([null, Number.POSITIVE_INFINITY]);
    const roster = { copies: 3, peers: [{ id: 'p1', status: 'up' as const, sinceMs: 5 }] };
    await link.deliver({ envelopes: [], roster });
    expect(link.roster).to.deep.equal(roster);
    await link.deliver({ envelopes: [] });
    expect(link.roster).to.deep.equal(roster);
    expect(link.silentMs).to.be.below(1_000);
  });

  it('registers by a call of its own, with its weight', async () => {
    start().report(undefined, report({ type: 'register' }));
    await eventually(() => expect(asked).to.have.length(1));
    expect(bodies()).to.deep.equal([['/register', report({ type: 'register', weight: 2 })]]);
  });

  it('has one call under way, and behind it the newest of each report', async () => {
    let release: () => void = () => undefined;
    hold = new Promise((resolve) => {
      release = resolve;
    });
    start().report(undefined, report({ type: 'pull' }));
    await eventually(() => expect(asked).to.have.length(1));
    for (let n = 1; n <= 50; n++) link.report('o1', pong(n));
    for (const partition of [1, 2, 1]) {
      link.report(
        undefined,
        report({ type: 'accuse', who: 'p2', why: 'no-ack', cases: [{ partition, epoch: 1 }] }),
      );
    }
    for (let i = 0; i < 3_000; i++) {
      const add = {
        type: 'add',
        partition: i,
        epoch: 1,
        learner: 'p2',
        learnerStoreId: 's',
        learnerInc: 1,
      } as const;
      if (i % 100 === 0) link.report(undefined, report(add));
    }
    expect(asked).to.have.length(1);
    release();
    await eventually(() => expect(asked).to.have.length(2));
    const said = reportsSchema.parse(asked[1]?.body).reports.map(({ body }) => body);
    const pongs = said.filter((body) => body.type === 'pong');
    expect(pongs.map((body) => body.n)).to.deep.equal([50]);
    expect(said.filter((body) => body.type === 'accuse')).to.have.length(2);
    expect(said.filter((body) => body.type === 'add')).to.have.length(30);
  });

  it('drops what fails, warns once in a while, and goes on when the orchestrator is there again', async () => {
    reply = { status: 503 };
    start();
    for (let n = 1; n <= 3; n++) {
      link.report(undefined, pong(n));
      await eventually(() => expect(asked).to.have.length(n));
    }
    expect(warned).to.have.length(1);
    expect(warned[0]).to.contain('it answers 503');
    reply = { status: 204 };
    link.report(undefined, report({ type: 'pull' }));
    await eventually(() => expect(asked).to.have.length(4));
    expect(reportsSchema.parse(asked[3]?.body).reports.map(({ body }) => body.type)).to.deep.equal(['pull']);
    expect(refused).to.deep.equal([]);
  });

  for (const code of ['wrong-cluster', 'stale-instance', 'invalid-registration', 'unauthorized']) {
    it(`says for good why the orchestrator never takes it: ${code}`, async () => {
      reply = { status: 409, code };
      start().report(undefined, report({ type: 'register' }));
      await eventually(() => expect(refused).to.have.length(1));
      expect(refused[0]).to.match(/^the orchestrator at http:\S+ refuses this peer: Not you$/);
      link.report(undefined, report({ type: 'register' }));
      expect(asked).to.have.length(1);
    });
  }

  it('waits where another peer has its name, and serves on whatever it hears once it was taken', async () => {
    reply = { status: 409, code: 'id-taken' };
    start().report(undefined, report({ type: 'register' }));
    await eventually(() => expect(warned).to.have.length(1));
    reply = { status: 204 };
    link.report(undefined, report({ type: 'register' }));
    await eventually(() => expect(asked).to.have.length(2));
    reply = { status: 401, code: 'unauthorized' };
    link.report(undefined, report({ type: 'pull' }));
    await eventually(() => expect(warned).to.have.length(2));
    expect(refused).to.deep.equal([]);
  });
});
