/** Commands are found by the bytes of their names, in letters of any size, and nothing else is taken for one. */
import { expect } from 'chai';
import fc from 'fast-check';
import { COMMANDS, NAMES } from '../../../peer/resp/commands/table.js';

function found(text: string): string | undefined {
  const bytes = Buffer.from(`x${text}y`, 'latin1');
  return NAMES.find(bytes, 1, bytes.length - 1)?.name;
}

describe('the names of commands', () => {
  it('are found in small, in capital and in mixed letters', () => {
    for (const name of COMMANDS.keys()) {
      const mixed = [...name].map((letter, at) => (at % 2 === 0 ? letter.toUpperCase() : letter)).join('');
      for (const text of [name, name.toUpperCase(), mixed]) expect(found(text), text).to.equal(name);
    }
  });

  it('are found where a map of the lower-cased text finds them, and nowhere else', () => {
    const name = fc.constantFrom(...COMMANDS.keys());
    const near = fc.tuple(name, fc.nat(), fc.nat({ max: 255 })).map(([text, at, byte]) => {
      const bytes = Buffer.from(text);
      bytes[at % bytes.length] = byte;
      return bytes.toString('latin1');
    });
    const any = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(fc.oneof(near, any), (text) => {
        expect(found(text)).to.equal(COMMANDS.get(text.toLowerCase())?.name);
      }),
      { numRuns: 5_000 },
    );
  });
});
