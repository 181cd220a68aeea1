/** What peers send is what peers get; and what is no batch is refused, never half taken. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc, { type Arbitrary } from 'fast-check';
import protobuf from 'protobufjs';
import type { PeerEnvelope, PeerMessage } from '../../../peer/replication/messages.js';
import { decodeBatch, encodeEnvelopes, encodeFrame } from '../../../peer/transport/codec.js';
import type { Frame } from '../../../peer/transport/frames.js';
import { anyMessage, messages, reply, request } from './arbitraries.js';

const SENDER = { cluster: 'test', id: 'a' };
const MAX_BYTES = 1024 * 1024;

const frame: Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('request' as const), id: fc.nat(0xffff_ffff), request }),
  fc.record({ kind: fc.constant('reply' as const), id: fc.nat(0xffff_ffff), reply }),
  fc.record({
    kind: fc.constant('no-reply' as const),
    id: fc.nat(0xffff_ffff),
    reason: fc.constantFrom('overloaded' as const, 'closing' as const, 'failed' as const),
  }),
);

const envelopes: Arbitrary<PeerEnvelope[]> = fc.array(
  fc
    .tuple(
      fc.oneof(fc.constant(3), fc.maxSafeNat()),
      fc.oneof(fc.constant(2 ** 32 + 7), fc.maxSafeNat()),
      anyMessage,
    )
    .map(([fromInc, ver, body]) => envelope(body, ver, fromInc)),
  { maxLength: 8 },
);

function envelope(body: PeerMessage, ver = 2 ** 32 + 7, fromInc = 3): PeerEnvelope {
  return { clusterId: SENDER.cluster, from: SENDER.id, fromInc, ver, body };
}

function decoded(bytes: readonly Buffer[]): readonly PeerEnvelope[] {
  return bytes.flatMap((each) => decodeBatch(each, SENDER).envelopes);
}

function roundTrip(body: PeerMessage): PeerMessage | undefined {
  return decoded(encodeEnvelopes(SENDER, [envelope(body)], MAX_BYTES))[0]?.body;
}

/** `peer.proto` as protobufjs itself reads and writes it. */
const batchOfProto = protobuf
  .parse(readFileSync('peer/transport/peer.proto', 'utf8'))
  .root.resolveAll()
  .lookupType('covey.peer.v1.Batch');

