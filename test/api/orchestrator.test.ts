/** The orchestrator over its API, with stand-ins for peers, some of which misbehave. */
import { request as httpRequest, type RequestOptions } from 'node:http';
import { expect } from 'chai';
import { reportsText } from '../../common/control.js';
import type { NodeSummary } from '../../common/summary.js';
import type { Orchestrator, OrchestratorOptions } from '../../orchestrator/orchestrator.js';
import { ask, eventually, post, start } from './orchestrator-harness.js';
import { GONE, type Misbehaviour, StandIn } from './stand-in.js';

const MIB = 1024 * 1024;
/** Fewer than a real cluster has, so that moves take less time. */
const PARTITIONS = 32;

interface Status {
  readonly epoch: number;
  readonly phase: string;
  readonly minInSync: number;
  readonly waitsFor: readonly string[];
  readonly nodes: readonly (NodeSummary & { readonly health: { readonly missing: boolean } })[];
  readonly rebalance: {
    readonly underWay: number;
    readonly toCome: number;
    readonly primariesToHandOver: number;
    readonly moves: readonly { readonly partition: number; readonly from: string; readonly to: string }[];
  };
  readonly drains: readonly { readonly id: string; readonly left: number; readonly done: boolean }[];
  readonly partitions: { readonly total: number; readonly short: number; readonly lost: readonly number[] };
}

interface Table {
  readonly epoch: number;
  readonly partitions: readonly {
    readonly primary: string;
    readonly replicas: readonly string[];
    readonly joining: readonly string[];
    readonly active: boolean;
  }[];
}

