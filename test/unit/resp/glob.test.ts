/** Patterns of keys, next to a plain recursive matcher. */
import { expect } from 'chai';
import fc from 'fast-check';
import { globMatcher } from '../../../peer/resp/glob.js';

describe('patterns of keys', () => {
  for (const [pattern, yes, no] of [
    ['', [''], ['a']],
    ['abc', ['abc'], ['ab', 'abcd', 'Abc']],
    ['*', ['', 'a', 'a\nb'], []],
    ['a*c', ['ac', 'abc', 'acbc'], ['ab', 'acb']],
    ['a?c', ['abc'], ['ac', 'abbc']],
    ['h[ae]llo', ['hallo', 'hello'], ['hillo', 'hllo']],
    ['h[^e]llo', ['hallo'], ['hello']],
    ['h[a-c]llo', ['hbllo'], ['hdllo']],
    ['h[c-a]llo', ['hbllo'], ['hdllo']],
    ['a\\*b', ['a*b'], ['acb']],
    ['[\\]]', [']'], ['\\']],
    ['a\\', ['a\\'], ['a']],
    ['[ab', ['a', 'b'], ['[ab']],
    ['**a**', ['a', 'xay'], ['x']],
    // As in Redis, the bracket ends the range here, not the class.
    ['[a-]', ['a', ']', '_'], ['b', '-']],
  ] as const) {
    it(`${pattern} fits what it should`, () => {
      const matches = globMatcher(pattern);
      for (const text of yes) expect(matches(text), text).to.equal(true);
      for (const text of no) expect(matches(text), text).to.equal(false);
    });
  }

  it('agrees with trying everything', () => {
    const piece = fc.constantFrom('a', 'b', '*', '?', '*a', '\\*');
    const word = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), word, (pieces, letters) => {
        const text = letters.join('');
        expect(globMatcher(pieces.join(''))(text)).to.equal(tried(pieces.join(''), text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('is done soon with patterns that make others try for ever', () => {
    expect(globMatcher('*a'.repeat(500))('a'.repeat(499))).to.equal(false);
    expect(globMatcher(`${'*a'.repeat(400)}b`)('a'.repeat(10_000))).to.equal(false);
  });
});

/** Stars and question marks only. */
function tried(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*')
    return tried(pattern.slice(1), text) || (text !== '' && tried(pattern, text.slice(1)));
  if (text === '') return false;
  if (pattern[0] === '\\') return text[0] === pattern[1] && tried(pattern.slice(2), text.slice(1));
  return (pattern[0] === '?' || pattern[0] === text[0]) && tried(pattern.slice(1), text.slice(1));
}
