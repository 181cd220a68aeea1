import { expect } from 'chai';
import { expectProblem, type Gateway, send, sendJson, startGateway } from './gateway-harness.js';

describe('gateway encodings', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
  after(() => gateway.server.close(0));

  const set = (body: unknown) => sendJson(gateway, '/set', body);
  const setText = (body: string) => send(gateway, 'POST', '/set', body);
  const getOne = (key: string) => send(gateway, 'GET', `/get/${encodeURIComponent(key)}`);

  for (const [encoding, value, type, bytes] of [
    ['string', '"onto"', 'text/plain; charset=utf-8', 'onto'],
    ['string', '"\\u043a\\n\\u0000"', 'text/plain; charset=utf-8', 'к\n\0'],
    ['string', '""', 'text/plain; charset=utf-8', ''],
    ['integer', '-42', 'application/json', '-42'],
    ['integer', '123456789012345678901234567890', 'application/json', '123456789012345678901234567890'],
    ['float', '2.50', 'application/json', '2.50'],
    ['float', '-1e-7', 'application/json', '-1e-7'],
    ['float', '3', 'application/json', '3'],
    ['boolean', 'true', 'application/json', 'true'],
    ['boolean', 'false', 'application/json', 'false'],
    ['json', 'null', 'application/json', 'null'],
    ['json', '{ "b" : [1.0, 12345678901234567890], "2":0, "1":"]}" }', 'application/json', null],
    ['json', '"text"', 'application/json', '"text"'],
    ['binary', '"AP/+"', 'application/octet-stream', '\0\xff\xfe'],
    ['binary', '""', 'application/octet-stream', ''],
  ] as const) {
    it(`${encoding} ${value}`, async () => {
      const reply = await setText(`{ "key" : "k" , "value": ${value} ,"encoding":"${encoding}"}`);
      expect(reply.status, reply.text).to.equal(200);
      const raw = await send(gateway, 'GET', '/kv/k');
      expect(raw.headers['content-type']).to.equal(type);
      const expected = encoding === 'binary' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes ?? value);
      expect(raw.body.equals(expected)).to.equal(true);
      const shown = encoding === 'string' ? JSON.stringify(bytes) : value;
      expect((await getOne('k')).text).to.equal(`{"key":"k","value":${shown},"encoding":"${encoding}"}`);
      const batch = await sendJson(gateway, '/get', [{ key: 'k' }]);
      const named = encoding === 'string' ? '' : `,"encoding":"${encoding}"`;
      expect(batch.text).to.equal(`{"existedKey":[{"key":"k","value":${shown}${named}}]}`);
    });
  }

  for (const [type, bytes, encoding, value] of [
    ['text/plain', 'text', 'string', '"text"'],
    ['text/html; charset="UTF-8"', '<p>', 'string', '"<p>"'],
    ['application/xml', '<a/>', 'string', '"<a/>"'],
    ['image/svg+xml', '<svg/>', 'string', '"<svg/>"'],
    ['application/json', ' {"a": 1}', 'json', ' {"a": 1}'],
    ['application/problem+json; x=y', '[]', 'json', '[]'],
    ['application/json', '{not json', 'string', '"{not json"'],
    ['text/plain; charset=latin1', 'text', 'binary', '"dGV4dA=="'],
    ['application/octet-stream', 'text', 'binary', '"dGV4dA=="'],
    ['image/png', 'text', 'binary', '"dGV4dA=="'],
    ['application/jsonp', '1', 'binary', '"MQ=="'],
  ] as const) {
    it(`what was PUT as ${type} reads as ${encoding}`, async () => {
      await send(gateway, 'PUT', '/kv/k', bytes, { 'Content-Type': type });
      expect((await getOne('k')).text).to.equal(`{"key":"k","value":${value},"encoding":"${encoding}"}`);
    });
  }

  it('text that is no UTF-8 reads as binary, and a byte order mark stays', async () => {
    await send(gateway, 'PUT', '/kv/k', Buffer.from([0xff]), { 'Content-Type': 'text/plain' });
    expect(JSON.parse((await getOne('k')).text)).to.include({ value: '/w==', encoding: 'binary' });
    await send(gateway, 'PUT', '/kv/k', '\ufeffbom', { 'Content-Type': 'text/plain' });
    expect(JSON.parse((await getOne('k')).text)).to.include({ value: '\ufeffbom', encoding: 'string' });
  });

  it('a document nested deeper than /set takes reads as a string', async () => {
    for (const [depth, encoding] of [
      [30, 'json'],
      [31, 'string'],
      [500_000, 'string'],
    ] as const) {
      const document = '['.repeat(depth) + ']'.repeat(depth);
      await send(gateway, 'PUT', '/kv/k', document, { 'Content-Type': 'application/json' });
      const read = await getOne('k');
      expect(read.text.endsWith(`"encoding":"${encoding}"}`), String(depth)).to.equal(true);
      expect((await setText(`[${read.text}]`)).status).to.equal(200);
    }
  });

  it('a type sent by PUT never passes for an encoding', async () => {
    for (const type of [
      'integer',
      'application/json;encoding=integer',
      'application/json; kv-encoding=integer',
    ]) {
      await send(gateway, 'PUT', '/kv/k', '5', { 'Content-Type': type });
      expect((await send(gateway, 'GET', '/kv/k')).headers['content-type']).to.equal(type);
      expect(JSON.parse((await getOne('k')).text).encoding).not.to.equal('integer');
    }
  });

  it('a value set by a lane that keeps no types reads as text or as bytes', async () => {
    const bare = (bytes: Uint8Array) =>
      gateway.store.write({ command: { kind: 'put', key: 'k', value: { bytes, type: '' } } });
    await bare(Buffer.from('text'));
    expect((await send(gateway, 'GET', '/kv/k')).headers['content-type']).to.equal(
      'text/plain; charset=utf-8',
    );
    expect(JSON.parse((await send(gateway, 'GET', '/kv/all-data')).text)).to.deep.equal({ k: 'text' });
    await bare(Buffer.from([0xff]));
    expect((await send(gateway, 'GET', '/kv/k')).headers['content-type']).to.equal(
      'application/octet-stream',
    );
    expect(JSON.parse((await send(gateway, 'GET', '/kv/all-data')).text)).to.deep.equal({
      k: { base64: '/w==' },
    });
  });

  it('a value that another lane changed reads as what it is now', async () => {
    await setText('{"key":"k","value":5,"encoding":"integer"}');
    await gateway.store.write({ command: { kind: 'increment', key: 'k', by: 2n } });
    expect((await getOne('k')).text).to.equal('{"key":"k","value":7,"encoding":"integer"}');
    const bytes = Buffer.from('","x":"');
    await gateway.store.write({ command: { kind: 'append', key: 'k', bytes, type: '' } });
    expect(JSON.parse((await getOne('k')).text)).to.deep.equal({
      key: 'k',
      value: '7","x":"',
      encoding: 'string',
    });
  });

  for (const item of [
    '{"key":"k"}',
    '{"key":"k","value":5}',
    '{"key":"k","value":null}',
    '{"key":"k","value":["a"]}',
    '{"key":"k","value":"\\ud800"}',
    '{"key":"k","value":"5","encoding":"integer"}',
    '{"key":"k","value":5.0,"encoding":"integer"}',
    '{"key":"k","value":1e3,"encoding":"integer"}',
    '{"key":"k","value":"5","encoding":"float"}',
    '{"key":"k","value":1e999,"encoding":"float"}',
    '{"key":"k","value":1,"encoding":"boolean"}',
    '{"key":"k","value":"true","encoding":"boolean"}',
    '{"key":"k","encoding":"json"}',
    '{"key":"k","value":5,"encoding":"binary"}',
    '{"key":"k","value":"AP/","encoding":"binary"}',
    '{"key":"k","value":"AP_-","encoding":"binary"}',
    '{"key":"k","value":"AP /+","encoding":"binary"}',
    '{"key":"k","value":"AR==","encoding":"binary"}',
  ]) {
    it(`refuse ${item}`, async () => {
      expectProblem(await setText(item), 400, 'invalid-value');
      const both = await setText(`[${item},{"key":"good","value":"v"}]`);
      expect(both.status).to.equal(207);
      const { set: done, failed } = JSON.parse(both.text);
      expect(done.map((each: { key: string }) => each.key)).to.deep.equal(['good']);
      expect(failed[0]).to.include({ key: 'k', code: 'invalid-value' });
      expect(failed[0].detail).to.match(/^Item 0: /);
      expect([...gateway.store.records.keys()]).to.deep.equal(['good']);
    });
  }

  it('refuse an encoding nobody knows', async () => {
    for (const encoding of ['text', '', null, 1, 'toString', '__proto__']) {
      expectProblem(await set({ key: 'k', value: 'v', encoding }), 400, 'invalid-encoding');
    }
  });
});
