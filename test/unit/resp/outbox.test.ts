/** Answers leave once, in order, in few writes, and long values as they are. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Outbox, type Sink, type Slot } from '../../../peer/resp/outbox.js';
import { bulk, list, type Reply } from '../../../peer/resp/replies.js';

class Collected implements Sink {
  text = '';
  writes = 0;
  readonly pieces: Uint8Array[] = [];
  writableLength = 0;

  write(bytes: Uint8Array): boolean {
    this.writes++;
    this.pieces.push(bytes);
    this.text += Buffer.from(bytes).toString('latin1');
    return true;
  }

  cork(): void {}
  uncork(): void {}
}

function framed(bytes: Uint8Array): string {
  return `$${bytes.length}\r\n${Buffer.from(bytes).toString('latin1')}\r\n`;
}

describe('the outbox', () => {
  it('keeps of an answer that waits no more memory than it counts', () => {
    const outbox = new Outbox(new Collected(), () => undefined);
    outbox.reserve(false);
    const waits = outbox.reserve(false);
    outbox.settle(waits, Buffer.alloc(1_000_000).subarray(5, 6));
    expect((waits.reply as Uint8Array).buffer.byteLength).to.be.at.most(8_192);
    expect(outbox.waitingBytes).to.be.at.least(1);
  });

  it('sends in the order of the places, however they are settled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 9 }), fc.boolean(), fc.nat()), {
          minLength: 1,
          maxLength: 20,
        }),
        async (answers) => {
          const sink = new Collected();
          const outbox = new Outbox(sink, () => undefined);
          const places = answers.map(([bytes, silent, order]) => ({
            slot: outbox.reserve(silent),
            bytes,
            order,
          }));
          for (const { slot, bytes } of [...places].sort((a, b) => a.order - b.order)) {
            outbox.settle(slot, bulk(bytes));
          }
          await Promise.resolve();
          outbox.flush();
          const expected = answers.filter(([, silent]) => !silent).map(([bytes]) => framed(bytes));
          expect(sink.text).to.equal(expected.join(''));
          expect(sink.writes).to.be.at.most(1);
          expect(outbox.unanswered).to.equal(0);
          expect(outbox.waitingBytes).to.equal(0);
        },
      ),
    );
  });

  it('writes all answers of a turn at once, without being asked', (done) => {
    const sink = new Collected();
    const outbox = new Outbox(sink, () => {
      expect(sink.text).to.equal('+a\r\n+b\r\n+c\r\n');
      expect(sink.writes).to.equal(1);
      done();
    });
    for (const text of ['+a\r\n', '+b\r\n', '+c\r\n']) outbox.give(text, false);
    expect(sink.writes).to.equal(0);
  });

  it('does not copy long values', () => {
    const sink = new Collected();
    const outbox = new Outbox(sink, () => undefined);
    const long = new Uint8Array(100_000).fill(0x78);
    outbox.give('+a\r\n', false);
    outbox.give(list([bulk(long), bulk(Buffer.from('short'))]), false);
    outbox.flush();
    expect(sink.pieces[1]).to.equal(long);
    expect(sink.text).to.equal(`+a\r\n*2\r\n$100000\r\n${'x'.repeat(100_000)}\r\n$5\r\nshort\r\n`);
  });

  it('counts what waits, also behind an answer that is not there yet', () => {
    const outbox = new Outbox(new Collected(), () => undefined);
    const first: Slot = outbox.reserve(false);
    const reply: Reply = bulk(new Uint8Array(10_000));
    outbox.give(reply, false);
    expect(outbox.waitingBytes).to.be.within(10_000, 10_050);
    expect(outbox.unanswered).to.equal(2);
    outbox.settle(first, '+OK\r\n');
    expect(outbox.unanswered).to.equal(0);
    outbox.flush();
    expect(outbox.waitingBytes).to.equal(0);
  });

  it('sends nothing once it is closed', () => {
    const sink = new Collected();
    const outbox = new Outbox(sink, () => undefined);
    const slot = outbox.reserve(false);
    outbox.give('+a\r\n', false);
    outbox.close();
    outbox.settle(slot, '+b\r\n');
    outbox.flush();
    expect(sink.text).to.equal('');
  });
});
