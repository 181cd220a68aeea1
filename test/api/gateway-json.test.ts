import { expect } from 'chai';
import {
  expectProblem,
  type Gateway,
  MAX_VALUE_BYTES,
  send,
  sendJson,
  startGateway,
} from './gateway-harness.js';
import type { Fault } from './memory-store.js';

const MIB = 1024 * 1024;

describe('gateway /set and /get', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  beforeEach(() => gateway.store.clear());
  after(() => gateway.server.close(0));

  const set = (body: unknown) => sendJson(gateway, '/set', body);
  const setText = (body: string | Uint8Array) => send(gateway, 'POST', '/set', body);
  const getOne = (key: string) => send(gateway, 'GET', `/get/${encodeURIComponent(key)}`);

  it('work as the transcript has it', async () => {
    const items = ['', '1', '2', '3', '4'].map((n) => ({ key: `hi${n}`, value: `hello${n}` }));
    const written = await set(items);
    expect(written.status).to.equal(200);
    const { set: done, failed } = JSON.parse(written.text);
    expect(done.map((each: { key: string }) => each.key)).to.deep.equal(['hi', 'hi1', 'hi2', 'hi3', 'hi4']);
    expect(done[0].version).to.match(/^\d+-\d+$/);
    expect(failed).to.deep.equal([]);
    const asked = [{ key: 'hi' }, { key: 'hi1' }, { key: 'hi5' }, { key: 'hi6' }];
    expect((await sendJson(gateway, '/get', asked)).text).to.equal(
      '{"existedKey":[{"key":"hi","value":"hello"},{"key":"hi1","value":"hello1"}],' +
        '"notExistedKey":[{"key":"hi5","value":""},{"key":"hi6","value":""}]}',
    );
    expect((await sendJson(gateway, '/get', [{ key: 'hi' }])).text).to.equal(
      '{"existedKey":[{"key":"hi","value":"hello"}]}',
    );
    expect((await sendJson(gateway, '/get', [{ key: 'no' }])).text).to.equal(
      '{"notExistedKey":[{"key":"no","value":""}]}',
    );
    expect((await sendJson(gateway, '/get', [])).text).to.equal('{}');
  });

  it('take one item with an encoding, and show it with GET /get/:key', async () => {
    const reply = await set({ key: 'd', value: 'onto', encoding: 'string' });
    expect(reply.status).to.equal(200);
    const read = await getOne('d');
    expect(read.text).to.equal('{"key":"d","value":"onto","encoding":"string"}');
    expect(read.headers['kv-partition']).to.equal(String(gateway.store.partitionOf('d')));
    const { etag } = read.headers;
    expect(etag).to.match(/^"\d+-\d+"$/);
    const again = await send(gateway, 'GET', '/get/d', undefined, { 'If-None-Match': etag });
    expect(again.status).to.equal(304);
    expectProblem(await getOne('none'), 404, 'key-not-found');
  });

  it('answer in the order asked, a key that is asked for twice twice, and read it once', async () => {
    await set([
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ]);
    gateway.store.asked = 0;
    const asked = ['b', 'x', 'a', 'b', 'x'].map((key) => ({ key }));
    const { existedKey, notExistedKey } = JSON.parse((await sendJson(gateway, '/get', asked)).text);
    expect(existedKey.map((each: { key: string }) => each.key)).to.deep.equal(['b', 'a', 'b']);
    expect(notExistedKey.map((each: { key: string }) => each.key)).to.deep.equal(['x', 'x']);
    expect(gateway.store.asked).to.equal(3);
  });

  it('write items of one key in the order given', async () => {
    await set([
      { key: 'k', value: 'first' },
      { key: 'k', value: 'last' },
    ]);
    expect((await send(gateway, 'GET', '/kv/k')).text).to.equal('last');
  });

  it('take a name as a key that is special in JavaScript', async () => {
    const text =
      '[{"key":"__proto__","value":"p"},{"key":"constructor","value":"c"},' +
      '{"key":"j","value":{"__proto__":{"polluted":true}},"encoding":"json"}]';
    expect((await setText(text)).status).to.equal(200);
    expect((await send(gateway, 'GET', '/kv/__proto__')).text).to.equal('p');
    expect((await send(gateway, 'GET', '/kv/j')).text).to.equal('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).to.equal(undefined);
    const own = JSON.parse((await send(gateway, 'GET', '/kv/all-data')).text);
    expect(Object.hasOwn(own, '__proto__')).to.equal(true);
    const reply = await setText('{"__proto__":{"key":"x"},"value":"v"}');
    expectProblem(reply, 400, 'invalid-request');
  });

  describe('items', () => {
    for (const [item, code] of [
      ['{"value":"v"}', 'invalid-key'],
      ['{"key":"","value":"v"}', 'invalid-key'],
      ['{"key":5,"value":"v"}', 'invalid-key'],
      ['{"key":"\\ud800","value":"v"}', 'invalid-key'],
      [`{"key":"${'k'.repeat(1025)}","value":"v"}`, 'invalid-key'],
      [`{"key":"${'ы'.repeat(513)}","value":"v"}`, 'invalid-key'],
      ['{"key":"k","value":"v","expires":"30s"}', 'invalid-request'],
    ] as const) {
      it(`refuse ${item.slice(0, 40)} with ${code}`, async () => {
        expectProblem(await setText(item), 400, code);
        const both = await setText(`[{"key":"good","value":"v"},${item}]`);
        expect(both.status).to.equal(207);
        const { failed } = JSON.parse(both.text);
        expect(failed).to.have.length(1);
        expect(failed[0].code).to.equal(code);
        expect(failed[0].detail).to.match(/^Item 1: /);
        if (!item.includes('value":"v","expires')) {
          expectProblem(
            await send(gateway, 'POST', '/get', `[${item.replace(/,?"value":"v"/, '')}]`),
            400,
            code,
          );
        }
      });
    }

    it('that are no objects are refused, alone and in a batch', async () => {
      for (const body of ['5', '"k"', 'null', 'true'])
        expectProblem(await setText(body), 400, 'invalid-request');
      const reply = await setText('[5,null,"k",[],{"key":"k","value":"v"}]');
      expect(reply.status).to.equal(207);
      const { set: done, failed } = JSON.parse(reply.text);
      expect(done).to.have.length(1);
      expect(failed.map((each: { code: string }) => each.code)).to.deep.equal(
        Array(4).fill('invalid-request'),
      );
      expectProblem(await sendJson(gateway, '/get', ['k']), 400, 'invalid-request');
    });

    it('with a value over the limit are 413 alone, and fail in a batch', async () => {
      const value = 'x'.repeat(MAX_VALUE_BYTES + 1);
      expectProblem(await set({ key: 'k', value }), 413, 'value-too-large');
      const { failed } = JSON.parse((await set([{ key: 'k', value }])).text);
      expect(failed[0].code).to.equal('value-too-large');
      expect((await set({ key: 'k', value: value.slice(1) })).status).to.equal(200);
    });

    it('are 10,000 at most', async () => {
      const items = Array.from({ length: 10_000 }, (_, i) => ({ key: `k${i}`, value: 'v' }));
      const full = await set(items);
      expect(full.status).to.equal(200);
      expect(JSON.parse(full.text).set).to.have.length(10_000);
      const keys = items.map(({ key }) => ({ key }));
      expect(JSON.parse((await sendJson(gateway, '/get', keys)).text).existedKey).to.have.length(10_000);
      expectProblem(await set([...items, { key: 'more', value: 'v' }]), 400, 'too-many-items');
      expectProblem(await sendJson(gateway, '/get', [...keys, { key: 'more' }]), 400, 'too-many-items');
      expect(gateway.store.records.has('more')).to.equal(false);
    });
  });

  describe('bodies', () => {
    for (const body of ['', '{', '[{"key":"a"}', 'key=value', '{"key":"a"}x', "{'key':'a'}", '[1,]', '\0']) {
      it(`refuse ${JSON.stringify(body)}`, async () => {
        expectProblem(await setText(body), 400, 'invalid-json');
        expectProblem(await send(gateway, 'POST', '/get', body), 400, 'invalid-json');
        expect(gateway.store.asked).to.equal(0);
      });
    }

    it('refuse what is not UTF-8', async () => {
      const body = Buffer.concat([
        Buffer.from('{"key":"'),
        Buffer.from([0xff]),
        Buffer.from('","value":""}'),
      ]);
      expectProblem(await setText(body), 400, 'invalid-json');
    });

    it('are nested 32 levels at most, and measured before they are parsed', async () => {
      const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
      const item = (depth: number) => `{"key":"k","encoding":"json","value":${nested(depth)}}`;
      expect((await setText(item(31))).status).to.equal(200);
      expectProblem(await setText(item(32)), 400, 'invalid-json');
      expectProblem(await setText('['.repeat(MIB)), 400, 'invalid-json');
      expectProblem(await setText('{"a":'.repeat(MIB)), 400, 'invalid-json');
      expect((await set({ key: 'k', value: '['.repeat(1000) })).status).to.equal(200);
    });

    it('are 16 MiB at most', async () => {
      const items = Array.from({ length: 16 }, (_, i) => ({ key: `k${i}`, value: 'x'.repeat(MIB - 64) }));
      const full = JSON.stringify(items);
      expect((await setText(full.padEnd(16 * MIB))).status).to.equal(200);
      expectProblem(await setText(full.padEnd(16 * MIB + 1)), 413, 'body-too-large');
    });

    it('that are compressed are 415', async () => {
      const reply = await send(gateway, 'POST', '/set', '{}', { 'Content-Encoding': 'br' });
      expectProblem(reply, 415, 'unsupported-content-encoding');
    });
  });

  describe('failures', () => {
    const failing = (fault: Fault) => (key: string) => (key === 'bad' ? fault : undefined);

    it('of some items are 207 with a code each', async () => {
      const items = [
        { key: 'good', value: '1' },
        { key: 'bad', value: '2' },
        { key: 'fine', value: '3' },
      ];
      for (const [fault, code] of [
        ['no-primary', 'partition-unavailable'],
        ['overloaded', 'too-many-requests'],
        ['unknown', 'outcome-unknown'],
        ['idempotency-key-expired', 'idempotency-key-expired'],
      ] as const) {
        gateway.store.fault = failing(fault);
        const reply = await set(items);
        expect(reply.status).to.equal(207);
        const { set: done, failed } = JSON.parse(reply.text);
        expect(done.map((each: { key: string }) => each.key)).to.deep.equal(['good', 'fine']);
        expect(failed).to.have.length(1);
        expect(failed[0]).to.include({ key: 'bad', code });
        expect(failed[0].detail).to.match(/^Item 1: /);
      }
    });

    it('of a single item are its own answer', async () => {
      gateway.store.fault = failing('unknown');
      const reply = await set({ key: 'bad', value: 'v' });
      expectProblem(reply, 504, 'outcome-unknown');
      expect(reply.headers['kv-outcome']).to.equal('unknown');
    });

    it('of an answer that is full name the keys that were left out', async () => {
      await set([
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ]);
      gateway.store.fullFrom = 'b';
      const reply = await sendJson(gateway, '/get', [{ key: 'a' }, { key: 'b' }, { key: 'none' }]);
      expect(reply.status).to.equal(207);
      const { existedKey, notExistedKey, failed } = JSON.parse(reply.text);
      expect(existedKey).to.deep.equal([{ key: 'a', value: '1' }]);
      expect(notExistedKey).to.equal(undefined);
      expect(failed.map(({ key, code }: { key: string; code: string }) => [key, code])).to.deep.equal([
        ['b', 'answer-too-large'],
        ['none', 'answer-too-large'],
      ]);
    });

    it('of a read put the key in neither list', async () => {
      await set({ key: 'good', value: 'v' });
      gateway.store.fault = failing('timeout');
      const reply = await sendJson(gateway, '/get', [{ key: 'good' }, { key: 'bad' }, { key: 'none' }]);
      expect(reply.status).to.equal(207);
      const { existedKey, notExistedKey, failed } = JSON.parse(reply.text);
      expect(existedKey).to.deep.equal([{ key: 'good', value: 'v' }]);
      expect(notExistedKey).to.deep.equal([{ key: 'none', value: '' }]);
      expect(failed).to.have.length(1);
      expect(failed[0]).to.include({ key: 'bad', code: 'partition-unavailable' });
      expect(failed[0].detail).to.match(/^Item 1: .* did not answer in time/);
    });
  });
});
