import { expect } from 'chai';
import type { View } from '../../common/view.js';
import { expectProblem, type Gateway, openWire, send, startGateway } from './gateway-harness.js';

const SECRET = 'a secret of the cluster';

describe('gateway listings', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => {
    gateway.store.records.clear();
    gateway.store.silent = false;
    gateway.store.ready = true;
  });
  after(() => gateway.server.close(0));

  const get = (path: string) => send(gateway, 'GET', path);

  async function fill(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await send(gateway, 'PUT', `/kv/${encodeURIComponent(key)}`, `of ${key}`);
  }

  function linkOf(header: string | string[] | undefined): string | undefined {
    return /^<([^>]*)>; rel="next"$/.exec(String(header))?.[1];
  }

  /** Follows the links from page to page. */
  async function pages(path: string): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | undefined = path; next !== undefined; ) {
      const reply = await get(next);
      expect(reply.status, reply.text).to.equal(200);
      found.push(reply.text);
      next = linkOf(reply.headers.link);
    }
    return found;
  }

  describe('GET /kv', () => {
    it('pages through the keys in byte order', async () => {
      const keys = ['a', 'a/b', 'b', '\u{10000}', '\uffff', 'ключ', 'k&=?#%+ "'];
      await fill(...keys);
      const found = (await pages('/kv?limit=2')).map((text) => JSON.parse(text));
      expect(found.map((page) => page.keys.length)).to.deep.equal([2, 2, 2, 1]);
      const expected = keys.map((key) => Buffer.from(key)).sort(Buffer.compare);
      expect(found.flatMap((page) => page.keys)).to.deep.equal(expected.map(String));
      expect(found.map((page) => 'cursor' in page)).to.deep.equal([true, true, true, false]);
      const second = await get(`/kv?limit=2&cursor=${found[0].cursor}`);
      expect(JSON.parse(second.text)).to.deep.equal(found[1]);
    });

    it('keeps to a prefix, however it is spelled, also on the next page', async () => {
      await fill('a b', 'a c', 'a+d', 'ab');
      for (const spelled of ['a+', 'a%20', '%61%20']) {
        const found = await pages(`/kv?prefix=${spelled}&limit=1`);
        expect(found.flatMap((text) => JSON.parse(text).keys)).to.deep.equal(['a b', 'a c']);
      }
      expect(JSON.parse((await get('/kv?prefix=zz')).text)).to.deep.equal({ keys: [] });
    });

    it('gives 100 keys unless told otherwise', async () => {
      await fill(...Array.from({ length: 101 }, (_, i) => `k${i}`));
      const first = await get('/kv');
      expect(JSON.parse(first.text).keys).to.have.length(100);
      expect(linkOf(first.headers.link)).to.contain('limit=100');
      expect(JSON.parse((await get('/kv?limit=1000')).text).keys).to.have.length(101);
    });

    it('is 503 where a part of the cluster is silent', async () => {
      gateway.store.silent = true;
      const reply = await get('/kv');
      expectProblem(reply, 503, 'partition-unavailable');
      expect(reply.headers['retry-after']).to.equal('1');
    });
  });

  describe('GET /kv/all-data', () => {
    it('gives text as strings and other bytes as base64', async () => {
      await fill('a');
      await send(gateway, 'PUT', '/kv/bytes', Buffer.from([0, 255]), { 'Content-Type': 'image/png' });
      await send(gateway, 'PUT', '/kv/json', '{"a":1}', { 'Content-Type': 'application/json' });
      await send(gateway, 'PUT', '/kv/all%2Ddata', '"quoted"');
      const reply = await get('/kv/all-data');
      expect(reply.headers['content-type']).to.equal('application/json; charset=utf-8');
      expect(reply.headers['kv-served-by']).to.equal('peer-1');
      expect(JSON.parse(reply.text)).to.deep.equal({
        a: 'of a',
        bytes: { base64: 'AP8=' },
        json: '{"a":1}',
        'all-data': '"quoted"',
      });
    });

    it('is an empty object without data, and answers HEAD', async () => {
      expect((await get('/kv/all-data')).text).to.equal('{}');
      expect((await get('/kv/all-data?limit=5')).text).to.equal('{}');
      const head = await send(gateway, 'HEAD', '/kv/all-data');
      expect(head.status).to.equal(200);
      expect(head.body).to.have.length(0);
    });

    it('pages, neither twice nor left out', async () => {
      const keys = Array.from({ length: 25 }, (_, i) => `key ${i}`);
      await fill(...keys, 'other');
      const found = (await pages('/kv/all-data?prefix=key&limit=10')).map((text) => JSON.parse(text));
      expect(found.map((page) => Object.keys(page).length)).to.deep.equal([10, 10, 5]);
      expect(found.flatMap((page) => Object.keys(page)).sort()).to.deep.equal(keys.sort());
      expect((await pages('/kv/all-data?limit=26')).length).to.equal(1);
    });

    it('waits for a slow reader, and lets go of the data when the reader leaves', async () => {
      const big = Buffer.alloc(1024 * 1024, 'x');
      for (let i = 0; i < 64; i++) await send(gateway, 'PUT', `/kv/big${i}`, big);
      const wire = openWire(gateway);
      wire.socket.pause();
      wire.socket.write('GET /kv/all-data HTTP/1.1\r\nHost: a\r\n\r\n');
      const before = process.memoryUsage().external + process.memoryUsage().heapUsed;
      await eventually(() => gateway.store.open === 1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const grown = process.memoryUsage().external + process.memoryUsage().heapUsed - before;
      expect(gateway.store.open).to.equal(1);
      expect(grown).to.be.below(24 * 1024 * 1024);
      wire.socket.destroy();
      await eventually(() => gateway.store.open === 0);
    });
  });

  it('refuse a wrong limit, cursor or parameter', async () => {
    for (const path of ['/kv', '/kv/all-data']) {
      for (const query of [
        'limit=0',
        'limit=1001',
        'limit=-1',
        'limit=1.5',
        'limit=1e2',
        'limit=',
        'limit=0x10',
        'limit=1&limit=2',
        'cursor=',
        'cursor=!',
        'cursor=YQ==',
        'cursor=_w',
        `cursor=${Buffer.alloc(1025, 'a').toString('base64url')}`,
        'prefix=%ff',
        `prefix=${'p'.repeat(1025)}`,
        'page=1',
      ]) {
        const reply = await get(`${path}?${query}`);
        expectProblem(reply, 400, 'invalid-query');
      }
    }
  });
});

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

async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).to.equal(true);
}
