import { expect } from 'chai';
import { expectProblem, type Gateway, MAX_VALUE_BYTES, send, startGateway } from './gateway-harness.js';
import { WRITTEN_MS } from './memory-store.js';

describe('gateway /kv/:key', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => {
    gateway.store.records.clear();
    gateway.store.fault = () => undefined;
    gateway.store.asked = 0;
  });
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
      await put('/kv/k', 'x', { 'If-Match': '"1-1"' }),
      await put('/kv/k?ttl=3'),
      await get('/kv/k', { 'If-None-Match': '*' }),
      await send(gateway, 'DELETE', '/kv/k'),
    ];
    expect(replies.map((reply) => reply.status)).to.deep.equal([404, 201, 200, 200, 501, 501, 304, 204]);
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

  describe('conditions', () => {
    it('If-None-Match on a read gives 304 where a tag matches', async () => {
      const { etag = '' } = (await put('/kv/k')).headers;
      for (const tag of [etag, `W/${etag}`, '*', ` "x", ${etag}`, `W/"0-0",W/${etag}`]) {
        for (const method of ['GET', 'HEAD']) {
          const reply = await send(gateway, method, '/kv/k', undefined, { 'If-None-Match': tag });
          expect(reply.status, tag).to.equal(304);
          expect(reply.headers.etag).to.equal(etag);
          expect(reply.body).to.have.length(0);
        }
      }
      for (const tag of ['"x"', etag.slice(1, -1), '"', '', `"${etag}"`.slice(0, 3)]) {
        expect((await get('/kv/k', { 'If-None-Match': tag })).status, tag).to.equal(200);
      }
    });

    it('If-None-Match on a key that is not there is 404', async () => {
      expectProblem(await get('/kv/none', { 'If-None-Match': '*' }), 404, 'key-not-found');
    });

    it('that are not built yet are refused before anything is written', async () => {
      const conditions: Record<string, string>[] = [
        { 'If-Match': '"1-1"' },
        { 'If-None-Match': '*' },
        { 'If-Unmodified-Since': 'Sat, 29 Oct 1994 19:43:31 GMT' },
        { 'Idempotency-Key': 'token' },
        { 'Content-Range': 'bytes 0-1/2' },
      ];
      for (const headers of conditions) {
        expectProblem(await put('/kv/k', 'v', headers), 501, 'not-implemented');
        expectProblem(await send(gateway, 'DELETE', '/kv/k', undefined, headers), 501, 'not-implemented');
        const set = await send(gateway, 'POST', '/set', '{"key":"k","value":"v"}', headers);
        expectProblem(set, 501, 'not-implemented');
      }
      expectProblem(await get('/kv/k', { 'If-Match': '*' }), 501, 'not-implemented');
      expect(gateway.store.asked).to.equal(0);
    });

    it('in the query: what is not built is 501, what nobody knows is 400', async () => {
      expectProblem(await put('/kv/k?ttl=30s'), 501, 'not-implemented');
      expectProblem(await get('/kv/k?consistency=strict'), 501, 'not-implemented');
      expectProblem(await get('/kv/k?consistency=linearizable'), 501, 'not-implemented');
      expectProblem(await get('/get/k?consistency=stale'), 501, 'not-implemented');
      expectProblem(await get('/kv/k?consistency=sometimes'), 400, 'invalid-query');
      expectProblem(await put('/kv/k?tll=30s'), 400, 'invalid-query');
      expectProblem(await get('/kv/k?__proto__=1'), 400, 'invalid-query');
      expectProblem(await get('/kv/k?%ff=1'), 400, 'invalid-query');
      expect((await put('/kv/k?')).status).to.equal(201);
    });
  });

  describe('failures', () => {
    it('where nothing was written are 503 with Retry-After', async () => {
      gateway.store.fault = () => ({
        type: 'failed',
        applied: 'not-applied',
        detail: 'The primary is down.',
      });
      for (const reply of [await put('/kv/k'), await get('/kv/k'), await get('/get/k')]) {
        expectProblem(reply, 503, 'partition-unavailable');
        expect(reply.headers).to.include({ 'retry-after': '1', 'kv-outcome': 'not-applied' });
      }
    });

    it('where it may have been are 504', async () => {
      gateway.store.fault = () => ({ type: 'failed', applied: 'unknown', detail: 'No answer in time.' });
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
