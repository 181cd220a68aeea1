/** Types as they are stored: what HTTP shows of them, and what others may have left behind. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decode, encode, textOf } from '../../../peer/gateway/encoding.js';
import {
  ENCODINGS,
  isMediaType,
  markedEncoding,
  mediaTypeOf,
  storedType,
} from '../../../peer/gateway/stored-type.js';
import { TEXT_TYPE } from '../../../peer/media-types.js';

const stored = (type: string, bytes: string | readonly number[]) => ({
  type,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes),
});

describe('peer/gateway/stored-type', () => {
  it('no type that a client can send is marked, and each is shown as it came', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 255 }), (type) => {
        if (!isMediaType(type)) return;
        expect(markedEncoding(stored(type, '5'))).to.equal(undefined);
        expect(mediaTypeOf(stored(type, '5'))).to.equal(type);
      }),
    );
    for (const encoding of ['integer', 'float', 'boolean', 'json'] as const) {
      expect(isMediaType(storedType(encoding))).to.equal(false);
      expect(mediaTypeOf(stored(storedType(encoding), '5'))).to.equal('application/json');
    }
  });

  it('what came another way than by HTTP is shown with a type that fits it', () => {
    expect(mediaTypeOf(stored('', 'ключ'))).to.equal(TEXT_TYPE);
    expect(mediaTypeOf(stored('', [0xff]))).to.equal('application/octet-stream');
    for (const type of [
      '\n',
      '\ntext',
      '\ninteger ',
      '\n\ninteger',
      'text/plain\n',
      'тип',
      'a\r\nX: y',
      'x'.repeat(256),
    ]) {
      expect(mediaTypeOf(stored(type, 'x')), type).to.equal('application/octet-stream');
    }
    expect(textOf(stored('', 'text'))).to.equal('text');
    expect(textOf(stored('', [0xff]))).to.equal(null);
    expect(decode(stored('', 'text'))).to.deep.equal({ encoding: 'string', json: '"text"' });
    expect(decode(stored('', [0xff]))).to.deep.equal({ encoding: 'binary', json: '"/w=="' });
  });

  it('bytes over a part of a larger buffer are read from their own place', () => {
    const bytes = new Uint8Array(Buffer.from('xx42yy')).subarray(2, 4);
    expect(decode({ type: storedType('integer'), bytes })).to.deep.equal({ encoding: 'integer', json: '42' });
    expect(textOf({ type: TEXT_TYPE, bytes })).to.equal('42');
  });

  for (const [encoding, bytes, read] of [
    ['integer', '43', 'integer'],
    ['integer', '05', 'string'],
    ['integer', '5abc', 'string'],
    ['integer', '', 'string'],
    ['integer', '2.5', 'json'],
    ['integer', '5\n', 'json'],
    ['float', '2.5', 'float'],
    ['float', '2.57', 'float'],
    ['float', '2.5"', 'string'],
    ['float', '1e999', 'json'],
    ['boolean', 'true', 'boolean'],
    ['boolean', 'truex', 'string'],
    ['boolean', 'TRUE', 'string'],
    ['json', '{"a":1}', 'json'],
    ['json', '{"a":1},"x":1', 'string'],
    ['json', '"\u00ff"', 'json'],
    ['json', `${'['.repeat(31)}${']'.repeat(31)}`, 'json'],
    ['json', `${'['.repeat(32)}${']'.repeat(32)}`, 'string'],
  ] as const) {
    it(`what was set as ${encoding} and became ${bytes.slice(0, 20)} reads as ${read}`, () => {
      const { encoding: found, json } = decode(stored(storedType(encoding), bytes));
      expect(found).to.equal(read);
      if (read !== 'string') expect(json).to.equal(bytes);
      else expect(JSON.parse(json)).to.equal(bytes);
    });
  }

  it('bytes that are no UTF-8 read as binary, whatever they are marked with', () => {
    for (const encoding of ENCODINGS) {
      const read = decode(stored(storedType(encoding), [0x22, 0xff, 0x22]));
      expect(read).to.deep.equal({ encoding: 'binary', json: '"Iv8i"' });
    }
  });

  it('whatever is stored, what is read is JSON, and can be set again with the same bytes', () => {
    const types = [...ENCODINGS.map(storedType), '', 'text/html', 'application/json', 'image/png', '\nodd'];
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), bytes, (type, some) => {
        const { encoding, json } = decode({ type, bytes: some });
        const again = encode(JSON.parse(json), encoding, json);
        expect(Buffer.from(again.bytes).equals(Buffer.from(some))).to.equal(true);
      }),
    );
  });
});
