/** What the node makes of batches: how much it reads at once, and what does not fit into one answer. */
import { expect } from 'chai';
import { emptyMap } from '../../../common/configuration.js';
import { Node } from '../../../peer/node.js';
import type { ReadCall } from '../../../peer/requests/reads.js';
import type { ReadAnswer } from '../../../peer/requests/rim.js';

const MIB = 1024 * 1024;

/** A node whose replica answers every read with a value of so many bytes, and counts what it has under way. */
function nodeWith(bytes: number) {
  const seen = { reads: 0, underWay: 0, most: 0 };
  const value = { bytes: Buffer.alloc(bytes), type: '' };
  const read = async (_call: ReadCall): Promise<ReadAnswer> => {
    seen.reads++;
    seen.underWay++;
    seen.most = Math.max(seen.most, seen.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    seen.underWay--;
    const row = { value, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined };
    return { kind: 'row', row, servedBy: 'peer-2', epoch: 1, com: 1 };
  };
  const unused = () => {
    throw new Error('not for reads');
  };
  const node = new Node({
    id: 'peer-1',
    orchestrator: '',
    replica: { map: emptyMap('test'), readNow: () => undefined, read, write: unused },
    holdings: { answer: unused, all: unused, allKeys: unused },
    lister: { page: unused },
    readiness: { checks: unused },
    transport: { call: unused },
    roster: () => null,
  });
  return { node, seen };
}

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

describe('a node that reads many keys', () => {
  it('reads no more at once than one answer may hold, and says of the others that it is full', async () => {
    const { node, seen } = nodeWith(MIB);
    const answers = await node.readMany(keys(1_000));
    expect(answers).to.have.length(1_000);
    expect(answers.filter(({ kind }) => kind === 'row')).to.have.length(64);
    expect(answers.findIndex(({ kind }) => kind === 'answer-full')).to.equal(64);
    expect(seen.most).to.be.at.most(32);
    expect(seen.reads).to.be.at.most(65);
  });

  it('reads all small values, many at once', async () => {
    const { node, seen } = nodeWith(10);
    const answers = await node.readMany(keys(5_000));
    expect(answers.filter(({ kind }) => kind === 'row')).to.have.length(5_000);
    expect(seen.most).to.equal(1_024);
  });
});
