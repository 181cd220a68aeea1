import { expect } from 'chai';
import { expectProblem, type Gateway, HEALTH, send, startGateway } from './gateway-harness.js';

const SECRET = 'a secret of the cluster';

describe('gateway: the cluster and the peer itself', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway(SECRET);
  });
  after(() => gateway.server.close(0));

  const get = (path: string) => send(gateway, 'GET', path);

  it('GET /all-nodes names the members', async () => {
    const reply = await get('/all-nodes');
    expect(reply.status).to.equal(200);
    expect(JSON.parse(reply.text)).to.deep.equal(gateway.store.cluster());
    expect(reply.headers['cache-control']).to.equal('no-store');
  });

  it('GET /all-nodes/:key names the nodes that hold the key', async () => {
    await send(gateway, 'PUT', '/kv/a%2Fb', 'v');
    const reply = await get('/all-nodes/a%2Fb');
    const partition = gateway.store.partitionOf('a/b');
    expect(JSON.parse(reply.text)).to.deep.equal({
      key: 'a/b',
      partition,
      nodes: [
        { id: 'peer-1', address: '127.0.0.1:8080', role: 'primary', status: 'up', version: '1-1' },
        { id: 'peer-2', address: '127.0.0.1:8081', role: 'replica', status: 'up', version: '1-1' },
        { id: 'peer-3', address: '127.0.0.1:8082', role: 'joining', status: 'up', version: null },
      ],
    });
    expect(reply.headers['kv-partition']).to.equal(String(partition));
  });

  it('GET /livez and /readyz tell whether it runs and may serve', async () => {
    gateway.store.ready = true;
    expect((await get('/livez')).text).to.equal('{"status":"live"}');
    expect((await get('/readyz')).text).to.equal('{"status":"ready"}');
    const checks = [{ name: 'map', ok: true, detail: 'version 1' }];
    expect(JSON.parse((await get('/readyz?verbose')).text)).to.deep.equal({ status: 'ready', checks });
    gateway.store.ready = false;
    const short = await get('/readyz');
    expectProblem(short, 503, 'not-ready');
    expect(JSON.parse(short.text).detail).to.contain('no map yet');
    const long = await get('/readyz?verbose');
    expectProblem(long, 503, 'not-ready');
    expect(JSON.parse(long.text).checks).to.deep.equal([{ name: 'map', ok: false, detail: 'no map yet' }]);
    expect((await get('/livez')).status).to.equal(200);
  });

  it('GET /health is what the probe reads', async () => {
    expect(JSON.parse((await get('/health')).text)).to.deep.equal(HEALTH);
  });

  it('GET / names the first commands', async () => {
    const reply = await get('/');
    expect(reply.headers['content-type']).to.equal('text/plain; charset=utf-8');
    expect(reply.text).to.contain(`http://127.0.0.1:${gateway.port}/kv/best_movie`);
    const odd = await send(gateway, 'GET', '/', undefined, { Host: '<script>' });
    expect(odd.text).not.to.contain('<script>');
  });

  describe('paths and methods', () => {
    for (const [path, allow] of [
      ['/kv/k', ['GET', 'HEAD', 'PUT', 'POST', 'DELETE']],
      ['/kv/all-data', ['GET', 'HEAD']],
      ['/kv', ['GET', 'HEAD']],
      ['/set', ['POST']],
      ['/get', ['POST']],
      ['/get/k', ['GET', 'HEAD']],
      ['/all-nodes', ['GET', 'HEAD']],
      ['/all-nodes/k', ['GET', 'HEAD']],
      ['/livez', ['GET', 'HEAD']],
      ['/readyz', ['GET', 'HEAD']],
      ['/health', ['GET', 'HEAD']],
      ['/metrics', ['GET', 'HEAD']],
      ['/', ['GET', 'HEAD']],
    ] as const) {
      it(`${path} is for ${allow.join(', ')}`, async () => {
        const expected = [...allow, 'OPTIONS'].sort();
        for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE']) {
          if ((allow as readonly string[]).includes(method)) continue;
          const reply = await send(gateway, method, path);
          expectProblem(reply, 405, 'method-not-allowed');
          expect(reply.headers.allow?.split(', ').sort()).to.deep.equal(expected);
        }
        const options = await send(gateway, 'OPTIONS', path);
        expect(options.status).to.equal(204);
        expect(options.headers.allow?.split(', ').sort()).to.deep.equal(expected);
      });
    }

    it('unknown paths are 404', async () => {
      const paths = [
        '/nope',
        '/KV/k',
        '/kvx',
        '/kv2/k',
        '//kv/k',
        '/set/',
        '/set/x',
        '/livez/',
        '/get/a/b',
        '/%6bv/k',
      ];
      for (const path of [
        ...paths,
        '/all-nodes/a/b',
        '/kv//',
        '/kv/../kv/k',
        '/favicon.ico',
        '/drain',
        '/view',
      ]) {
        expectProblem(await get(path), 404, 'not-found');
        expectProblem(await send(gateway, 'PATCH', path), 404, 'not-found');
        expectProblem(await send(gateway, 'OPTIONS', path), 404, 'not-found');
      }
    });

    it('PUT /kv/all-data tells how to write the key of that name', async () => {
      expect((await send(gateway, 'PUT', '/kv/all-data', 'v')).text).to.contain('all%2Ddata');
    });

    it('the absolute form of a proxy is the same request', async () => {
      await send(gateway, 'PUT', '/kv/k', 'v');
      expect((await get('http://example.org/kv/k')).text).to.equal('v');
      expect((await get('http://example.org')).status).to.equal(200);
      expect((await get('http://example.org?x')).status).to.equal(200);
      expect((await get('http://[/kv/k')).text).to.equal('v');
    });

    it('a fragment is refused', async () => {
      expectProblem(await get('/kv/a#b'), 400, 'invalid-request');
    });
  });
});
