import { expect } from 'chai';
import { chainedChecksum, fingerprint } from '../../../peer/replication/checksum.js';
import type { Entry } from '../../../peer/replication/entry.js';
import { draft, several } from './entries.js';

describe('peer/replication/checksum', () => {
  it('is the same for no bytes, whether or not anybody has looked at their buffer', () => {
    const bytes = Buffer.alloc(0);
    const entry = draft(1, 'k1', { effect: { kind: 'put', value: { bytes, type: 't' } } });
    const before = [chainedChecksum(7, entry), fingerprint(['a', bytes])];
    // Node's crc32 says 0 from here on.
    expect(bytes.buffer.byteLength).to.equal(0);
    expect([chainedChecksum(7, entry), fingerprint(['a', bytes])]).to.deep.equal(before);
  });

  it('covers everything that a replica acts upon', () => {
    const value = { bytes: Buffer.from('v1'), type: 't' };
    const changes: Partial<Entry>[] = [
      {},
      { seq: 2 },
      { epoch: 2 },
      { ts: 2 },
      { key: 'other' },
      { effect: { kind: 'put', value: { ...value, type: 'u' } } },
      { effect: { kind: 'put', value: { ...value, bytes: Buffer.from('v2') } } },
      { effect: { kind: 'put', value, expiresAtMs: 1 } },
      { effect: { kind: 'delete' } },
      { effect: { kind: 'none' } },
      { effect: { kind: 'retire', peer: 'A', storeId: 's', inc: 1 } },
      { effect: { kind: 'retire', peer: 'A', storeId: 's', inc: 2 } },
      several(),
      several({ kind: 'delete', key: 'a' }),
      several({ kind: 'delete', key: 'b' }),
      several({ kind: 'delete', key: 'a' }, { kind: 'delete', key: 'b' }),
      several({ kind: 'delete', key: 'b' }, { kind: 'delete', key: 'a' }),
      several({ kind: 'put', key: 'a', value }),
      several({ kind: 'put', key: 'a', value, expiresAtMs: 1 }),
      several({ kind: 'put', key: 'a', value }, { kind: 'put', key: 'b', value }),
      several({
        kind: 'put',
        key: 'a',
        value: { type: 't', bytes: Buffer.from('v1\nput\n1\n2\nb\n\nt\nv1') },
      }),
      { request: { session: 'A/s/1', n: 1, fi: 1 } },
      { request: { session: 'A/s/1', n: 2, fi: 1 } },
      { request: { session: 'A/s/1', n: 2, fi: 2 } },
      { idempotency: { token: 'x', fingerprint: 1 } },
      { result: { kind: 'failed', reason: 'condition', actual: null } },
      { result: { kind: 'failed', reason: 'condition', actual: { epoch: 1, seq: 1 } } },
      { result: { kind: 'done', version: { epoch: 1, seq: 1 }, existed: true } },
      { result: { kind: 'done', version: { epoch: 1, seq: 1 }, existed: false, number: 1n } },
      { result: { kind: 'done', version: { epoch: 1, seq: 1 }, existed: false, length: 1 } },
    ];
    const sums = changes.map((change) => chainedChecksum(7, draft(1, 'k1', change)));
    expect(new Set(sums).size).to.equal(changes.length);
    expect(chainedChecksum(8, draft(1))).not.to.equal(sums[0]);
  });

  it('is what it was: logs are stored with it', () => {
    const value = { bytes: Buffer.from('v1'), type: 't' };
    const effects: Entry['effect'][] = [
      { kind: 'put', value, expiresAtMs: 1 },
      { kind: 'delete' },
      { kind: 'none' },
      { kind: 'retire', peer: 'A', storeId: 's', inc: 1 },
      several({ kind: 'put', key: 'ключ', value }, { kind: 'delete', key: 'b' }).effect as Entry['effect'],
    ];
    const sums = effects.map((effect) => chainedChecksum(7, draft(1, 'ключ', { effect })));
    expect(sums).to.deep.equal([4070146968, 3946307927, 1637780469, 930282303, 868192079]);
  });

  it('tells commands apart by where their parts begin', () => {
    expect(fingerprint(['ab', 'c'])).not.to.equal(fingerprint(['a', 'bc']));
    expect(fingerprint(['a', Buffer.from('b')])).to.equal(fingerprint(['a', Buffer.from('b')]));
  });
});
