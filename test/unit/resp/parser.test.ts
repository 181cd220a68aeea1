/** The parser of Redis requests: the same frames however the bytes are cut, refusals in Redis' words, and no growth. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Arguments } from '../../../peer/resp/arguments.js';
import { RESP_LIMITS } from '../../../peer/resp/limits.js';
import { RequestParser } from '../../../peer/resp/parser.js';
import { frame } from '../../api/resp-harness.js';

const LIMITS = { ...RESP_LIMITS, args: 50, bulkBytes: 200_000, lineBytes: 100, commandBytes: 400_000 };

/** What a parser makes of chunks: each command as its words, an error as its text. */
function parsed(chunks: readonly Uint8Array[], trusted = true, limits = LIMITS): (string | string[])[] {
  const parser = new RequestParser(limits);
  parser.trusted = trusted;
  const found: (string | string[])[] = [];
  for (const chunk of chunks) {
    parser.feed(Buffer.from(chunk));
    for (;;) {
      const next = parser.next();
      if (next === undefined) break;
      if (!(next instanceof Arguments)) return [...found, next.text];
      found.push(next.list().map((arg) => arg.toString('latin1')));
    }
  }
  return found;
}

function one(text: string): (string | string[])[] {
  return parsed([Buffer.from(text, 'latin1')]);
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...[...at].map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

/** Frames as clients send them, and what looks a little like them. */
const wellFormed = fc.array(
  fc.oneof(
    fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 12 }).map((args) => frame(...args)),
    fc.constantFrom(
      'PING\r\n',
      ' set  a "b\\x00c" \r\n',
      "'it''s'\n",
      '\r\n',
      '*0\r\n',
      '*-1\r\n',
      "a 'b\\'c'\r\n",
    ),
  ),
  { maxLength: 6 },
);
const twisted = fc.array(
  fc.oneof(
    fc.constantFrom(
      '*',
      '$',
      '\r\n',
      '\r',
      '\n',
      '-1',
      '0',
      '3',
      '007',
      '$3\r\nabc\r\n',
      '*2\r\n',
      '99999999999999999999',
      '"',
      "'",
      '\\',
      '\0',
      ' ',
    ),
    fc.uint8Array({ maxLength: 8 }),
  ),
  { maxLength: 40 },
);

function joined(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
}

