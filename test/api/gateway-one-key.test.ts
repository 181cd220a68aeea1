import { expect } from 'chai';
import { expectProblem, type Gateway, MAX_VALUE_BYTES, send, startGateway } from './gateway-harness.js';
import { WRITTEN_MS } from './memory-store.js';

describe('gateway /kv/:key', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
  after(() => gateway.server.close(0));

  const put = (path: string, body: string | Uint8Array = 'v', headers = {}) =>
    send(gateway, 'PUT', path, body, headers);
  const get = (path: string, headers = {}) => send(gateway, 'GET', path, undefined, headers);

  it('stores with POST what GET gives back, as the transcript has it', async () => {
    const written = await send(gateway, 'POST', '/kv/best_movie', 'Lord of the rings', {
      'Content-Type': 'text/plain',
    });
    expect(written.status).to.equal(201);
    const { version } = JSON.parse(written.text);
    expect(JSON.parse(written.text)).to.deep.equal({ key: 'best_movie', version });
    expect(written.headers.etag).to.equal(`"${version}"`);
    expect(written.headers['content-type']).to.equal('application/json; charset=utf-8');
    const read = await get('/kv/best_movie');
    expect(read.status).to.equal(200);
    expect(read.text).to.equal('Lord of the rings');
    expect(read.headers).to.include({
      'content-type': 'text/plain',
      'content-length': '17',
      etag: `"${version}"`,
      'last-modified': new Date(WRITTEN_MS).toUTCString(),
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'cache-control': 'no-cache',
    });
  });

  it('answers 201 where the key is new and 200 where it is replaced, by PUT and POST alike', async () => {
    expect((await put('/kv/k', 'one')).status).to.equal(201);
    expect((await put('/kv/k', 'two')).status).to.equal(200);
    expect((await send(gateway, 'POST', '/kv/k', 'three')).status).to.equal(200);
    expect((await get('/kv/k')).text).to.equal('three');
  });

  it('answers the same whether the store can at once or not', async () => {
    const { store } = gateway;
    const atOnce = store.readNow;
    const conditions = [{}, { 'If-None-Match': '"1-1"' }, { 'If-Match': '*' }, { 'If-Match': '"1-1"' }];
    try {
      for (const key of ['plain', "a:b;c=d,e!f$g&h'i(j)*", '..', '%61', 'all%2Ddata', 'none']) {
        if (key !== 'none') await put(`/kv/${key}`, `value of ${key}`, { 'Content-Type': 'text/css' });
        for (const headers of conditions) {
          store.readNow = atOnce;
          const now = await get(`/kv/${key}`, headers);
          store.readNow = () => undefined;
          const later = await get(`/kv/${key}`, headers);
          const shown = ({ status, headers: { date, ...rest }, text }: typeof now) => ({
            status,
            rest,
            text,
          });
          expect(shown(now), key).to.deep.equal(shown(later));
        }
      }
    } finally {
      store.readNow = atOnce;
    }
  });

  it('answers HEAD as GET, without the bytes', async () => {
    await put('/kv/k', 'value', { 'Content-Type': 'text/css' });
    const head = await send(gateway, 'HEAD', '/kv/k');
    const read = await get('/kv/k');
    expect(head.status).to.equal(200);
    expect(head.body).to.have.length(0);
    for (const name of ['content-length', 'content-type', 'etag', 'last-modified', 'kv-partition']) {
      expect(head.headers[name], name).to.equal(read.headers[name]);
    }
    const missing = await send(gateway, 'HEAD', '/kv/none');
    expect(missing.status).to.equal(404);
    expect(missing.body).to.have.length(0);
  });

  it('deletes with 204, and answers 404 where there was nothing', async () => {
    await put('/kv/k');
    const gone = await send(gateway, 'DELETE', '/kv/k');
    expect(gone.status).to.equal(204);
    expect(gone.body).to.have.length(0);
    expectProblem(await send(gateway, 'DELETE', '/kv/k'), 404, 'key-not-found');
    expectProblem(await get('/kv/k'), 404, 'key-not-found');
  });

  it('says on every answer about a key which partition, who served and how', async () => {
    const { store } = gateway;
    const partition = String(store.partitionOf('k'));
    const replies = [
      await get('/kv/k'),
      await put('/kv/k'),
      await get('/kv/k'),
      await send(gateway, 'HEAD', '/kv/k'),
      await put('/kv/k', 'x', { 'If-Match': '"9-9"' }),
      await put('/kv/k?ttl=x'),
      await get('/kv/k', { 'If-None-Match': '*' }),
      await send(gateway, 'DELETE', '/kv/k'),
    ];
    expect(replies.map((reply) => reply.status)).to.deep.equal([404, 201, 200, 200, 412, 400, 304, 204]);
    for (const { headers } of replies) {
      expect(headers['kv-partition']).to.equal(partition);
      expect(headers['kv-served-by']).to.equal('peer-1');
      expect(headers['kv-consistency']).to.equal('linearizable');
    }
  });

  describe('values', () => {
    for (const [name, bytes] of [
      ['empty', Buffer.alloc(0)],
      ['NUL bytes', Buffer.from([0, 0, 0])],
      ['every byte', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
      ['text in any script', Buffer.from('Властелин колец · 指环王 · 🧝🏽‍♀️')],
      ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0xc0, 0x80])],
      ['one byte over one write', Buffer.alloc(4097, 0xe9)],
      ['as large as may be', Buffer.alloc(MAX_VALUE_BYTES, 7)],
    ] as const) {
      it(`come back byte for byte: ${name}`, async () => {
        expect((await put('/kv/v', bytes, { 'Content-Type': 'image/png' })).status).to.equal(201);
        const read = await get('/kv/v');
        expect(read.body.equals(bytes)).to.equal(true);
        expect(read.headers['content-type']).to.equal('image/png');
        expect(read.headers['content-length']).to.equal(String(bytes.length));
      });
    }

    it('arrive in chunks', async () => {
      const reply = await put('/kv/v', 'abc', { 'Transfer-Encoding': 'chunked' });
      expect(reply.status).to.equal(201);
      expect((await get('/kv/v')).text).to.equal('abc');
    });

    it('without a type, or with the one that curl sends, are text', async () => {
      for (const headers of [
        {},
        { 'Content-Type': '' },
        { 'Content-Type': 'application/x-www-form-urlencoded' },
        { 'Content-Type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' },
      ]) {
        await put('/kv/v', 'text', headers);
        expect((await get('/kv/v')).headers['content-type']).to.equal('text/plain; charset=utf-8');
      }
    });

    it('keep a type that is unusual, and not one that could not stand in a header', async () => {
      const type = 'multipart/form-data; boundary="a b"; x=\'{}\'';
      await put('/kv/v', 'x', { 'Content-Type': type });
      expect((await get('/kv/v')).headers['content-type']).to.equal(type);
      for (const bad of ['text/pl\u00e4in', `text/${'x'.repeat(300)}`]) {
        expectProblem(await put('/kv/v', 'x', { 'Content-Type': bad }), 400, 'invalid-request');
      }
    });

    it('over the limit are 413, and nothing is stored', async () => {
      const large = Buffer.alloc(MAX_VALUE_BYTES + 1);
      expectProblem(await put('/kv/v', large), 413, 'value-too-large');
      const chunked = await put('/kv/v', large, { 'Transfer-Encoding': 'chunked' });
      expectProblem(chunked, 413, 'value-too-large');
      expect(gateway.store.asked).to.equal(0);
    });

    it('that are compressed are 415', async () => {
      expectProblem(
        await put('/kv/v', 'x', { 'Content-Encoding': 'gzip' }),
        415,
        'unsupported-content-encoding',
      );
      expect((await put('/kv/v', 'x', { 'Content-Encoding': 'identity' })).status).to.equal(201);
    });
  });

  describe('failures', () => {
    const REASONS = [
      'no-partition',
      'no-primary',
      'not-primary',
      'starting',
      'unknown-session',
      'not-member',
      'not-leased',
      'changing',
      'timeout',
    ] as const;

    it('where nothing was written are 503 with Retry-After, and each says why', async () => {
      const details = new Set<string>();
      for (const reason of REASONS) {
        gateway.store.fault = () => reason;
        for (const reply of [await put('/kv/k'), await send(gateway, 'DELETE', '/kv/k')]) {
          expectProblem(reply, 503, 'partition-unavailable');
          expect(reply.headers).to.include({ 'retry-after': '1', 'kv-outcome': 'not-applied' });
          const { detail } = JSON.parse(reply.text);
          expect(detail).to.match(/Nothing was written\. Send it again\.$/);
          details.add(detail);
        }
      }
      expect(details.size).to.equal(REASONS.length);
    });

    it('where too few copies are in sync name the setting', async () => {
      gateway.store.fault = () => 'too-few-copies';
      const reply = await put('/kv/k');
      expectProblem(reply, 503, 'partition-unavailable');
      expect(JSON.parse(reply.text).detail).to.contain('--min-in-sync');
    });

    it('where the data is lost say so, and do not ask for a repeat', async () => {
      gateway.store.fault = () => 'data-lost';
      for (const reply of [await put('/kv/k'), await get('/kv/k')]) {
        expectProblem(reply, 503, 'partition-unavailable');
        expect(reply.headers).not.to.have.property('retry-after');
        expect(JSON.parse(reply.text).detail)
          .to.contain('its data is lost')
          .and.not.to.contain('end it again');
      }
    });

    it('of reads are 503 with Retry-After, and speak of no outcome', async () => {
      for (const reason of REASONS) {
        gateway.store.fault = () => reason;
        for (const reply of [
          await get('/kv/k'),
          await get('/get/k'),
          await send(gateway, 'GET', '/kv/k?consistency=strict'),
        ]) {
          expectProblem(reply, 503, 'partition-unavailable');
          expect(reply.headers['retry-after']).to.equal('1');
          expect(reply.headers).not.to.have.property('kv-outcome');
        }
      }
    });

    it('of an overloaded cluster are 429', async () => {
      gateway.store.fault = () => 'overloaded';
      expectProblem(await get('/kv/k'), 429, 'too-many-requests');
      const write = await put('/kv/k');
      expectProblem(write, 429, 'too-many-requests');
      expect(write.headers).to.include({ 'retry-after': '1', 'kv-outcome': 'not-applied' });
    });

    it('where it may have been written are 504', async () => {
      gateway.store.fault = () => 'unknown';
      for (const reply of [await put('/kv/k'), await send(gateway, 'DELETE', '/kv/k')]) {
        expectProblem(reply, 504, 'outcome-unknown');
        expect(reply.headers['kv-outcome']).to.equal('unknown');
        expect(reply.headers['kv-partition']).to.equal(String(gateway.store.partitionOf('k')));
      }
    });

    it('of our own are 500 and tell nothing of the inside', async () => {
      gateway.store.fault = () => {
        throw new Error('secret path /work/main/peer.js:1');
      };
      expectProblem(await get('/kv/k'), 500, 'internal-error');
    });
  });
});
