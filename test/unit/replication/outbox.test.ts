import { expect } from 'chai';
import { Outbox } from '../../../peer/replication/outbox.js';

const OP = { type: 'promised', ver: 1 } as const;

describe('peer/replication/outbox', () => {
  it('numbers batches without a gap, and names the one after which everything is durable', () => {
    const out = new Outbox(100, 10);
    expect(out.barrier()).to.equal(0);
    expect(out.add(OP)).to.equal(1);
    expect(out.barrier()).to.equal(1);
    expect(out.close(0)).to.deep.equal({ number: 1, ops: [OP] });
    expect(out.barrier()).to.equal(1);
    expect(out.close(0)).to.equal(undefined);
    out.add(OP);
    expect(out.barrier()).to.equal(2);
  });

  it('keeps what nobody waits for open: until it is old, or much, or somebody waits', () => {
    const out = new Outbox(100, 3);
    out.close(1_000);
    out.add(OP);
    expect(out.close(1_099)).to.equal(undefined);
    expect(out.close(1_100)?.number).to.equal(1);
    for (let i = 0; i < 3; i++) out.add(OP);
    expect(out.close(1_101)?.ops).to.have.length(3);
    out.add(OP);
    out.barrier();
    expect(out.close(1_102)?.number).to.equal(3);
  });

  it('stores marks once a batch, as they are when it closes', () => {
    const out = new Outbox(0, 1);
    let com = 1;
    const partition = {
      number: 7,
      marks: () => ({ alignedEpoch: 1, com, copy: 0, staging: 0, keyCount: 0 }),
    };
    out.mark(partition);
    expect(out.barrier()).to.equal(1);
    out.mark(partition);
    com = 2;
    const marks = { alignedEpoch: 1, com: 2, copy: 0, staging: 0, keyCount: 0 };
    expect(out.close(0)?.ops).to.deep.equal([{ type: 'marks', partition: 7, marks }]);
    expect(out.close(0)).to.equal(undefined);
  });
});
