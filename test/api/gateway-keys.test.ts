import { expect } from 'chai';
import { expectProblem, type Gateway, send, startGateway } from './gateway-harness.js';

describe('gateway keys', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
  after(() => gateway.server.close(0));

  const put = (path: string) => send(gateway, 'PUT', path, 'v');
  const get = (path: string) => send(gateway, 'GET', path);

  for (const [path, key] of [
    ['/kv/a%2Fb', 'a/b'],
    ['/kv/%2e', '.'],
    ['/kv/.', '.'],
    ['/kv/..', '..'],
    ['/kv/%2E%2E', '..'],
    ['/kv/%2e%2e%2fetc%2fpasswd', '../etc/passwd'],
    ['/kv/%00', '\0'],
    ['/kv/%0d%0aX:%20y', '\r\nX: y'],
    ['/kv/%252e', '%2e'],
    ['/kv/a+b', 'a+b'],
    ['/kv/a%20b', 'a b'],
    ['/kv/__proto__', '__proto__'],
    ['/kv/constructor', 'constructor'],
    ['/kv/all%2Ddata', 'all-data'],
    ['/kv/all-dat%61', 'all-data'],
    ['/kv/%D0%BA%D0%BB%D1%8E%D1%87', 'ключ'],
    ['/kv/%F0%9D%84%9E', '𝄞'],
    ['/kv/%EF%BB%BFbom', '\ufeffbom'],
    ['/kv/:key', ':key'],
    ['/kv/a;b,c&d=e', 'a;b,c&d=e'],
    ['/kv/%3F%23', '?#'],
  ] as const) {
    it(`${path} is ${JSON.stringify(key)}`, async () => {
      const written = await put(path);
      expect(written.status, written.text).to.equal(201);
      expect([...gateway.store.records.keys()]).to.deep.equal([key]);
      expect(JSON.parse(written.text).key).to.equal(key);
      expect((await get(path)).text).to.equal('v');
    });
  }

  for (const path of [
    '/kv/',
    '/kv/%',
    '/kv/%4',
    '/kv/%zz',
    '/kv/%ff',
    '/kv/%C0%80',
    '/kv/%E0%80%AF',
    '/kv/%ED%A0%80',
    '/kv/%ED%A0%BD%ED%B8%80',
    '/kv/%F4%90%80%80',
    '/kv/a%E2%82',
    `/kv/${'k'.repeat(1025)}`,
    `/kv/${'%D0%BA'.repeat(513)}`,
    '/get/',
    '/get/%ff',
    '/all-nodes/%ff',
  ]) {
    it(`${path.slice(0, 40)} is refused`, async () => {
      expectProblem(await get(path), 400, 'invalid-key');
      if (path.startsWith('/kv')) expectProblem(await put(path), 400, 'invalid-key');
      expect(gateway.store.asked).to.equal(0);
    });
  }

  it('of exactly 1,024 bytes are taken, whatever a character takes', async () => {
    for (const key of ['k'.repeat(1024), 'ы'.repeat(512), '𝄞'.repeat(256)]) {
      expect((await put(`/kv/${encodeURIComponent(key)}`)).status).to.equal(201);
    }
  });

  it('are one segment: another is 404 with a hint', async () => {
    const reply = await get('/kv/a/b');
    expectProblem(reply, 404, 'not-found');
    expect(reply.text).to.contain('%2F');
    expectProblem(await get('/kv/a/'), 404, 'not-found');
  });
});
