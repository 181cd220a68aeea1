import { expect } from 'chai';
import fc from 'fast-check';
import { PARTITION_COUNT } from '../../../common/slots.js';
import { decodeBatch, encodeBatch } from '../../../peer/transport/codec.js';
import { type Frame, replyBytes, requestBytes } from '../../../peer/transport/frames.js';
import type { PeerReply, PeerRequest } from '../../../peer/transport/messages.js';

const text = fc.string({ unit: 'grapheme', maxLength: 60 });
/** Every code point but the surrogates, which are halves of characters. fast-check's own takes seconds to begin. */
const anyCharacters = fc
  .array(
    fc
      .oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10_ffff }))
      .map((code) => String.fromCodePoint(code)),
    { maxLength: 60 },
  )
  .map((characters) => characters.join(''));
const epoch = fc.maxSafeNat();
const partition = fc.nat(PARTITION_COUNT - 1);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const value = fc.record({ bytes, contentType: text, encoding: text });
const version = fc.record({ epoch, sequence: fc.maxSafeNat() });
const record = fc.record({ bytes, contentType: text, encoding: text, version, modifiedMs: fc.maxSafeNat() });

const operation = fc.oneof(
  fc.record({ type: fc.constant('get' as const), key: text }),
  fc.record({ type: fc.constant('put' as const), key: text, value }),
  fc.record({ type: fc.constant('delete' as const), key: text }),
);

const outcome = fc.oneof(
  fc.record({ type: fc.constant('found' as const), record }),
  fc.record({ type: fc.constantFrom('absent' as const, 'deleted' as const, 'not-owner' as const) }),
  fc.record({ type: fc.constant('written' as const), version, created: fc.boolean() }),
  fc.record({
    type: fc.constant('failed' as const),
    applied: fc.constantFrom('not-applied' as const, 'unknown' as const),
    detail: text,
  }),
);

const view = fc.record({
  cluster: fc.constant('covey'),
  epoch,
  copies: fc.integer({ min: 1, max: 16 }),
  members: fc.array(
    fc.record({
      id: fc.stringMatching(/^[a-z][a-z0-9._:-]{0,20}$/),
      host: fc.ipV4(),
      port: fc.integer({ min: 1, max: 65_535 }),
      peerPort: fc.integer({ min: 1, max: 65_535 }),
      instance: fc.integer({ min: 1 }),
      weight: fc.integer({ min: 0, max: 1000 }),
      status: fc.constantFrom('up' as const, 'down' as const, 'leaving' as const),
      memberSinceMs: fc.nat(),
      statusSinceMs: fc.nat(),
    }),
    { maxLength: 3 },
  ),
  partitions: fc.constant(
    Array.from({ length: PARTITION_COUNT }, () => ({
      epoch: 1,
      primary: 'a',
      replicas: ['b'],
      source: null,
    })),
  ),
});

const request: fc.Arbitrary<PeerRequest> = fc.oneof(
  fc.record({ type: fc.constant('execute' as const), epoch, operations: fc.array(operation) }),
  fc.record({
    type: fc.constant('list' as const),
    epoch,
    partitions: fc.array(partition),
    prefix: text,
    after: text,
    limit: fc.nat(),
  }),
  fc.record({ type: fc.constant('fetch' as const), epoch, partition, cursor: text }),
  fc.record({ type: fc.constant('release' as const), epoch, partition }),
  fc.record({ type: fc.constant('view' as const), epoch }),
);

const reply: fc.Arbitrary<PeerReply> = fc.oneof(
  fc.record({ type: fc.constant('executed' as const), epoch, outcomes: fc.array(outcome) }),
  fc.record({
    type: fc.constant('listed' as const),
    epoch,
    keys: fc.array(text),
    notOwned: fc.array(partition),
  }),
  fc.record({
    type: fc.constant('fetched' as const),
    epoch,
    entries: fc.array(fc.tuple(text, record)),
    cursor: text,
    sequence: fc.maxSafeNat(),
  }),
  fc.record({ type: fc.constant('released' as const), epoch }),
  fc.record({
    type: fc.constant('refused' as const),
    epoch,
    reason: fc.constantFrom('behind' as const, 'not-held' as const),
  }),
  fc.record({ type: fc.constant('view' as const), epoch, view: fc.option(view) }),
);