describe('codec', () => {
  for (const [type, arbitrary] of Object.entries(messages)) {
    it(`gives back any ${type}`, () => {
      fc.assert(
        fc.property(arbitrary as Arbitrary<PeerMessage>, (body) => {
          expect(roundTrip(body)).to.deep.equal(body);
        }),
      );
    });
  }

  it('gives back envelopes of any versions and processes, in their order, however small the batches', () => {
    fc.assert(
      fc.property(envelopes, fc.constantFrom(1, 100, MAX_BYTES), (sent, maxBytes) => {
        expect(decoded(encodeEnvelopes(SENDER, sent, maxBytes))).to.deep.equal(sent);
      }),
    );
  });

  it('gives back any call', () => {
    fc.assert(
      fc.property(frame, (sent) => {
        expect(decodeBatch(encodeFrame(sent), SENDER).frames).to.deep.equal([sent]);
      }),
    );
  });

  it('takes batches one after the other as one', () => {
    fc.assert(
      fc.property(envelopes, frame, envelopes, (first, call, second) => {
        const parts = [
          ...encodeEnvelopes(SENDER, first, MAX_BYTES),
          encodeFrame(call),
          ...encodeEnvelopes(SENDER, second, MAX_BYTES),
        ];
        const batch = decodeBatch(Buffer.concat(parts), SENDER);
        expect(batch).to.deep.equal({ envelopes: [...first, ...second], frames: [call] });
      }),
    );
    expect(decodeBatch(Buffer.alloc(0), SENDER)).to.deep.equal({ envelopes: [], frames: [] });
  });

  it('writes what peer.proto says, and reads what others write by it', () => {
    fc.assert(
      fc.property(envelopes, frame, (sent, call) => {
        const ours = Buffer.concat([...encodeEnvelopes(SENDER, sent, MAX_BYTES), encodeFrame(call)]);
        // What the definition does not know is lost on this way.
        const theirs = batchOfProto.encode(batchOfProto.decode(ours)).finish();
        expect(decodeBatch(Buffer.from(theirs), SENDER)).to.deep.equal({ envelopes: sent, frames: [call] });
      }),
    );
  });

  it('closes a batch at its limit, and lets a large envelope make it longer', () => {
    const put = (length: number): PeerMessage => ({
      type: 'fwd',
      partition: 1,
      tag: { session: 's', n: 1, fi: 1 },
      attempt: 1,
      command: { kind: 'put', key: 'k', value: { bytes: Buffer.alloc(length), type: '' } },
      idempotency: undefined,
    });
    const sent = [400, 400, 400, 5000, 400].map((length) => envelope(put(length)));
    const batches = encodeEnvelopes(SENDER, sent, 1000);
    expect(batches.map((bytes) => decodeBatch(bytes, SENDER).envelopes.length)).to.deep.equal([3, 1, 1]);
  });

  it('copies bytes that are less than half of what came, and leaves others where they are', () => {
    const value = (length: number) => ({ bytes: Buffer.alloc(length, 1), type: '' });
    const row = (length: number): PeerMessage => ({
      type: 'rfwd_r',
      id: 1,
      inc: 1,
      outcome: {
        kind: 'row',
        row: { value: value(length), epoch: 1, seq: 1, ts: 1, expiresAtMs: undefined },
        epoch: 1,
        com: 1,
      },
    });
    const [bytes] = encodeEnvelopes(SENDER, [envelope(row(1000)), envelope(row(5000))], MAX_BYTES) as [
      Buffer,
    ];
    // A buffer of its own, so that what shares its memory is a window on it.
    const received = Buffer.from(new Uint8Array(bytes).buffer);
    const isWindow = decodeBatch(received, SENDER).envelopes.map(({ body }) => {
      if (body.type !== 'rfwd_r' || body.outcome.kind !== 'row') throw new Error('no row');
      return body.outcome.row?.value?.bytes.buffer === received.buffer;
    });
    expect(isWindow).to.deep.equal([false, true]);
  });

  it('skips fields of a later version at the end of a message', () => {
    const later = protobuf
      .parse(
        `syntax = "proto3";
        message Batch { repeated Parcel parcels = 1; }
        message Parcel { uint64 from_inc = 1; uint64 ver = 2; repeated Message messages = 3; string later = 9; }
        message Message { AlignOk align_ok = 6; }
        message AlignOk {
          uint32 partition = 1; uint64 epoch = 2; uint64 upto = 3;
          string a = 14; fixed32 b = 15; double c = 16; uint64 d = 17;
        }`,
      )
      .root.resolveAll()
      .lookupType('Batch');
    const alignOk = { partition: 1, epoch: 2, upto: 3, a: 'x', b: 1, c: 1.5, d: 9 };
    const bytes = later
      .encode({ parcels: [{ fromInc: 3, ver: 4, messages: [{ alignOk }], later: 'x' }] })
      .finish();
    const { envelopes: got } = decodeBatch(Buffer.from(bytes), SENDER);
    expect(got).to.deep.equal([envelope({ type: 'align_ok', partition: 1, epoch: 2, upto: 3 }, 4, 3)]);
  });

  describe('refuses', () => {
    it('any bytes that are no batch, with an Error and nothing worse', () => {
      let refused = 0;
      fc.assert(
        fc.property(
          envelopes,
          fc.nat(),
          fc.uint8Array({ minLength: 1, maxLength: 6 }),
          (sent, place, noise) => {
            const bytes = Buffer.concat([...encodeEnvelopes(SENDER, sent, MAX_BYTES), Buffer.alloc(1)]);
            bytes.set(noise.subarray(0, bytes.length), place % Math.max(1, bytes.length - noise.length));
            try {
              decodeBatch(bytes, SENDER);
            } catch (error) {
              expect(error).to.be.instanceOf(Error);
              refused++;
            }
          },
        ),
        { numRuns: 500 },
      );
      expect(refused).to.be.above(100);
    });

    it('a batch that is cut short anywhere', () => {
      fc.assert(
        fc.property(anyMessage, fc.nat(), (body, place) => {
          const [bytes] = encodeEnvelopes(SENDER, [envelope(body)], MAX_BYTES) as [Buffer];
          const cut = bytes.subarray(0, 1 + (place % (bytes.length - 1)));
          expect(() => decodeBatch(cut, SENDER)).to.throw(RangeError);
        }),
      );
    });

    it('entries with a gap, names that are not there, too many partitions, numbers that are not finite', () => {
      const proto = (parcel: object) =>
        Buffer.from(batchOfProto.encode({ parcels: [{ messages: [parcel] }] }).finish());
      const entry = (seq: number) => ({ seq, effect: { kind: 1 }, result: { version: {} } });
      const bad: object[] = [
        { align: { suffix: [entry(1), entry(3)] } },
        { map: { map: { partCount: 1, parts: [{ primary: 0 }] } } },
        { map: { map: { partCount: 16_385 } } },
        { map: { map: { names: ['a'], partCount: 1, parts: [{ number: 1 }] } } },
        { map: { map: { names: ['a'], partCount: 1, parts: [{ members: [0] }] } } },
        { lreq: { t0: Number.NaN } },
        { lreq: { t0: Number.POSITIVE_INFINITY } },
        { fwd: {} },
        { fwdR: { outcome: { kind: 9 } } },
        {},
      ];
      for (const parcel of bad) {
        expect(() => decodeBatch(proto(parcel), SENDER), JSON.stringify(parcel)).to.throw(RangeError);
      }
      expect(
        decodeBatch(proto({ align: { suffix: [entry(1), entry(2)] } }), SENDER).envelopes,
      ).to.have.length(1);
    });

    it('values that are not there, or that nobody asked for', () => {
      const reply = (rows: object) =>
        Buffer.from(batchOfProto.encode({ frames: [{ id: 1, rows }] }).finish());
      const bytes = Buffer.from('ab');
      const marks = [3, 4, 5.5, 0];
      const good = { found: [2], types: ['t'], lengths: [2], bytes, marks };
      const bad: object[] = [
        { ...good, types: [] },
        { ...good, found: [3] },
        { ...good, lengths: [3] },
        { ...good, found: [2, 2] },
        { ...good, lengths: [1] },
        { ...good, lengths: [2, 0] },
        { found: [1], bytes },
        { ...good, marks: [3, 4, 5.5] },
        { ...good, marks: [...marks, ...marks] },
        { ...good, marks: [-1, 4, 5.5, 0] },
        { ...good, marks: [3, 0.5, 5.5, 0] },
        { ...good, marks: [3, 4, Number.NaN, 0] },
      ];
      for (const rows of bad) {
        expect(() => decodeBatch(reply(rows), SENDER), JSON.stringify(rows)).to.throw(RangeError);
      }
      const many = { found: new Array(1_025).fill(1) };
      expect(() => decodeBatch(reply(many), SENDER)).to.throw(RangeError, 'more than 1024');
      const keys = Array.from({ length: 1_025 }, () => 'k');
      const frame = Buffer.from(batchOfProto.encode({ frames: [{ id: 1, read: { keys } }] }).finish());
      expect(() => decodeBatch(frame, SENDER)).to.throw(RangeError, 'more than 1024');
      const row = { value: { bytes, type: 't' }, epoch: 3, seq: 4, ts: 5.5, expiresAtMs: undefined };
      const { frames } = decodeBatch(reply({ ...good, found: [0, 2, 1] }), SENDER);
      expect(frames).to.deep.equal([
        { kind: 'reply', id: 1, reply: { type: 'rows', rows: [undefined, row, null] } },
      ]);
    });

    it('to send what would not come back, or in the name of others', () => {
      const ack = (upto: number): PeerMessage => ({ type: 'align_ok', partition: 1, epoch: 1, upto });
      for (const upto of [-1, 0.5, 2 ** 53, Number.NaN]) {
        expect(() => encodeEnvelopes(SENDER, [envelope(ack(upto))], MAX_BYTES)).to.throw(RangeError);
      }
      const lreq = envelope({ type: 'lreq', t0: Number.NaN, holdMs: 1 });
      const others = [lreq, { ...envelope(ack(1)), from: 'b' }, { ...envelope(ack(1)), clusterId: 'other' }];
      for (const each of others) {
        expect(() => encodeEnvelopes(SENDER, [each], MAX_BYTES)).to.throw(RangeError);
      }
    });
  });

  it('takes few bytes for a map of many partitions', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const storeId = (id: string) => id.repeat(32);
    const parts = Array.from({ length: 256 }, (_, n) => ({
      epoch: 2 ** 32 + n,
      primary: ids[n % 5] as string,
      members: new Map([0, 1, 2].map((k) => ids[(n + k) % 5] as string).map((id) => [id, storeId(id)])),
      learners: [],
      fence: [],
      active: true,
      la: [0, 1, 2].map((k) => ids[(n + k) % 5] as string),
    }));
    const [bytes] = encodeEnvelopes(
      SENDER,
      [envelope({ type: 'map', map: { clusterId: 'test', ver: 1, peers: new Map(), parts } })],
      MAX_BYTES,
    );
    expect(bytes?.length).to.be.below(256 * 40 + 2000);
  });
});
