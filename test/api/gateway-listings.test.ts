import { expect } from 'chai';
import { MAX_STREAMS } from '../../peer/gateway/listing.js';
import { expectProblem, type Gateway, openWire, send, startGateway } from './gateway-harness.js';

describe('gateway listings', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
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
      wire.socket.write('GET /kv/all-data HTTP/1.1\r\nHost: localhost\r\n\r\n');
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

  it('give others their turn while all data is made', async () => {
    const some = Buffer.alloc(32 * 1024, 'x');
    for (let i = 0; i < 64; i++) await send(gateway, 'PUT', `/kv/some${i}`, some);
    const { store } = gateway;
    const turnOf: number[] = [];
    let turns = 0;
    let running = true;
    const count = () => {
      turns++;
      if (running) setImmediate(count);
    };
    count();
    const ownData = store.ownData.bind(store);
    store.ownData = function* (prefix, after) {
      for (const entry of ownData(prefix, after)) {
        turnOf.push(turns);
        yield entry;
      }
    };
    try {
      expect((await get('/kv/all-data')).status).to.equal(200);
    } finally {
      running = false;
      store.ownData = ownData;
    }
    // Two values fill a chunk; the system would take all of them in one turn.
    for (const turn of turnOf) expect(turnOf.filter((each) => each === turn)).to.have.length.at.most(4);
  });

  it('refuse one more stream of all data than may run at a time, until one ends', async () => {
    const big = Buffer.alloc(1024 * 1024, 'x');
    for (let i = 0; i < 16; i++) await send(gateway, 'PUT', `/kv/big${i}`, big);
    const wires = Array.from({ length: MAX_STREAMS }, () => openWire(gateway));
    for (const { socket } of wires) {
      socket.pause();
      socket.write('GET /kv/all-data HTTP/1.1\r\nHost: localhost\r\n\r\n');
    }
    await eventually(() => gateway.store.open === MAX_STREAMS);
    const refused = await get('/kv/all-data');
    expectProblem(refused, 429, 'too-many-requests');
    expect(refused.headers['retry-after']).to.equal('1');
    wires[0]?.socket.destroy();
    await eventually(() => gateway.store.open < MAX_STREAMS);
    expect((await get('/kv/all-data?limit=1')).status).to.equal(200);
    for (const { socket } of wires) socket.destroy();
    await eventually(() => gateway.store.open === 0);
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

async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).to.equal(true);
}
