/** What makes a request conditional, repeatable, or a read of another kind. */
import { expect } from 'chai';
import { expectProblem, type Gateway, send, sendJson, startGateway } from './gateway-harness.js';
import { WRITTEN_MS } from './memory-store.js';

describe('gateway: options of a request', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
  after(() => gateway.server.close(0));

  const put = (path: string, body: string | Uint8Array = 'v', headers = {}) =>
    send(gateway, 'PUT', path, body, headers);
  const get = (path: string, headers = {}) => send(gateway, 'GET', path, undefined, headers);
  const remove = (path: string, headers = {}) => send(gateway, 'DELETE', path, undefined, headers);
  const put1 = async () => (await put('/kv/k', 'one')).headers.etag as string;

  describe('conditions of reads', () => {
    it('If-None-Match gives 304 where a tag matches', async () => {
      const etag = await put1();
      for (const tag of [etag, `W/${etag}`, '*', ` "x", ${etag}`, `W/"0-0",W/${etag}`]) {
        for (const [method, path] of [
          ['GET', '/kv/k'],
          ['HEAD', '/kv/k'],
          ['GET', '/get/k'],
        ] as const) {
          const reply = await send(gateway, method, path, undefined, { 'If-None-Match': tag });
          expect(reply.status, tag).to.equal(304);
          expect(reply.headers.etag).to.equal(etag);
          expect(reply.body).to.have.length(0);
        }
      }
      for (const tag of ['"x"', etag.slice(1, -1), '"', '', `"${etag}"`.slice(0, 3)]) {
        expect((await get('/kv/k', { 'If-None-Match': tag })).status, tag).to.equal(200);
      }
    });

    it('If-Match gives 412 where no strong tag matches, and comes before If-None-Match', async () => {
      const etag = await put1();
      for (const tag of [etag, '*', ` * `, `"x", ${etag}`, `"x",,W/"y",${etag}`]) {
        expect((await get('/kv/k', { 'If-Match': tag })).status, tag).to.equal(200);
        expect((await get('/get/k', { 'If-Match': tag })).status, tag).to.equal(200);
      }
      for (const tag of ['"x"', `W/${etag}`, '"9-2", "9-3"']) {
        for (const path of ['/kv/k', '/get/k']) {
          const reply = await get(path, { 'If-Match': tag, 'If-None-Match': '*' });
          expectProblem(reply, 412, 'precondition-failed');
          expect(reply.headers.etag).to.equal(etag);
        }
      }
      expect((await get('/kv/k', { 'If-Match': etag, 'If-None-Match': etag })).status).to.equal(304);
      expectProblem(await get('/kv/k', { 'If-Match': etag.slice(1, -1) }), 400, 'invalid-request');
    });

    it('on a key that is not there are 404', async () => {
      expectProblem(await get('/kv/none', { 'If-None-Match': '*' }), 404, 'key-not-found');
      expectProblem(await get('/kv/none', { 'If-Match': '*' }), 404, 'key-not-found');
      expectProblem(await get('/get/none', { 'If-Match': '*' }), 404, 'key-not-found');
    });

    it('by date: If-Modified-Since is left unread, If-Unmodified-Since refused', async () => {
      const etag = await put1();
      const later = new Date(WRITTEN_MS + 3_600_000).toUTCString();
      const earlier = new Date(WRITTEN_MS - 3_600_000).toUTCString();
      expect((await get('/kv/k', { 'If-Modified-Since': later })).status).to.equal(200);
      expect((await get('/kv/k', { 'If-Modified-Since': earlier, 'If-None-Match': etag })).status).to.equal(
        304,
      );
      expectProblem(await get('/kv/k', { 'If-Unmodified-Since': later }), 400, 'invalid-request');
      expect((await get('/kv/k', { 'If-Unmodified-Since': earlier, 'If-Match': etag })).status).to.equal(200);
    });
  });

  describe('conditions of writes', () => {
    it('If-Match with the tag compares and sets', async () => {
      const first = await put1();
      const second = await put('/kv/k', 'two', { 'If-Match': first });
      expect(second.status).to.equal(200);
      const stale = await put('/kv/k', 'three', { 'If-Match': first });
      expectProblem(stale, 412, 'precondition-failed');
      expect(stale.headers.etag).to.equal(second.headers.etag);
      expect(JSON.parse(stale.text).detail)
        .to.contain(second.headers.etag)
        .and.to.contain('Nothing was changed');
      expect((await get('/kv/k')).text).to.equal('two');
      expectProblem(await remove('/kv/k', { 'If-Match': first }), 412, 'precondition-failed');
      expect((await remove('/kv/k', { 'If-Match': second.headers.etag })).status).to.equal(204);
      const gone = await put('/kv/k', 'four', { 'If-Match': second.headers.etag });
      expectProblem(gone, 412, 'precondition-failed');
      expect(gone.headers).not.to.have.property('etag');
    });

    it('If-Match: * is for a key that is there, If-None-Match: * for one that is not', async () => {
      const there = { 'If-Match': '*' };
      const absent = { 'If-None-Match': ' * ' };
      expectProblem(await put('/kv/k', 'v', there), 412, 'precondition-failed');
      expectProblem(await remove('/kv/k', there), 412, 'precondition-failed');
      expectProblem(await remove('/kv/k', absent), 404, 'key-not-found');
      const made = await put('/kv/k', 'v', absent);
      expect(made.status).to.equal(201);
      const again = await send(gateway, 'POST', '/kv/k', 'w', absent);
      expectProblem(again, 412, 'precondition-failed');
      expect(again.headers.etag).to.equal(made.headers.etag);
      expectProblem(await remove('/kv/k', absent), 412, 'precondition-failed');
      expect((await put('/kv/k', 'w', there)).status).to.equal(200);
      expect((await remove('/kv/k', there)).status).to.equal(204);
    });

    it('a tag that no value can have never matches, and a list of them counts as the one that can', async () => {
      const etag = await put1();
      for (const tag of [
        '"x"',
        `W/${etag}`,
        '"0-0"',
        '"01-1"',
        '"1-99999999999999999"',
        '"x", W/"1-1", "y"',
      ]) {
        const reply = await put('/kv/k', 'w', { 'If-Match': tag });
        expectProblem(reply, 412, 'precondition-failed');
        expect(reply.headers.etag, tag).to.equal(etag);
      }
      const list = `"x", ${etag}, W/"7-7",\\t${etag}`.replace('\\t', '\t');
      expect((await put('/kv/k', 'w', { 'If-Match': list })).status).to.equal(200);
    });

    it('that cannot be served are refused before anything is written', async () => {
      const conditions: Record<string, string>[] = [
        { 'If-Match': '1-1' },
        { 'If-Match': '' },
        { 'If-Match': '"1-1' },
        { 'If-Match': '"1-1" "1-2"' },
        { 'If-Match': '*, "1-1"' },
        { 'If-Match': '"1-1", "1-2"' },
        { 'If-Match': '"1-1"', 'If-None-Match': '*' },
        { 'If-None-Match': '"1-1"' },
        { 'If-None-Match': '' },
        { 'If-Unmodified-Since': 'Sat, 29 Oct 1994 19:43:31 GMT' },
        { 'Content-Range': 'bytes 0-1/2' },
      ];
      for (const headers of conditions) {
        expectProblem(await put('/kv/k', 'v', headers), 400, 'invalid-request');
        expectProblem(await remove('/kv/k', headers), 400, 'invalid-request');
      }
      for (const [name, value] of [
        ['If-Match', '*'],
        ['If-None-Match', '*'],
        ['If-Unmodified-Since', 'x'],
      ] as const) {
        const set = await send(gateway, 'POST', '/set', '{"key":"k","value":"v"}', { [name]: value });
        expectProblem(set, 400, 'invalid-request');
        expectProblem(
          await send(gateway, 'POST', '/get', '[{"key":"k"}]', { [name]: value }),
          400,
          'invalid-request',
        );
      }
      expect(gateway.store.asked).to.equal(0);
      expect((await put('/kv/k', 'v', { 'If-Modified-Since': 'x' })).status).to.equal(201);
    });
  });

  describe('?ttl', () => {
    for (const [text, ttlMs] of [
      ['1', 1_000],
      ['1ms', 1],
      ['1500ms', 1_500],
      ['30s', 30_000],
      ['5m', 300_000],
      ['12h', 43_200_000],
      ['007d', 604_800_000],
      ['3650d', 315_360_000_000],
    ] as const) {
      it(`${text} is ${ttlMs} ms, and shows as Expires`, async () => {
        expect((await put(`/kv/k?ttl=${text}`)).status).to.equal(201);
        const expires = new Date(WRITTEN_MS + ttlMs).toUTCString();
        expect((await get('/kv/k')).headers.expires).to.equal(expires);
        expect((await send(gateway, 'HEAD', '/kv/k')).headers.expires).to.equal(expires);
        for (const ttl of [text, /^\d+$/.test(text) ? Number(text) : text]) {
          expect((await sendJson(gateway, '/set', [{ key: 'j', value: 'v', ttl }])).status).to.equal(200);
          expect(gateway.store.records.get('j')?.expiresAtMs).to.equal(WRITTEN_MS + ttlMs);
        }
      });
    }

    for (const text of [
      '',
      '0',
      '0ms',
      '-1',
      '1.5',
      '1.5s',
      '1e3',
      '30 s',
      '30S',
      '1w',
      's',
      'never',
      '3651d',
    ]) {
      it(`"${text}" is refused`, async () => {
        expectProblem(await put(`/kv/k?ttl=${encodeURIComponent(text)}`), 400, 'invalid-ttl');
        expectProblem(
          await sendJson(gateway, '/set', { key: 'k', value: 'v', ttl: text }),
          400,
          'invalid-ttl',
        );
        expect(gateway.store.asked).to.equal(0);
      });
    }

    it('in JSON is a number or a text, and in a batch fails its item alone', async () => {
      for (const ttl of [0, -1, 1.5, 1e21, true, null, [], {}]) {
        const reply = await sendJson(gateway, '/set', [
          { key: 'k', value: 'v', ttl },
          { key: 'g', value: 'v' },
        ]);
        expect(reply.status).to.equal(207);
        expect(JSON.parse(reply.text).failed[0]).to.include({ key: 'k', code: 'invalid-ttl' });
      }
      expect([...gateway.store.records.keys()]).to.deep.equal(['g']);
    });

    it('ends with the next write that names none', async () => {
      await put('/kv/k?ttl=30s');
      await put('/kv/k');
      expect((await get('/kv/k')).headers).not.to.have.property('expires');
    });
  });

  describe('?consistency', () => {
    it('is passed on, and the answer says what was served', async () => {
      await put('/kv/k');
      for (const path of ['/kv/k', '/get/k', '/kv/none', '/get/none']) {
        for (const consistency of ['linearizable', 'strict', 'stale']) {
          const { headers } = await get(`${path}?consistency=${consistency}`);
          expect(gateway.store.consistencies.pop()).to.equal(consistency);
          expect(headers['kv-consistency']).to.equal(consistency);
          expect(headers['kv-stale']).to.equal(consistency === 'stale' ? 'true' : undefined);
        }
        await get(path);
        expect(gateway.store.consistencies.pop()).to.equal('linearizable');
      }
    });

    it('is refused where it is another word, or the request is no read of one key', async () => {
      for (const word of ['sometimes', '', 'STALE', 'stale,strict']) {
        expectProblem(await get(`/kv/k?consistency=${word}`), 400, 'invalid-query');
        expectProblem(await get(`/get/k?consistency=${word}`), 400, 'invalid-query');
      }
      expectProblem(await put('/kv/k?consistency=strict'), 400, 'invalid-query');
      expectProblem(await remove('/kv/k?consistency=linearizable'), 400, 'invalid-query');
      expectProblem(await sendJson(gateway, '/get?consistency=stale', []), 400, 'invalid-query');
      expect(gateway.store.asked).to.equal(0);
    });
  });

  it('a parameter that nobody knows is refused', async () => {
    for (const path of ['/kv/k?tll=30s', '/kv/k?__proto__=1', '/kv/k?%ff=1', '/kv/k?ttl=1&ttl=2']) {
      expectProblem(await put(path), 400, 'invalid-query');
    }
    expectProblem(await get('/kv/k?ttl=1'), 400, 'invalid-query');
    expectProblem(await remove('/kv/k?ttl=1'), 400, 'invalid-query');
    expect(gateway.store.asked).to.equal(0);
    expect((await put('/kv/k?')).status).to.equal(201);
  });

  describe('Idempotency-Key', () => {
    const keyed = (key: string) => ({ 'Idempotency-Key': key });

    it('has a repeat run once and get the first answer', async () => {
      const first = await put('/kv/k', 'one', keyed('a'));
      expect(first.status).to.equal(201);
      await put('/kv/k', 'two');
      const again = await put('/kv/k', 'one', keyed('a'));
      expect([again.status, again.text]).to.deep.equal([201, first.text]);
      expect((await get('/kv/k')).text).to.equal('two');
      expect((await remove('/kv/k', keyed('d'))).status).to.equal(204);
      expect((await remove('/kv/k', keyed('d'))).status).to.equal(204);
      const condition = { ...keyed('c'), 'If-Match': '*' };
      expectProblem(await put('/kv/k', 'x', condition), 412, 'precondition-failed');
      await put('/kv/k', 'y');
      expectProblem(await put('/kv/k', 'x', condition), 412, 'precondition-failed');
    });

    it('with another request is 422, and 409 where it is forgotten', async () => {
      await put('/kv/k', 'one', keyed('a'));
      for (const reply of [
        await put('/kv/k', 'two', keyed('a')),
        await put('/kv/k?ttl=5', 'one', keyed('a')),
        await put('/kv/k', 'one', { ...keyed('a'), 'Content-Type': 'text/css' }),
        await remove('/kv/k', keyed('a')),
      ]) {
        expectProblem(reply, 422, 'idempotency-key-reused');
        expect(reply.headers['kv-partition']).to.equal(String(gateway.store.partitionOf('k')));
      }
      gateway.store.fault = () => 'idempotency-key-expired';
      expectProblem(await put('/kv/k', 'one', keyed('a')), 409, 'idempotency-key-expired');
    });

    it('is 1 to 255 printable characters, once', async () => {
      expect((await put('/kv/k', 'v', keyed('~ x'.repeat(85)))).status).to.equal(201);
      for (const key of ['', 'x'.repeat(256), 'k\u00e4y', 'a\tb']) {
        for (const reply of [
          await put('/kv/k', 'v', keyed(key)),
          await remove('/kv/k', keyed(key)),
          await send(gateway, 'POST', '/set', '[]', keyed(key)),
        ]) {
          expectProblem(reply, 400, 'invalid-request');
        }
      }
      expectProblem(await put('/kv/k', 'v', { 'Idempotency-Key': ['a', 'b'] }), 400, 'invalid-request');
      expect(gateway.store.asked).to.equal(1);
      expect((await get('/kv/k', keyed(''))).status).to.equal(200);
    });

    it('of a batch has each item run once, and what did not run before', async () => {
      const set = (items: unknown) => send(gateway, 'POST', '/set', JSON.stringify(items), keyed('batch'));
      const items = ['a', 'b', 'c'].map((key) => ({ key, value: 'one' }));
      gateway.store.fault = (key) => (key === 'b' ? 'no-primary' : undefined);
      const first = await set(items);
      expect(first.status).to.equal(207);
      gateway.store.fault = () => undefined;
      await put('/kv/a', 'two');
      const again = await set(items);
      expect(again.status).to.equal(200);
      const [a, b, c] = JSON.parse(again.text).set;
      expect([a, c]).to.deep.equal(JSON.parse(first.text).set);
      expect(b.key).to.equal('b');
      expect((await get('/kv/a')).text).to.equal('two');
      expect((await get('/kv/b')).text).to.equal('one');
      const other = await set([{ key: 'a', value: 'other' }, ...items.slice(1)]);
      expect(JSON.parse(other.text).failed[0]).to.include({ key: 'a', code: 'idempotency-key-reused' });
      expectProblem(await set({ key: 'a', value: 'other' }), 422, 'idempotency-key-reused');
    });

    it('of a batch is no other request than one with the same key', async () => {
      await send(gateway, 'POST', '/set', '{"key":"k","value":"v"}', keyed('x'));
      for (const other of ['x', 'x0', 'x/0', 'x 0']) {
        expect((await put('/kv/k', 'w', keyed(other))).status, other).to.equal(200);
      }
    });
  });
});