describe('the parser of Redis requests', () => {
  it('takes commands with arguments of any bytes, one behind the other', () => {
    expect(one('*2\r\n$3\r\nGET\r\n$4\r\n\r\n\0\xff\r\n*1\r\n$4\r\nPING\r\n')).to.deep.equal([
      ['GET', '\r\n\0\xff'],
      ['PING'],
    ]);
  });

  it('takes what a person types, with quotes and escapes', () => {
    expect(one('PING\nset  a\t"b c"\r\n   \r\n"\\x41\\n\\q" \'d\\\'e\'\r\n')).to.deep.equal([
      ['PING'],
      ['set', 'a', 'b c'],
      ['A\nq', "d'e"],
    ]);
  });

  it('passes over empty commands', () => {
    expect(one('*0\r\n*-1\r\n\r\nPING\r\n')).to.deep.equal([['PING']]);
  });

  for (const [what, text, error] of [
    ['a count that is no number', '*x\r\n', 'invalid multibulk length'],
    ['a count with a leading zero', '*01\r\n', 'invalid multibulk length'],
    ['no count', '*\r\n', 'invalid multibulk length'],
    ['too many arguments', '*51\r\n', 'invalid multibulk length'],
    ['a count beyond all numbers', '*99999999999999999999\r\n', 'invalid multibulk length'],
    ['a count that does not end', `*${'1'.repeat(101)}`, 'too big mbulk count string'],
    ['another type than a bulk string', '*1\r\n+PING\r\n', "expected '$', got '+'"],
    ['a bulk length below 0', '*1\r\n$-1\r\n', 'invalid bulk length'],
    ['a giant bulk length', '*1\r\n$200001\r\n', 'invalid bulk length'],
    ['a bulk length that does not end', `*1\r\n$${'1'.repeat(101)}`, 'too big bulk count string'],
    [
      'arguments that are too large together',
      `*3\r\n$200000\r\n${'x'.repeat(200_000)}\r\n$200000\r\n`,
      'too big command',
    ],
    ['an open quote', 'set a "b\r\n', 'unbalanced quotes in request'],
    ['a quote with something behind it', 'set "a"b\r\n', 'unbalanced quotes in request'],
    ['a line that does not end', 'x'.repeat(101), 'too big inline request'],
    ['a line that ends too late', `${'x'.repeat(101)}\r\n`, 'too big inline request'],
  ] as const) {
    it(`refuses ${what}, and takes nothing after it`, () => {
      const error_ = `ERR Protocol error: ${error}`;
      expect(one(text)).to.deep.equal([error_]);
      const parser = new RequestParser(LIMITS);
      parser.feed(Buffer.from(text, 'latin1'));
      parser.next();
      while (parser.next() instanceof Arguments);
      parser.feed(Buffer.from('PING\r\n'));
      expect(parser.next()).to.deep.equal({ kind: 'protocol-error', text: error_ });
    });
  }

  it('takes little from a client that has not shown the secret', () => {
    const bulk = (length: number) => Buffer.from(`*1\r\n$${length}\r\n${'x'.repeat(length)}\r\n`);
    expect(parsed([Buffer.from('*11\r\n')], false)).to.deep.equal([
      'ERR Protocol error: unauthenticated multibulk length',
    ]);
    expect(parsed([bulk(16_384)], false)[0]).to.have.length(1);
    expect(parsed([bulk(16_385)], false)).to.deep.equal(['ERR Protocol error: unauthenticated bulk length']);
  });

  it('makes the same of the same bytes, cut at every single place', () => {
    const bytes = joined([
      frame('SET', 'key', '\r\n*1\r\n'),
      'GET "a b"\r\n',
      frame(''),
      '*0\r\n',
      frame('x'.repeat(300)),
    ]);
    const whole = parsed([bytes]);
    expect(whole).to.have.length(4);
    for (let at = 0; at <= bytes.length; at++) {
      expect(parsed([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).to.deep.equal(whole);
    }
    expect(parsed([...bytes].map((byte) => Uint8Array.of(byte)))).to.deep.equal(whole);
  });

  it('makes the same of the same bytes, cut anywhere', () => {
    fc.assert(
      fc.property(fc.oneof(wellFormed, twisted), fc.array(fc.nat(), { maxLength: 12 }), (parts, places) => {
        const bytes = joined(parts);
        expect(parsed(cut(bytes, places))).to.deep.equal(parsed([bytes]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('lives through any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        parsed(chunks);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives back what was framed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 }), {
          maxLength: 5,
        }),
        (commands) => {
          const expected = commands.map((args) => args.map((arg) => Buffer.from(arg).toString('latin1')));
          expect(parsed([Buffer.concat(commands.map((args) => frame(...args)))])).to.deep.equal(expected);
        },
      ),
    );
  });

  it('holds no more than about twice what has arrived, whatever was promised', () => {
    const limits = { ...RESP_LIMITS, bulkBytes: 16 * 1024 * 1024 };
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 100 }, () => {
      const parser = new RequestParser(limits);
      parser.feed(Buffer.from('*1000000\r\n$16000000\r\nabc'));
      expect(parser.next()).to.equal(undefined);
      return parser;
    });
    const grown = process.memoryUsage().arrayBuffers - before;
    expect(grown).to.be.below(100 * 100_000);
    for (const parser of parsers) expect(parser.unread).to.equal(0);
  });

  it('takes a long argument in small parts without copying it again and again', () => {
    const length = 8 * 1024 * 1024;
    const parser = new RequestParser(RESP_LIMITS);
    parser.feed(Buffer.from(`*1\r\n$${length}\r\n`));
    const part = Buffer.alloc(1024, 'x');
    for (let sent = 0; sent < length; sent += part.length) {
      expect(parser.next()).to.equal(undefined);
      parser.feed(part);
    }
    expect(parser.next()).to.equal(undefined);
    parser.feed(Buffer.from('\r\n'));
    const [arg] = (parser.next() as Arguments).list();
    expect(arg?.length).to.equal(length);
    expect(arg?.every((byte) => byte === 0x78)).to.equal(true);
  });
});
