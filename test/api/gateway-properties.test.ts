import { expect } from 'chai';
import fc from 'fast-check';
import { type Gateway, send, sendJson, startGateway } from './gateway-harness.js';

const ROUNDS = { numRuns: 150 };

/** Any text of 1 to 1,024 bytes of UTF-8. */
const anyKey = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 300 })
  .filter((key) => Buffer.byteLength(key) <= 1024);

type Spelling = 'all' | 'lower' | 'needed' | 'mixed';

/** The key in a path: every byte escaped, in capitals or not, only what must be, or a mixture. */
function spell(key: string, spelling: Spelling): string {
  if (spelling === 'needed') return encodeURIComponent(key).replace(/^all-data$/, 'all%2Ddata');
  const bytes = [...Buffer.from(key)].map((byte) => byte.toString(16).padStart(2, '0'));
  if (spelling === 'all') return bytes.map((hex) => `%${hex.toUpperCase()}`).join('');
  if (spelling === 'lower') return bytes.map((hex) => `%${hex}`).join('');
  const plain = /^[A-Za-z0-9._~!$&'()*+,;=:@]$/;
  return bytes
    .map((hex, index) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return index % 2 === 0 && plain.test(character) ? character : `%${hex}`;
    })
    .join('');
}

describe('gateway round trips', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.server.close(0));

  it('any key, in any spelling, and any bytes', async () => {
    const spellings = fc.constantFrom<Spelling>('all', 'lower', 'needed', 'mixed');
    await fc.assert(
      fc.asyncProperty(
        anyKey,
        fc.uint8Array({ maxLength: 6000 }),
        spellings,
        spellings,
        async (key, bytes, put, get) => {
          gateway.store.clear();
          const written = await send(gateway, 'PUT', `/kv/${spell(key, put)}`, bytes);
          expect(written.status, written.text).to.equal(201);
          expect(JSON.parse(written.text).key).to.equal(key);
          expect([...gateway.store.records.keys()]).to.deep.equal([key]);
          const read = await send(gateway, 'GET', `/kv/${spell(key, get)}`);
          expect(read.body.equals(bytes)).to.equal(true);
          const listed = await send(gateway, 'GET', '/kv');
          expect(JSON.parse(listed.text).keys).to.deep.equal([key]);
          expect((await send(gateway, 'DELETE', `/kv/${spell(key, get)}`)).status).to.equal(204);
        },
      ),
      ROUNDS,
    );
  });

  it('any path, and no answer is a 5xx', async () => {
    const target = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    });
    const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH');
    await fc.assert(
      fc.asyncProperty(
        method,
        target,
        fc.constantFrom('/', '/kv/', '/get/', '/kv?'),
        async (verb, rest, start) => {
          const reply = await send(gateway, verb, start + rest);
          expect(reply.status < 500, `${verb} ${start}${rest}: ${reply.status}`).to.equal(true);
        },
      ),
      ROUNDS,
    );
  });

  it('any header that is an option, and no answer is a 5xx', async () => {
    const tag = fc.constantFrom('"1-1"', 'W/"1-1"', '"x"', '*', ',', ' ', '"', '1-1', '""', '\u00e4');
    const value = fc.oneof(
      fc.array(tag, { maxLength: 4 }).map((tags) => tags.join(',')),
      fc.string({
        unit: fc
          .integer({ min: 0x20, max: 0xff })
          .map((code) => String.fromCharCode(code === 0x7f ? 0x20 : code)),
      }),
    );
    const name = fc.constantFrom(
      'If-Match',
      'If-None-Match',
      'If-Modified-Since',
      'If-Unmodified-Since',
      'If-Range',
      'Range',
      'Content-Range',
      'Content-Type',
      'Idempotency-Key',
      'Origin',
      'Host',
      'Authorization',
      'Accept',
      'Expect',
    );
    const query = fc.constantFrom('', '?ttl=', '?ttl=5', '?consistency=stale', '?consistency=', '?x');
    const path = fc.constantFrom('/kv/k', '/kv/k2', '/set', '/get', '/get/k', '/metrics');
    const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD');
    await fc.assert(
      fc.asyncProperty(method, path, query, fc.dictionary(name, value), async (verb, to, asked, headers) => {
        const body = verb === 'PUT' || verb === 'POST' ? '[]' : undefined;
        const reply = await send(gateway, verb, to + asked, body, headers);
        const said = `${verb} ${to}${asked} ${JSON.stringify(headers)}: ${reply.status}`;
        expect(reply.status, said).to.be.below(500);
      }),
      { numRuns: 600 },
    );
  });

  it('any text, bytes, number, boolean and document in JSON', async () => {
    const item = fc.oneof(
      fc.record({ encoding: fc.constant('string'), value: fc.string({ unit: 'binary' }) }),
      fc.record({
        encoding: fc.constant('binary'),
        value: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      }),
      fc.record({ encoding: fc.constant('integer'), value: fc.maxSafeInteger() }),
      fc.record({
        encoding: fc.constant('float'),
        value: fc.double({ noNaN: true, noDefaultInfinity: true }),
      }),
      fc.record({ encoding: fc.constant('boolean'), value: fc.boolean() }),
      fc.record({ encoding: fc.constant('json'), value: fc.jsonValue({ maxDepth: 5 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(anyKey, item), { maxLength: 8, selector: ([key]) => key }),
        async (all) => {
          const items = all.map(([key, { encoding, value }]) => ({ key, value, encoding }));
          const written = await sendJson(gateway, '/set', items);
          expect(written.status, written.text).to.equal(200);
          const read = await sendJson(
            gateway,
            '/get',
            items.map(({ key }) => ({ key })),
          );
          const expected = items.map(({ key, value, encoding }) =>
            encoding === 'string' ? { key, value } : { key, value, encoding },
          );
          // Through JSON, as the items went: -0 is 0 there.
          expect(JSON.parse(read.text).existedKey ?? []).to.deep.equal(JSON.parse(JSON.stringify(expected)));
        },
      ),
      ROUNDS,
    );
  });

  it('any text of an integer or a document, digit by digit', async () => {
    const digits = fc.stringMatching(/^-?(?:0|[1-9][0-9]{0,60})$/);
    const spaced = fc
      .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, '\t'))
      .map(([value, space]) => JSON.stringify(value, null, space));
    await fc.assert(
      fc.asyncProperty(digits, spaced, async (integer, document) => {
        const body = `[{"value":${integer},"encoding":"integer","key":"i"}, {"encoding":"json","key":"j","value": ${document} }]`;
        expect((await send(gateway, 'POST', '/set', body)).status).to.equal(200);
        expect((await send(gateway, 'GET', '/kv/i')).text).to.equal(integer);
        expect((await send(gateway, 'GET', '/kv/j')).text).to.equal(document);
      }),
      ROUNDS,
    );
  });
});
