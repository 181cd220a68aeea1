import { expect } from 'chai';
import type { View } from '../../common/view.js';
import { expectProblem, type Gateway, send, startGateway } from './gateway-harness.js';

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
      nodes: [{ id: 'peer-1', address: '127.0.0.1:8080', role: 'primary', status: 'up', version: '1-1' }],
    });
    expect(reply.headers['kv-partition']).to.equal(String(partition));
  });

  it('GET /livez and /readyz tell whether it runs and may serve', async () => {
    gateway.store.ready = true;
    expect((await get('/livez')).text).to.equal('{"status":"live"}');
    expect((await get('/readyz')).text).to.equal('{"status":"ready"}');
    const checks = [{ name: 'view', ok: true, detail: 'epoch 1' }];
    expect(JSON.parse((await get('/readyz?verbose')).text)).to.deep.equal({ status: 'ready', checks });
    gateway.store.ready = false;
    const short = await get('/readyz');
    expectProblem(short, 503, 'not-ready');
    expect(JSON.parse(short.text).detail).to.contain('no view yet');
    const long = await get('/readyz?verbose');
    expectProblem(long, 503, 'not-ready');
    expect(JSON.parse(long.text).checks).to.deep.equal([{ name: 'view', ok: false, detail: 'no view yet' }]);
    expect((await get('/livez')).status).to.equal(200);
  });

  it('GET /health is what the probe reads', async () => {
    expect(JSON.parse((await get('/health')).text)).to.deep.equal({
      cluster: 'test',
      id: 'peer-1',
      instance: 1,
      epoch: 1,
      fetching: [],
    });
  });

  it('GET / names the first commands', async () => {
    const reply = await get('/');
    expect(reply.headers['content-type']).to.equal('text/plain; charset=utf-8');
    expect(reply.text).to.contain(`http://127.0.0.1:${gateway.port}/kv/best_movie`);
    const odd = await send(gateway, 'GET', '/', undefined, { Host: '<script>' });
    expect(odd.text).not.to.contain('<script>');
  });

  describe('POST /view', () => {
    const view: View = {
      cluster: 'test',
      epoch: 7,
      copies: 3,
      members: Array.from({ length: 10_000 }, (_, i) => ({
        id: `${'n'.repeat(58)}${i}`,
        host: 'h'.repeat(63),
        port: 8080,
        peerPort: 18080,
        instance: 1_700_000_000_000 + i,
        weight: 1,
        status: 'up' as const,
        memberSinceMs: 1_700_000_000_000,
        statusSinceMs: 1_700_000_000_000,
      })),
      partitions: Array.from({ length: 256 }, () => ({
        epoch: 7,
        primary: null,
        replicas: [],
        source: null,
      })),
    };
    const push = (body: string, authorization?: string) => {
      const headers = authorization === undefined ? {} : { Authorization: authorization };
      return send(gateway, 'POST', '/view', body, headers);
    };

    it('takes a view of 10,000 members from who carries the secret', async () => {
      const reply = await push(JSON.stringify(view), `Bearer ${SECRET}`);
      expect(reply.status, reply.text.slice(0, 300)).to.equal(204);
      expect(gateway.adopted).to.deep.equal([view]);
    });

    it('refuses everybody else', async () => {
      gateway.adopted.length = 0;
      const body = JSON.stringify({ ...view, members: [] });
      for (const given of [undefined, '', 'Bearer', 'Bearer ', `bearer ${SECRET}x`, `Basic ${SECRET}`]) {
        const reply = await push(body, given);
        expectProblem(reply, 401, 'unauthorized');
        expect(reply.headers['www-authenticate']).to.contain('Bearer');
        expect(reply.text).not.to.contain(SECRET);
      }
      expect(gateway.adopted).to.deep.equal([]);
    });

    it('refuses what is no view', async () => {
      gateway.adopted.length = 0;
      for (const wrong of [{}, [], { ...view, members: [], epoch: -1 }, { ...view, members: [], extra: 1 }]) {
        expectProblem(await push(JSON.stringify(wrong), `Bearer ${SECRET}`), 400, 'invalid-request');
      }
      expectProblem(await push('{', `Bearer ${SECRET}`), 400, 'invalid-json');
      expectProblem(await push(' '.repeat(8 * 1024 * 1024 + 1), `Bearer ${SECRET}`), 413, 'body-too-large');
      expect(gateway.adopted).to.deep.equal([]);
    });
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
      ['/view', ['POST']],
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
      for (const path of [...paths, '/all-nodes/a/b', '/kv//', '/kv/../kv/k', '/favicon.ico']) {
        expectProblem(await get(path), 404, 'not-found');
        expectProblem(await send(gateway, 'PATCH', path), 404, 'not-found');
        expectProblem(await send(gateway, 'OPTIONS', path), 404, 'not-found');
      }
    });

    it('what is not built yet is 501', async () => {
      expectProblem(await get('/metrics'), 501, 'not-implemented');
      expectProblem(await send(gateway, 'POST', '/drain'), 501, 'not-implemented');
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
