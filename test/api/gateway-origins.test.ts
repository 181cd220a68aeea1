/** Web pages that try to use the browser of this machine, and the clients that are none. */
import { expect } from 'chai';
import { expectProblem, type Gateway, openWire, send, sendRaw, startGateway } from './gateway-harness.js';

const SECRET = 'a secret of the cluster';

describe('gateway and web pages', () => {
  let open: Gateway;
  let secured: Gateway;
  before(async () => {
    open = await startGateway();
    secured = await startGateway(SECRET);
  });
  beforeEach(() => {
    open.store.clear();
    secured.store.clear();
  });
  after(() => Promise.all([open.server.close(0), secured.server.close(0)]));

  it('without a secret, takes the names of this machine only (DNS rebinding)', async () => {
    const { port } = open;
    for (const host of [
      'localhost',
      `localhost:${port}`,
      `LocalHost:${port}`,
      `127.0.0.1:${port}`,
      '127.9.9.9',
      '[::1]',
      `[::1]:${port}`,
      `app.localhost:${port}`,
    ]) {
      const reply = await send(open, 'GET', '/livez', undefined, { Host: host });
      expect(reply.status, host).to.equal(200);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'evil-localhost',
      '192.168.0.1',
      '0.0.0.0',
      '[::2]',
      'localhost:x',
      'localhost/',
      'a@localhost',
    ]) {
      for (const [method, path] of [
        ['GET', '/kv/k'],
        ['PUT', '/kv/k'],
        ['GET', '/livez'],
      ] as const) {
        const reply = await send(open, method, path, undefined, { Host: host });
        expectProblem(reply, 403, 'forbidden');
      }
    }
    const empty = await sendRaw(open, 'GET /kv/k HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n');
    expect(empty).to.match(/^HTTP\/1\.1 403 /);
    expect(open.store.asked).to.equal(0);
  });

  it('with a secret, takes any name: it may stand behind one', async () => {
    const reply = await send(secured, 'PUT', '/kv/k', 'v', { Host: 'kv.example.org' });
    expect(reply.status).to.equal(201);
  });

  it('without a secret, still serves HTTP/1.0 without a Host', async () => {
    const wire = openWire(open);
    wire.socket.end('GET /livez HTTP/1.0\r\n\r\n');
    expect(await wire.closed).to.match(/^HTTP\/1\.1 200 /);
  });

  for (const [method, path, body] of [
    ['PUT', '/kv/k', 'v'],
    ['POST', '/kv/k', 'v'],
    ['DELETE', '/kv/k', undefined],
    ['POST', '/set', '{"key":"k","value":"v"}'],
    ['POST', '/get', '[{"key":"k"}]'],
    ['PATCH', '/kv/k', undefined],
  ] as const) {
    it(`refuses ${method} ${path} for a page from elsewhere`, async () => {
      for (const gateway of [open, secured]) {
        const { port } = gateway;
        for (const origin of [
          'http://evil.example',
          'null',
          '',
          'http://127.0.0.1',
          `http://localhost:${port}`,
          `http://127.0.0.1:${port}.evil.example`,
          `ftp://127.0.0.1:${port}`,
          `127.0.0.1:${port}`,
        ]) {
          const reply = await send(gateway, method, path, body, { Origin: origin });
          expectProblem(reply, 403, 'forbidden');
        }
        expect(gateway.store.asked).to.equal(0);
      }
    });
  }

  it('lets a page of its own origin write, and any page ask for what it cannot read', async () => {
    const own = { Origin: `http://127.0.0.1:${open.port}` };
    expect((await send(open, 'PUT', '/kv/k', 'v', own)).status).to.equal(201);
    const proxied = { Host: 'KV.example.org', Origin: 'https://kv.example.org' };
    expect((await send(secured, 'DELETE', '/kv/k', undefined, proxied)).status).to.equal(404);
    const read = await send(open, 'GET', '/kv/k', undefined, { Origin: 'http://evil.example' });
    expect(read.status).to.equal(200);
    const asked = await send(open, 'OPTIONS', '/kv/k', undefined, { Origin: 'http://evil.example' });
    for (const { headers } of [read, asked]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).to.deep.equal([]);
    }
  });
});
