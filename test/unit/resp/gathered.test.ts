/** Answers gathered as bytes: what went in comes out, and what was taken stays as it is. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Gathered } from '../../../peer/resp/gathered.js';

const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 900, maxLength: 5_000 }));
const step = fc.oneof(
  bytes.map((content) => ({ kind: 'text', content }) as const),
  bytes.map((content) => ({ kind: 'bytes', content }) as const),
  bytes.map((content) => ({ kind: 'bulk', content }) as const),
  fc.constant({ kind: 'take' } as const),
);

describe('gathered answers', () => {
  it('come out as they went in, however they are taken, and stay so', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const gathered = new Gathered();
        const taken: { readonly bytes: Buffer; readonly expected: string }[] = [];
        let expected = '';
        const take = () => {
          expect(gathered.length).to.equal(expected.length);
          taken.push({ bytes: gathered.take(), expected });
          expect(gathered.length).to.equal(0);
          expected = '';
        };
        for (const each of steps) {
          if (each.kind === 'take') {
            take();
            continue;
          }
          const text = Buffer.from(each.content).toString('latin1');
          if (each.kind === 'text') gathered.text(text);
          else gathered[each.kind](each.content);
          expected += each.kind === 'bulk' ? `$${text.length}\r\n${text}\r\n` : text;
        }
        take();
        for (const each of taken) expect(each.bytes.toString('latin1')).to.equal(each.expected);
      }),
    );
  });

  it('writes lengths of any number of digits', () => {
    for (const length of [0, 1, 9, 10, 99, 100, 999, 1_000, 99_999, 100_000, 1_234_567]) {
      const gathered = new Gathered();
      gathered.bulk(new Uint8Array(length));
      const head = `$${length}\r\n`;
      const all = gathered.take();
      expect(all.toString('latin1', 0, head.length)).to.equal(head);
      expect(all.length).to.equal(head.length + length + 2);
    }
  });

  it('holds no large space for a short answer that follows a long one', () => {
    const gathered = new Gathered();
    gathered.bytes(new Uint8Array(10_000));
    gathered.take();
    gathered.text('+OK\r\n');
    const short = gathered.take();
    // Small ones share a slab of Buffer.poolSize bytes.
    expect(short.buffer.byteLength).to.be.at.most(Buffer.poolSize);
  });
});