describe('the orchestrator over HTTP', function () {
  this.timeout(30_000);
  let orchestrator: Orchestrator;
  let url: string;
  let lines: string[];
  const ends: (() => Promise<void>)[] = [];

  async function run(options: Partial<OrchestratorOptions> = {}): Promise<Orchestrator> {
    lines = [];
    orchestrator = await start(options, lines);
    url = orchestrator.url;
    ends.push(() => orchestrator.stop());
    return orchestrator;
  }

  async function peer(id: string): Promise<StandIn> {
    const one = await StandIn.start(id, url);
    ends.push(() => one.stop());
    return one;
  }

  async function join(id: string): Promise<StandIn> {
    const one = await peer(id);
    const { status, body } = await one.register();
    expect(status, JSON.stringify(body)).to.equal(204);
    return one;
  }

  /** A cluster of that many peers, all of whose partitions are active. */
  async function cluster(size: number, options: Partial<OrchestratorOptions> = {}): Promise<StandIn[]> {
    await run({ bootstrapPeers: size, partitions: PARTITIONS, ...options });
    const peers: StandIn[] = [];
    for (let i = 1; i <= size; i++) peers.push(await join(`p${i}`));
    await active();
    return peers;
  }

  async function status(): Promise<Status> {
    return (await ask<Status>(`${url}/status`)).body;
  }

  async function table(): Promise<Table> {
    return (await ask<Table>(`${url}/partitions`)).body;
  }

  async function active(count = PARTITIONS): Promise<void> {
    await eventually(async () => {
      const { partitions } = await table();
      expect(partitions).to.have.length(count);
      expect(partitions.filter((each) => !each.active)).to.have.length(0);
    });
  }

  async function row(id: string): Promise<NodeSummary | undefined> {
    return (await status()).nodes.find((node) => node.id === id);
  }

  /** Nothing moves, nothing is short, everybody has a fair share. */
  async function calm(): Promise<void> {
    await eventually(async () => {
      const { rebalance, partitions } = await status();
      const { underWay, toCome, primariesToHandOver } = rebalance;
      expect([underWay, toCome, primariesToHandOver, partitions.short]).to.deep.equal([0, 0, 0, 0]);
    });
  }

  /** Asks with headers that fetch would not send. */
  function rawStatus(path: string, options: RequestOptions): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(url + path, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on('error', reject);
      request.end(options.method === 'POST' ? 'x' : '');
    });
  }

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  describe('a new cluster', () => {
    it('is created once as many peers are there as were asked for, and all are told', async () => {
      await run();
      const [p1, p2] = [await join('p1'), await join('p2')];
      await eventually(async () => {
        const { phase, waitsFor } = await status();
        expect([phase, waitsFor]).to.deep.equal(['waiting', ['waiting for 1 more peer']]);
      });
      await eventually(() => expect(lines).to.include('waiting for 1 more peer'));
      expect((await table()).partitions).to.deep.equal([]);
      const p3 = await join('p3');
      await active(256);
      await eventually(() => {
        expect(p1.map?.parts).to.have.length(256);
        expect(p2.map).to.deep.equal(p1.map);
        expect(p3.map).to.deep.equal(p1.map);
      });
      expect([...p1.authorizations]).to.deep.equal(['Bearer a-secret-for-tests-only']);
      expect(p1.led().length).to.be.within(85, 86);
      expect(p1.map?.minInSync).to.equal(2);
      await eventually(() =>
        expect(lines.join('\n')).to.contain('the cluster is managed: 3 peers, 256 partitions'),
      );
    });

    it('is not created by gateways that hold nothing', async () => {
      await run({ bootstrapPeers: 2 });
      for (const id of ['g1', 'g2']) {
        const gateway = await peer(id);
        gateway.weight = 0;
        await gateway.register();
      }
      await join('p1');
      await eventually(async () =>
        expect((await status()).waitsFor).to.deep.equal(['waiting for 1 more peer']),
      );
      await join('p2');
      await active(256);
      expect((await row('g1'))?.weight).to.equal(0);
      expect((await row('g1'))?.partitions).to.deep.equal({ primary: 0, replica: 0, joining: 0 });
    });

    it('is never created where that is so asked', async () => {
      await run({ bootstrapPeers: 0 });
      await join('p1');
      await eventually(async () =>
        expect((await status()).waitsFor.join()).to.contain('waiting for a peer that knows the cluster'),
      );
    });
  });

  describe('tells people', () => {
    it('members, the table, and who is there; and the peers, too', async () => {
      const [p1] = (await cluster(3)) as [StandIn];
      const { body } = await ask<{ orchestrator: string; nodes: NodeSummary[] }>(`${url}/all-nodes`);
      expect(body).to.have.all.keys('cluster', 'epoch', 'orchestrator', 'nodes');
      expect(body.orchestrator).to.equal(url);
      expect(body.nodes[0]).to.have.all.keys('id', 'address', 'status', 'since', 'weight', 'partitions');
      expect(body.nodes[0]).to.deep.include({
        id: 'p1',
        address: `127.0.0.1:${p1.port}`,
        status: 'up',
        weight: 1,
      });
      const { primary = 0, replica = 0 } = body.nodes[0]?.partitions ?? {};
      expect(primary + replica).to.equal(PARTITIONS);
      await eventually(() =>
        expect(p1.roster?.peers.map(({ id, status: word }) => [id, word])).to.deep.equal([
          ['p1', 'up'],
          ['p2', 'up'],
          ['p3', 'up'],
        ]),
      );
      expect((await table()).partitions[3]).to.have.all.keys(
        ...['partition', 'epoch', 'primary', 'replicas', 'joining', 'active'],
      );
    });

    it('GET /livez, /readyz, /metrics, / and HEAD', async () => {
      await cluster(3);
      expect((await ask(`${url}/livez`)).body).to.deep.equal({ status: 'live' });
      expect((await ask(`${url}/readyz`)).body).to.deep.equal({ status: 'ready' });
      const verbose = await ask<{ checks: { name: string }[] }>(`${url}/readyz?verbose`);
      expect(verbose.body.checks.map((check) => check.name)).to.deep.equal(['registry', 'peers']);
      expect((await ask(url)).body).to.contain('/all-nodes');
      expect((await ask(`${url}/livez`, { method: 'HEAD' })).status).to.equal(200);
      const metrics = await ask<string>(`${url}/metrics`);
      expect(metrics.headers.get('content-type')).to.contain('text/plain');
      for (const line of [
        'covey_orchestrator_peers{status="up"} 3',
        'covey_orchestrator_managing 1',
        'covey_orchestrator_partitions_short 0',
        'covey_orchestrator_calls_total{outcome="answered"}',
        'covey_orchestrator_registry_swap_seconds_count{outcome="swapped"}',
      ]) {
        expect(metrics.body).to.contain(line);
      }
    });
  });

  describe('members', () => {
    it('are given their share when they join, and the log tells of it', async () => {
      await cluster(3);
      const p4 = await join('p4');
      await eventually(async () => expect((await row('p4'))?.partitions.primary).to.equal(8));
      await calm();
      expect(p4.map?.peers.size).to.equal(4);
      await eventually(() =>
        expect(lines.join('\n')).to.match(
          /p4 joined[\s\S]*copies on their way[\s\S]*all copies are where they belong: 24 moved/,
        ),
      );
    });

    it('that fall silent are shown, and written out of what they held', async () => {
      const [p1, p2] = (await cluster(3)) as [StandIn, StandIn];
      p2.misbehave = GONE;
      await eventually(async () => expect((await row('p2'))?.status).to.equal('down'));
      await eventually(() => expect(p1.roster?.peers[1]).to.include({ id: 'p2', status: 'down' }));
      await eventually(async () =>
        expect((await row('p2'))?.partitions).to.include({ primary: 0, replica: 0 }),
      );
      expect(lines.join('\n')).to.contain('p2 does not answer');
      p2.misbehave = null;
      await eventually(async () => expect((await row('p2'))?.status).to.equal('up'));
      await calm();
      expect((await row('p2'))?.partitions.primary).to.be.within(10, 11);
    });

    it('that take connections and never answer delay nobody else', async () => {
      const [p1, p2] = (await cluster(3)) as [StandIn, StandIn];
      const before = p1.calls;
      p2.misbehave = { deliver: () => undefined };
      await eventually(async () => expect((await row('p2'))?.status).to.equal('down'));
      expect(p1.calls).to.be.above(before + 2);
    });

    it('are given another copy elsewhere after a while', async () => {
      const [, , , p4] = (await cluster(4, { repairAfterMs: 200 })) as StandIn[];
      (p4 as StandIn).misbehave = GONE;
      await eventually(async () => expect((await status()).partitions.short).to.be.above(0));
      await calm();
    });

    it('count as silent where the answer is not their own, or none', async () => {
      const [p1, p2, p3] = (await cluster(3)) as [StandIn, StandIn, StandIn];
      const says = (line: string): Misbehaviour => ({ deliver: (socket) => socket.write(`${line}\n`) });
      const refuses = (head: string): Misbehaviour => ({
        connect: (socket) => socket.end(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\n\r\n`),
        deliver: (socket) => socket.destroy(),
      });
      const bad: readonly Misbehaviour[] = [
        says(reportsText([p3.report({ type: 'pong', n: 1e9, active: [], promised: 0 })])),
        says('all is well'),
        says('{"reports":[{}]}'),
        says(`{"padding":"${'x'.repeat(9 * MIB)}"}`),
        refuses('500 No'),
        refuses(`302 There\r\nLocation: http://127.0.0.1:${p1.port}/`),
      ];
      for (const misbehave of bad) {
        p2.misbehave = misbehave;
        await eventually(async () => expect((await row('p2'))?.status).to.equal('down'));
        p2.misbehave = null;
        await eventually(async () => expect((await row('p2'))?.status).to.equal('up'));
      }
    });

    it('that come back with an empty disk are told of, and a partition whose every disk is gone is LOST', async () => {
      const peers = await cluster(2, { copies: 2, minInSync: 1 });
      for (const each of peers) each.misbehave = GONE;
      for (const each of peers) await each.wipe();
      for (const each of peers) each.misbehave = null;
      await eventually(async () => expect((await status()).partitions.lost).to.have.length(PARTITIONS));
      expect((await status()).waitsFor.join()).to.contain('lost');
      expect(lines.join('\n')).to.contain('EMPTY disk').and.to.contain('DATA LOST');
      expect((await table()).partitions.every((each) => each.primary !== '')).to.equal(true);
    });
  });

  describe('operators', () => {
    const say = (path: string, body: unknown = '') =>
      post<{ code?: string; detail: string }>(url + path, body);

    it('empty a node and take that back', async () => {
      const [p1] = (await cluster(4)) as [StandIn];
      expect((await say('/nodes/p4/drain')).status).to.equal(202);
      await eventually(async () => {
        const [drain] = (await status()).drains;
        expect(drain).to.include({ id: 'p4', left: 0, done: true });
      });
      expect((await row('p4'))?.status).to.equal('leaving');
      await eventually(() => expect(p1.roster?.peers[3]).to.include({ id: 'p4', status: 'leaving' }));
      expect((await say('/nodes/p4/undrain')).status).to.equal(202);
      await calm();
      expect((await row('p4'))?.partitions.primary).to.equal(8);
    });

    it('forget a node only where it is gone and holds nothing', async () => {
      const peers = await cluster(4, { repairAfterMs: 100 });
      const answers = await say('/nodes/p4/forget');
      expect([answers.status, answers.body.code]).to.deep.equal([409, 'change-refused']);
      expect(answers.body.detail).to.contain('p4 answers');
      (peers[3] as StandIn).misbehave = GONE;
      await eventually(async () => expect((await say('/nodes/p4/forget')).status).to.equal(202));
      await eventually(async () => expect(await row('p4')).to.equal(undefined));
    });

    it('hand partitions over and move copies', async () => {
      const peers = await cluster(4);
      const [first] = (await table()).partitions;
      const [replica = ''] = first?.replicas ?? [];
      const spare = peers.find(({ id }) => id !== first?.primary && !first?.replicas.includes(id))?.id;
      for (const each of peers) each.teaching = false;
      const moved = await say('/partitions/0/move', { from: replica, to: spare });
      expect(moved.status, JSON.stringify(moved.body)).to.equal(202);
      await eventually(async () => {
        const { moves } = (await status()).rebalance;
        expect(moves.map(({ partition, from, to }) => [partition, from, to])).to.deep.equal([
          [0, replica, spare],
        ]);
      });
      const again = await say('/partitions/0/move', { to: spare });
      expect([again.status, again.body.code]).to.deep.equal([409, 'change-refused']);
      const [, second] = (await table()).partitions;
      const successor = second?.replicas[0];
      expect((await say('/partitions/1/move', { primary: successor })).status).to.equal(202);
      await eventually(async () => expect((await table()).partitions[1]?.primary).to.equal(successor));
    });

    it('are told what is wrong with a wish', async () => {
      await cluster(3);
      const wrong: readonly (readonly [string, unknown, number, string])[] = [
        ['/nodes/p9/drain', '', 404, 'node-not-found'],
        ['/partitions/256/move', { to: 'p1' }, 404, 'not-found'],
        ['/partitions/x/move', { to: 'p1' }, 404, 'not-found'],
        ['/partitions/0/move', {}, 400, 'invalid-request'],
        ['/partitions/0/move', { to: 7 }, 400, 'invalid-request'],
        ['/partitions/0/move', '{"to"', 400, 'invalid-json'],
        ['/partitions/0/move', { primary: 'p9' }, 409, 'change-refused'],
        ['/partitions/0/force-rebuild?accept-loss=true', '', 409, 'change-refused'],
      ];
      for (const [path, body, code, problem] of wrong) {
        const answer = await say(path, body);
        expect([path, answer.status, answer.body.code]).to.deep.equal([path, code, problem]);
      }
    });
  });

  describe('refusals', () => {
    const good = () => ({
      ...{ clusterId: 'covey', from: 'p1', fromInc: 1, storeId: 's1', addr: '127.0.0.1:8080/18080', ver: 0 },
      body: { type: 'register', weight: 1 },
    });

    const cases: readonly (readonly [string, object | string, number, string, string])[] = [
      ['JSON that is none', '{"clusterId":', 400, 'invalid-json', 'JSON'],
      ['a body that is no object', '[]', 400, 'invalid-registration', 'expected object'],
      ['another cluster', { clusterId: 'other' }, 409, 'wrong-cluster', 'other'],
      ['a URL as address', { addr: 'http://x:80/81' }, 400, 'invalid-registration', 'addr:'],
      ['a user in the address', { addr: 'user@host:80/81' }, 400, 'invalid-registration', 'addr:'],
      ['a line end in the address', { addr: 'host\r\nX:80/81' }, 400, 'invalid-registration', 'addr:'],
      ['no host', { addr: ':80/81' }, 400, 'invalid-registration', 'addr:'],
      ['every address', { addr: '0.0.0.0:80/81' }, 400, 'invalid-registration', '--advertise'],
      ['a group of machines', { addr: '224.0.0.1:80/81' }, 400, 'invalid-registration', 'addr:'],
      ['port 0', { addr: '127.0.0.1:0/81' }, 400, 'invalid-registration', 'addr:'],
      ['port 65536', { addr: '127.0.0.1:65536/81' }, 400, 'invalid-registration', 'addr:'],
      ['an id with spaces', { from: 'a b' }, 400, 'invalid-registration', 'from:'],
      [
        'a weight below 0',
        { body: { type: 'register', weight: -1 } },
        400,
        'invalid-registration',
        'weight:',
      ],
      ['another report', { body: { type: 'pull' } }, 400, 'invalid-registration', 'body'],
      ['an unknown field', { colour: 'red' }, 400, 'invalid-registration', 'colour'],
      ['a body beyond the limit', `"${'x'.repeat(20 * 1024)}"`, 413, 'body-too-large', 'bytes'],
    ];
    for (const [name, change, code, problem, hint] of cases) {
      it(`a registration with ${name} is ${code} ${problem}`, async () => {
        await run();
        const body =
          typeof change === 'string' ? change : Array.isArray(change) ? change : { ...good(), ...change };
        const answer = await post(`${url}/register`, body);
        expect([answer.status, answer.body.code]).to.deep.equal([code, problem]);
        expect(answer.body.detail).to.contain(hint);
        expect(answer.headers.get('content-type')).to.contain('application/problem+json');
      });
    }

    it('reports of another cluster, and such as are none', async () => {
      await run();
      const wrong = await post(`${url}/reports`, { reports: [{ ...good(), clusterId: 'other' }] });
      expect([wrong.status, wrong.body.code]).to.deep.equal([409, 'wrong-cluster']);
      const none = await post(`${url}/reports`, { reports: [{ ...good(), body: { type: 'gossip' } }] });
      expect([none.status, none.body.code]).to.deep.equal([400, 'invalid-request']);
    });

    it('what is for the inside takes the secret', async () => {
      await run();
      for (const path of [
        '/register',
        '/reports',
        '/nodes/p1/drain',
        '/partitions/1/move',
        '/partitions/1/force-rebuild',
      ]) {
        for (const secret of [null, '', 'another-secret-of-some-length']) {
          const answer = await post(url + path, good(), secret);
          expect([answer.status, answer.body.code]).to.deep.equal([401, 'unauthorized']);
          expect(answer.headers.get('www-authenticate')).to.contain('Bearer');
        }
      }
    });

    it('without a secret it takes this machine alone, and no web page', async () => {
      await run({ secret: null });
      const far = await post(`${url}/register`, { ...good(), addr: '10.0.0.1:80/81' }, null);
      expect(far.body.code).to.equal('invalid-registration');
      const fromPage = await ask(`${url}/register`, {
        method: 'POST',
        headers: { origin: 'http://evil.example' },
        body: JSON.stringify(good()),
      });
      expect([fromPage.status, fromPage.body.code]).to.deep.equal([403, 'forbidden']);
      expect(await rawStatus('/status', { headers: { host: 'evil.example' } })).to.equal(403);
      expect((await post(`${url}/register`, good(), null)).status).to.equal(204);
    });

    it('a name in use is 409, and so is an older process of the same store', async () => {
      const [p1] = (await cluster(3)) as [StandIn];
      const elsewhere = await p1.register({ addr: '127.0.0.1:1/2', storeId: 'another' });
      expect([elsewhere.status, elsewhere.body.code]).to.deep.equal([409, 'id-taken']);
      const older = await p1.register({ fromInc: 0 });
      expect([older.status, older.body.code]).to.deep.equal([409, 'stale-instance']);
      expect((await p1.restart()).status).to.equal(204);
    });

    it('wrong methods are 405 with Allow, unknown paths 404, unknown parameters 400', async () => {
      await run();
      const wrong = await ask(`${url}/register`);
      expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).to.deep.equal([
        ...[405, 'method-not-allowed', 'POST'],
      ]);
      expect((await post(`${url}/all-nodes`, '')).headers.get('allow')).to.equal('HEAD, GET');
      const unknown = await ask(`${url}/kv/a`);
      expect([unknown.status, unknown.body.code]).to.deep.equal([404, 'not-found']);
      expect((await ask(`${url}/all-nodes?x=1`)).body.code).to.equal('invalid-query');
      expect((await ask(`${url}/%zz`)).status).to.equal(404);
      expect((await ask(`${url}/nodes/%zz/drain`, { method: 'POST' })).status).to.be.oneOf([400, 401]);
    });

    it('compressed bodies are 415', async () => {
      await run();
      const headers = { authorization: 'Bearer a-secret-for-tests-only', 'content-encoding': 'gzip' };
      const code = await rawStatus('/register', { method: 'POST', headers });
      expect(code).to.equal(415);
    });
  });
});
