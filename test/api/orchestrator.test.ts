/** The orchestrator over its API, with peers that misbehave. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { View } from '../../common/view.js';
import type { Orchestrator, OrchestratorOptions } from '../../orchestrator/orchestrator.js';
import { MAX_MEMBERS } from '../../orchestrator/registry.js';
import { ask, eventually, FakePeer, post, start } from './orchestrator-harness.js';

const MIB = 1024 * 1024;

interface Row {
  readonly id: string;
  readonly status: string;
  readonly health?: object;
  readonly partitions: { readonly primary: number; readonly replica: number };
}

interface Nodes {
  readonly orchestrator: string;
  readonly nodes: readonly Row[];
}

interface Status extends Nodes {
  readonly rebalance: { readonly pending: number; readonly moves: readonly object[] };
  readonly partitions: object;
}

interface Table {
  readonly epoch: number;
  readonly partitions: readonly object[];
}

describe('the orchestrator over HTTP', function () {
  this.timeout(20_000);
  let orchestrator: Orchestrator;
  let url: string;
  const ends: (() => Promise<void>)[] = [];

  async function run(options: Partial<OrchestratorOptions> = {}): Promise<Orchestrator> {
    orchestrator = await start(options);
    url = orchestrator.url;
    ends.push(() => orchestrator.stop());
    return orchestrator;
  }

  async function peer(id: string): Promise<FakePeer> {
    const fake = await FakePeer.start(id);
    ends.push(() => fake.stop());
    return fake;
  }

  async function register(fake: FakePeer, changes: object = {}): Promise<View> {
    const answer = await post<View>(`${url}/register`, fake.registration(changes));
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    return answer.body;
  }

  async function row(id: string): Promise<Row | undefined> {
    const { body } = await ask<Nodes>(`${url}/all-nodes`);
    return body.nodes.find((node) => node.id === id);
  }

  async function expectStatus(id: string, status: string): Promise<void> {
    await eventually(async () => expect((await row(id))?.status).to.equal(status));
  }

  async function placed(...peers: FakePeer[]): Promise<void> {
    for (const each of peers) await register(each);
    await eventually(() => {
      for (const each of peers)
        expect(each.view?.partitions.every(({ primary }) => primary !== null)).to.equal(true);
    });
  }

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  describe('rows', () => {
    it('POST /register makes a member, and everybody is told who owns what', async () => {
      await run();
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      const view = await register(p1);
      expect(view.members.map((member) => [member.id, member.status])).to.deep.equal([['p1', 'up']]);
      await placed(p1, p2);
      expect(p1.view).to.deep.equal(p2.view);
      expect([...p1.authorizations]).to.deep.equal(['Bearer a-secret-for-tests-only']);
      const epochs = p1.views.map((each) => each.epoch);
      expect(epochs).to.deep.equal([...epochs].sort((a, b) => a - b));
    });

    it('GET /all-nodes, /partitions and /status show members, the table, and what moves', async () => {
      await run();
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1);
      p2.fetching = Array.from({ length: 256 }, (_, i) => i);
      await register(p2);
      await eventually(async () => {
        const { body } = await ask<Status>(`${url}/status`);
        expect(body.rebalance.pending).to.equal(128);
        expect(body.rebalance.moves[0]).to.include({ from: 'p1', to: 'p2' });
        expect(body.nodes[1]?.health).to.include({ missing: false, fetching: 256 });
        expect(body.partitions).to.deep.equal({ total: 256, unowned: 0 });
      });
      const nodes = await ask<Nodes>(`${url}/all-nodes`);
      expect(nodes.body).to.have.all.keys('cluster', 'epoch', 'orchestrator', 'nodes');
      expect(nodes.body.orchestrator).to.equal(url);
      expect(nodes.body.nodes[0]).to.have.all.keys(
        'id',
        'address',
        'status',
        'since',
        'weight',
        'partitions',
      );
      expect(nodes.body.nodes[0]).to.deep.include({
        address: `127.0.0.1:${p1.port}`,
        partitions: { primary: 128, replica: 128 },
      });
      const table = await ask<Table>(`${url}/partitions`);
      expect(table.body.partitions).to.have.length(256);
      expect(table.body.partitions[3]).to.have.all.keys(
        'partition',
        'epoch',
        'primary',
        'replicas',
        'source',
      );
      p2.fetching = [];
      await eventually(async () =>
        expect((await ask<Status>(`${url}/status`)).body.rebalance.pending).to.equal(0),
      );
      await eventually(() =>
        expect(p1.view?.partitions.every(({ source }) => source === null)).to.equal(true),
      );
    });

    it('POST /leave hands over, and the member goes', async () => {
      await run();
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1, p2);
      const leaving = { cluster: 'covey', id: 'p1', instance: 1 };
      const answer = await post(`${url}/leave`, leaving);
      expect(answer.status).to.equal(202);
      expect((await row('p1'))?.status).to.equal('leaving');
      await eventually(() => {
        for (const { primary, source } of p1.view?.partitions ?? [])
          expect([primary, source]).to.deep.equal(['p2', null]);
      });
      const last = await post<View>(`${url}/leave`, leaving);
      expect(last.body.members.map((member) => member.id)).to.deep.equal(['p2']);
      expect((await post(`${url}/leave`, { cluster: 'covey', id: 'p2', instance: 1 })).body.code).to.equal(
        'last-peer',
      );
    });

    it('GET /livez, /readyz, / and HEAD', async () => {
      await run();
      expect((await ask(`${url}/livez`)).body).to.deep.equal({ status: 'live' });
      expect((await ask(`${url}/readyz`)).body).to.deep.equal({ status: 'ready' });
      const verbose = await ask<{ checks: { name: string }[] }>(`${url}/readyz?verbose`);
      expect(verbose.body.checks.map((check) => check.name)).to.deep.equal(['registry', 'peers']);
      expect((await ask(url)).body).to.contain('/all-nodes');
      expect((await ask(`${url}/livez`, { method: 'HEAD' })).status).to.equal(200);
    });

    it('what is not built yet says so', async () => {
      await run();
      await placed(await peer('p1'));
      for (const answer of [await post(`${url}/nodes/p1/drain`, ''), await ask(`${url}/metrics`)]) {
        expect([answer.status, answer.body.code]).to.deep.equal([501, 'not-implemented']);
      }
      expect((await post(`${url}/nodes/p9/drain`, '')).body.code).to.equal('node-not-found');
    });
  });

  describe('refusals', () => {
    const GOOD = {
      ...{ cluster: 'covey', id: 'p1', host: '127.0.0.1', port: 8080, peerPort: 18080 },
      ...{ instance: 1, weight: 1, view: null },
    };

    const cases: readonly (readonly [string, object | string, number, string, string])[] = [
      ['JSON that is none', '{"cluster":', 400, 'invalid-json', 'JSON'],
      ['a body that is no object', '[]', 400, 'invalid-registration', 'expected object'],
      ['another cluster', { ...GOOD, cluster: 'other' }, 409, 'wrong-cluster', 'other'],
      ['a URL as host', { ...GOOD, host: 'http://x' }, 400, 'invalid-registration', 'host:'],
      ['a user in the host', { ...GOOD, host: 'user@host' }, 400, 'invalid-registration', 'host:'],
      ['a path in the host', { ...GOOD, host: 'host/path' }, 400, 'invalid-registration', 'host:'],
      ['a port in the host', { ...GOOD, host: 'host:80' }, 400, 'invalid-registration', 'host:'],
      ['a line end in the host', { ...GOOD, host: 'host\r\nX: y' }, 400, 'invalid-registration', 'host:'],
      ['no host', { ...GOOD, host: '' }, 400, 'invalid-registration', 'host:'],
      ['every address', { ...GOOD, host: '0.0.0.0' }, 400, 'invalid-registration', '--advertise'],
      ['a group of machines', { ...GOOD, host: '224.0.0.1' }, 400, 'invalid-registration', 'host:'],
      ['port 0', { ...GOOD, port: 0 }, 400, 'invalid-registration', 'port:'],
      ['port 65536', { ...GOOD, port: 65_536 }, 400, 'invalid-registration', 'port:'],
      ['a port in quotes', { ...GOOD, port: '8080' }, 400, 'invalid-registration', 'port:'],
      ['an id with spaces', { ...GOOD, id: 'a b' }, 400, 'invalid-registration', 'id:'],
      ['a weight below 0', { ...GOOD, weight: -1 }, 400, 'invalid-registration', 'weight:'],
      ['an instance of 0', { ...GOOD, instance: 0 }, 400, 'invalid-registration', 'instance:'],
      ['an unknown field', { ...GOOD, colour: 'red' }, 400, 'invalid-registration', 'colour'],
      ['half a view', { ...GOOD, view: { cluster: 'covey' } }, 400, 'invalid-registration', 'view.'],
      ['a body beyond the limit', `"${'x'.repeat(2 * MIB)}"`, 413, 'body-too-large', 'bytes'],
    ];
    for (const [name, body, status, code, hint] of cases) {
      it(`a registration with ${name} is ${status} ${code}`, async () => {
        await run();
        const answer = await post(`${url}/register`, body);
        expect([answer.status, answer.body.code]).to.deep.equal([status, code]);
        expect(answer.body.detail).to.contain(hint);
        expect(answer.headers.get('content-type')).to.contain('application/problem+json');
        expect((await ask<Nodes>(`${url}/all-nodes`)).body.nodes).to.deep.equal([]);
      });
    }

    it('a registration may bring a view as large as there can be', async () => {
      await run();
      const name = (i: number) => `${i}`.padEnd(64, 'x');
      const address = Array.from({ length: 63 }, () => 'aaa')
        .join('.')
        .padEnd(253, 'a');
      const members = Array.from({ length: MAX_MEMBERS }, (_, i) => ({
        ...{ id: name(i), host: address, port: 65_535, peerPort: 65_535, instance: Number.MAX_SAFE_INTEGER },
        ...{ weight: 1000, status: 'leaving', memberSinceMs: 1e13, statusSinceMs: 1e13 },
      }));
      const replicas = Array.from({ length: 15 }, (_, i) => name(i));
      const partition = { epoch: 0, primary: name(15), replicas, source: name(16) };
      const partitions = Array.from({ length: 256 }, () => partition);
      // Not newer than what the orchestrator has, so read and checked but not followed.
      const view = { cluster: 'covey', epoch: 0, copies: 16, members, partitions };
      const answer = await post(`${url}/register`, { ...GOOD, view });
      expect(answer.status).to.equal(200);
    });

    it('what is for the inside takes the secret', async () => {
      await run();
      for (const path of ['/register', '/leave', '/nodes/p1/drain']) {
        for (const secret of [null, '', 'another-secret-of-some-length']) {
          const answer = await post(url + path, GOOD, secret);
          expect([answer.status, answer.body.code]).to.deep.equal([401, 'unauthorized']);
          expect(answer.headers.get('www-authenticate')).to.contain('Bearer');
        }
      }
    });

    it('without a secret it takes this machine alone, and no web page', async () => {
      await run({ secret: null });
      expect((await post(`${url}/register`, { ...GOOD, host: '10.0.0.1' }, null)).body.code).to.equal(
        'invalid-registration',
      );
      const fromPage = await ask(`${url}/register`, {
        method: 'POST',
        headers: { origin: 'http://evil.example' },
        body: JSON.stringify(GOOD),
      });
      expect([fromPage.status, fromPage.body.code]).to.deep.equal([403, 'forbidden']);
      expect((await post(`${url}/register`, GOOD, null)).status).to.equal(200);
    });

    it('wrong methods are 405 with Allow, unknown paths 404, unknown parameters 400', async () => {
      await run();
      const wrong = await ask(`${url}/register`);
      expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).to.deep.equal([
        405,
        'method-not-allowed',
        'POST',
      ]);
      expect((await post(`${url}/all-nodes`, '')).headers.get('allow')).to.equal('HEAD, GET');
      const unknown = await ask(`${url}/kv/a`);
      expect([unknown.status, unknown.body.code]).to.deep.equal([404, 'not-found']);
      expect((await ask(`${url}/all-nodes?x=1`)).body.code).to.equal('invalid-query');
      expect((await ask(`${url}/%zz`)).status).to.equal(404);
      expect((await ask(`${url}/nodes/%zz/drain`, { method: 'POST' })).status).to.be.oneOf([400, 401]);
    });

    it('a leaving that is no leaving is refused, one of a stranger is nothing new', async () => {
      await run();
      expect((await post(`${url}/leave`, { id: 'p1' })).body.code).to.equal('invalid-registration');
      expect((await post(`${url}/leave`, { cluster: 'covey', id: 'p9', instance: 1 })).status).to.equal(202);
      await placed(await peer('p1'));
      const other = await post(`${url}/leave`, { cluster: 'covey', id: 'p1', instance: 9 });
      expect([other.status, other.body.code]).to.deep.equal([409, 'stale-instance']);
    });

    it('a name in use is 409, and so is an older process', async () => {
      await run();
      const p1 = await peer('p1');
      p1.instance = 5;
      await placed(p1);
      const elsewhere = await post(`${url}/register`, p1.registration({ port: 1 }));
      expect([elsewhere.status, elsewhere.body.code]).to.deep.equal([409, 'id-taken']);
      const older = await post(`${url}/register`, p1.registration({ instance: 4 }));
      expect([older.status, older.body.code]).to.deep.equal([409, 'stale-instance']);
    });

    it('compressed bodies are 415', async () => {
      await run();
      const status = await new Promise((resolve, reject) => {
        const headers = { authorization: 'Bearer a-secret-for-tests-only', 'content-encoding': 'gzip' };
        const request = httpRequest(`${url}/register`, { method: 'POST', headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        request.on('error', reject);
        request.end('x');
      });
      expect(status).to.equal(415);
    });
  });

  describe('probes', () => {
    it('show a peer down within 3 s of its end, and up again when it answers', async () => {
      await run();
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1, p2);
      p2.misbehave = (request) => request.socket.destroy();
      const since = performance.now();
      await eventually(() => expect(p1.view?.members[1]).to.include({ id: 'p2', status: 'down' }));
      expect(performance.now() - since).to.be.within(1_000, 3_000);
      p2.misbehave = null;
      await expectStatus('p2', 'up');
      expect((await row('p2'))?.partitions.primary).to.equal(128);
    });

    it('show a peer down within 3 s that takes connections and never answers, and go on with the others', async () => {
      await run();
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1, p2);
      const before = p1.probes;
      p2.misbehave = () => undefined;
      const since = performance.now();
      await eventually(() => expect(p1.view?.members[1]).to.include({ id: 'p2', status: 'down' }));
      expect(performance.now() - since).to.be.below(3_000);
      expect(p1.probes).to.be.at.least(before + 2);
    });

    it('take nothing for an answer that is not the answer of the member itself', async () => {
      await run();
      const bad: Record<string, (fake: FakePeer) => FakePeer['misbehave']> = {
        'another-id': (fake) => (_, response) => response.end(fake.health({ id: 'p9' })),
        'another-cluster': (fake) => (_, response) => response.end(fake.health({ cluster: 'other' })),
        'another-instance': (fake) => (_, response) => response.end(fake.health({ instance: 7 })),
        'no-json': () => (_, response) => response.end('all is well'),
        'no-success': (fake) => (_, response) => response.writeHead(500).end(fake.health()),
        'no-end': (fake) => (_, response) => response.end(fake.health({ padding: 'x'.repeat(100_000) })),
        'no-answer': () => (request) => request.socket.destroy(),
      };
      const good = await peer('good');
      const peers = await Promise.all(Object.keys(bad).map(peer));
      await placed(good, ...peers);
      for (const fake of peers) fake.misbehave = bad[fake.id]?.(fake) ?? null;
      await eventually(() => {
        const up = good.view?.members.filter((member) => member.status === 'up').map((member) => member.id);
        expect(up).to.deep.equal(['good']);
      });
    });

    it('follow no redirect', async () => {
      await run();
      const [p1, p2, canary] = [await peer('p1'), await peer('p2'), await peer('p9')];
      await placed(p1, p2);
      p2.misbehave = (_, response) =>
        response.writeHead(302, { location: `http://127.0.0.1:${canary.port}/health` }).end();
      await expectStatus('p2', 'down');
      expect(canary.probes).to.equal(0);
    });

    it('give the partitions of a peer that stays away to the others', async () => {
      await run({ repairAfterMs: 200 });
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1, p2);
      p2.misbehave = (request) => request.socket.destroy();
      await eventually(async () => expect((await row('p1'))?.partitions.primary).to.equal(256));
      expect((await row('p2'))?.status).to.equal('down');
    });
  });

  describe('the data folder', () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'covey-registry-'));
      ends.push(() => rm(folder, { recursive: true }));
    });

    it('brings the same registry back after a restart, with nobody down and nothing moved', async () => {
      const first = await run({ data: folder });
      const [p1, p2] = [await peer('p1'), await peer('p2')];
      await placed(p1, p2);
      const before = p1.view as View;
      await first.stop();
      await run({ data: folder });
      const { body } = await ask<Table>(`${url}/partitions`);
      expect([body.epoch, body.partitions.length]).to.deep.equal([before.epoch, 256]);
      const probes = p1.probes;
      await eventually(() => expect(p1.probes).to.be.above(probes + 1));
      expect(p1.view).to.deep.equal(before);
    });

    it('holds a view before anybody hears of it', async () => {
      await run({ data: folder });
      const view = await register(await peer('p1'));
      const stored = JSON.parse(await readFile(join(folder, 'registry.json'), 'utf8')) as View;
      expect(stored.epoch).to.be.at.least(view.epoch);
    });

    it('that is broken is never taken for an empty one', async () => {
      const first = await run({ data: folder });
      await placed(await peer('p1'));
      await first.stop();
      const path = join(folder, 'registry.json');
      const good = await readFile(path, 'utf8');
      const view = JSON.parse(good) as View;
      const broken = [
        ['', 'not a view'],
        [good.slice(0, 500), 'not a view'],
        ['{}', 'cluster'],
        [JSON.stringify({ ...view, epoch: -1 }), 'epoch'],
        [JSON.stringify({ ...view, members: [] }), 'names p1'],
        [JSON.stringify({ ...view, cluster: 'other' }), 'belongs to cluster other'],
      ] as const;
      for (const [text, hint] of broken) {
        await writeFile(path, text);
        const error = await start({ data: folder }).then(
          () => null,
          (reason: Error) => reason,
        );
        expect(error?.message).to.contain(hint).and.to.contain(path);
        expect(error?.message).not.to.contain('\n');
      }
    });
  });

  it('goes on from what a peer knows when the registry is lost', async () => {
    const first = await run();
    const [p1, p2] = [await peer('p1'), await peer('p2')];
    await placed(p1, p2);
    const before = p1.view as View;
    await first.stop();
    await run();
    const view = await register(p1, { view: before });
    expect(view.epoch).to.be.above(before.epoch);
    expect(view.partitions).to.deep.equal(before.partitions);
    expect(view.members.map((member) => member.id)).to.deep.equal(['p1', 'p2']);
  });
});