const id = fc.nat(0xffff_ffff);
const frame: fc.Arbitrary<Frame> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('request' as const), id, request }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('reply' as const), id, reply }) },
  fc.record({
    kind: fc.constant('no-reply' as const),
    id,
    reason: fc.constantFrom('overloaded' as const, 'closing' as const, 'failed' as const),
  }),
);
const batch = fc.array(frame, { maxLength: 5 });

describe('codec', () => {
  it('gives back every batch as it was', () => {
    fc.assert(
      fc.property(batch, (frames) => {
        expect(decodeBatch(encodeBatch(frames))).to.deep.equal(frames);
      }),
    );
  });

  it('gives back keys of every Unicode character', () => {
    fc.assert(
      fc.property(anyCharacters, (key) => {
        const frames: Frame[] = [
          {
            kind: 'request',
            id: 1,
            request: { type: 'execute', epoch: 1, operations: [{ type: 'get', key }] },
          },
        ];
        expect(decodeBatch(encodeBatch(frames))).to.deep.equal(frames);
      }),
    );
  });

  it('throws nothing but an Error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => expectFramesOrError(Buffer.from(random))),
      { numRuns: 2000 },
    );
  });

  it('throws nothing but an Error at a batch with a byte changed, or cut short', () => {
    fc.assert(
      fc.property(batch, fc.nat(), fc.nat(255), fc.nat(), (frames, at, byte, end) => {
        const encoded = encodeBatch(frames);
        expectFramesOrError(encoded.subarray(0, end % (encoded.length + 1)));
        if (encoded.length > 0) encoded[at % encoded.length] = byte;
        expectFramesOrError(encoded);
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses what has no body, and numbers that are not safe', () => {
    expect(() => decodeBatch(Buffer.from([0x0a, 0x02, 0x08, 0x01]))).to.throw('without a body');
    // get_view with an epoch of 2^64 - 1.
    const epochTooLarge = [0x0a, 0x0d, 0x32, 0x0b, 0x08, ...Array<number>(9).fill(0xff), 0x01];
    expect(() => decodeBatch(Buffer.from(epochTooLarge))).to.throw('2^53');
  });

  it('refuses a view that is none', () => {
    const frames = encodeBatch([{ kind: 'reply', id: 1, reply: { type: 'view', epoch: 1, view: null } }]);
    // The same with view_json = "{}".
    const tampered = Buffer.from([...frames.subarray(0, -2), 0x12, 0x02, 0x7b, 0x7d]);
    tampered[1] = tampered.length - 2;
    tampered[6] = tampered.length - 7;
    expect(() => decodeBatch(tampered)).to.throw();
  });

  it('keeps no batch alive for a small value that is to be kept', () => {
    const small = Buffer.from('small');
    const large = Buffer.alloc(100_000);
    const put = (key: string, of: Buffer) =>
      ({ type: 'put', key, value: { bytes: of, contentType: '', encoding: '' } }) as const;
    const operations = [put('a', small), put('b', large)];
    const [decoded] = decodeBatch(
      encodeBatch([{ kind: 'request', id: 1, request: { type: 'execute', epoch: 1, operations } }]),
    );
    if (decoded?.kind !== 'request' || decoded.request.type !== 'execute')
      throw new Error('not what was sent');
    const [first] = decoded.request.operations;
    if (first?.type !== 'put') throw new Error('not what was sent');
    expect(first.value.bytes.buffer.byteLength).to.be.at.most(Buffer.poolSize);
  });

  it('never estimates a large frame as much smaller than it is', () => {
    fc.assert(
      fc.property(frame, (each) => {
        const estimate =
          each.kind === 'request'
            ? requestBytes(each.request)
            : each.kind === 'reply'
              ? replyBytes(each.reply)
              : 32;
        expect(encodeBatch([each]).length).to.be.at.most(estimate + 32);
      }),
    );
  });
});

function expectFramesOrError(bytes: Buffer): void {
  try {
    for (const { kind } of decodeBatch(bytes)) expect(kind).to.be.oneOf(['request', 'reply', 'no-reply']);
  } catch (error) {
    expect(error).to.be.instanceOf(Error);
    expect(error).not.to.be.instanceOf(TypeError);
  }
}
