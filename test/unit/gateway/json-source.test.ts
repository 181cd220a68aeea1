import { expect } from 'chai';
import fc from 'fast-check';
import { memberSources } from '../../../peer/gateway/json-source.js';

describe('peer/gateway/json-source', () => {
  for (const [text, sources] of [
    ['[]', []],
    [' [ ] ', []],
    ['{"value":1}', ['1']],
    [' { "a" : [ ] , "value" : 1.0 } ', ['1.0']],
    ['[{"value":1},{"value":"2"},{}]', ['1', '"2"', '']],
    ['[{"v":{"value":1}},{"value":{"value":[1,{"value":2}]}}]', ['', '{"value":[1,{"value":2}]}']],
    ['[{"value":1,"value":2}]', ['2']],
    ['[{"\\u0076alue":3}]', ['3']],
    ['[{"val\\"ue":3,"value":"\\"]},\\\\"}]', ['"\\"]},\\\\"']],
    ['[1,"value",null,[{"value":1}],{"value":true}]', ['', '', '', '', 'true']],
    ['[{"value":-1e+5}\n,\t{"value":null}\r]', ['-1e+5', 'null']],
    ['"value"', ['']],
  ] as const) {
    it(`finds ${JSON.stringify(sources)} in ${text}`, () => {
      expect(memberSources(text, 'value')).to.deep.equal(sources);
    });
  }

  it('finds what JSON.parse finds', () => {
    const items = fc.array(
      fc.oneof(fc.dictionary(fc.constantFrom('value', 'key', 'x', '"'), fc.jsonValue()), fc.jsonValue()),
    );
    fc.assert(
      fc.property(items, fc.constantFrom(0, 2, '\t'), (list, space) => {
        const found = memberSources(JSON.stringify(list, null, space), 'value');
        const expected = list.map((item) =>
          typeof item === 'object' && item !== null && !Array.isArray(item) && Object.hasOwn(item, 'value')
            ? JSON.parse(JSON.stringify(item)).value
            : undefined,
        );
        expect(found.map((source) => (source === '' ? undefined : JSON.parse(source)))).to.deep.equal(
          expected,
        );
      }),
    );
  });
});
