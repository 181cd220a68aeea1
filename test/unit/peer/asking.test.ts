/** Questions for many keys: who is asked, who is not for a while, and what is answered. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap, type PartitionConfig } from '../../../common/configuration.js';
import { partitionOfKey } from '../../../common/slots.js';
import { Asking, rowsOf } from '../../../peer/asking.js';
import type { LiveRow } from '../../../peer/replication/entry.js';
import type { ReadAnswer } from '../../../peer/requests/rim.js';
import type { PeerReply, PeerRequest } from '../../../peer/transport/messages.js';
import type { CallFailure } from '../../../peer/transport/transport.js';

const MIB = 1024 * 1024;
const FAILURE: CallFailure = { type: 'call-failed', code: 'deadline', sent: true };
const NOBODY: ReadonlyMap<string, unknown> = new Map();

/** Peer a with a map that names these members, and a transport with this answer. */
function bench(members: readonly string[], answer: PeerReply | CallFailure = FAILURE) {
  const seen = {
    nowMs: 0,
    calls: [] as { peer: string; request: PeerRequest; timeoutMs: number }[],
    answer,
    avoided: [] as string[],
    cut: new Set<string>(),
  };
  const asking = new Asking({
    id: 'a',
    replica: { map: mapOf(members), avoid: (peer) => void seen.avoided.push(peer) },
    monotonicMs: () => seen.nowMs,
    transport: {
      isConnected: (peer) => !seen.cut.has(peer),
      call: async (peer: string, request: PeerRequest, timeoutMs: number) => {
        seen.calls.push({ peer, request, timeoutMs });
        return seen.answer;
      },
    },
  });
  return { asking, seen };
}

function mapOf(members: readonly string[]): ClusterMap {
  const part = { members: new Map(members.map((id) => [id, `store-${id}`])) } as unknown as PartitionConfig;
  return {
    ...emptyMap('test'),
    parts: Array.from({ length: 256 }, () => (members.length > 0 ? part : undefined)),
  };
}

function rowWith(size: number): LiveRow {
  return { value: { bytes: Buffer.alloc(size), type: '' }, epoch: 1, seq: 1, ts: 0, expiresAtMs: undefined };
}

describe('a question for many keys', () => {
  it('goes to a member, and to one that is asked anyway if there is one', () => {
    const { asking } = bench(['b', 'c', 'd']);
    const chosen = new Set(Array.from({ length: 256 }, (_, partition) => asking.choose(partition, NOBODY)));
    expect([...chosen].sort()).to.deep.equal(['b', 'c', 'd']);
    expect(asking.choose(0, new Map([['c', {}]]))).to.equal('c');
    expect(asking.choose(1, new Map([['c', {}]]))).to.equal('c');
    expect(asking.choose(1, new Map([['x', {}]]))).to.be.oneOf(['b', 'c', 'd']);
  });

  it('goes to nobody where this peer is a member itself, or nobody is', () => {
    expect(bench(['a', 'b']).asking.choose(0, NOBODY)).to.equal(undefined);
    expect(bench([]).asking.choose(0, NOBODY)).to.equal(undefined);
  });

  it('goes to nobody to whom there is no connection', () => {
    const { asking, seen } = bench(['b', 'c']);
    seen.cut.add('b');
    for (let partition = 0; partition < 256; partition++) {
      expect(asking.choose(partition, NOBODY)).to.equal('c');
    }
    seen.cut.add('c');
    expect(asking.choose(0, NOBODY)).to.equal(undefined);
  });

  it('brings the rows', async () => {
    const rows = [rowWith(1), null, undefined];
    const { asking, seen } = bench(['b'], { type: 'rows', rows });
    expect(await asking.ask('b', ['x', 'y', 'z'], 70)).to.deep.equal(rows);
    expect(seen.calls).to.deep.equal([
      { peer: 'b', request: { type: 'read', keys: ['x', 'y', 'z'] }, timeoutMs: 70 },
    ]);
  });

  it('does not go to a peer again that left it without an answer, for a second', async () => {
    const { asking, seen } = bench(['b', 'c']);
    expect(await asking.ask('b', ['k'], 70)).to.deep.equal([]);
    for (let partition = 0; partition < 256; partition++) {
      expect(asking.choose(partition, NOBODY)).to.equal('c');
    }
    await asking.ask('c', ['k'], 70);
    expect(asking.choose(0, NOBODY)).to.equal(undefined);
    expect(seen.avoided, 'single reads avoid them, too').to.deep.equal(['b', 'c']);
    seen.nowMs = 1_000;
    expect(asking.choose(0, NOBODY)).to.be.oneOf(['b', 'c']);
  });

  it('goes again at once to one that answered in the meantime', async () => {
    const { asking, seen } = bench(['b']);
    await asking.ask('b', ['k'], 70);
    seen.answer = { type: 'rows', rows: [null] };
    await asking.ask('b', ['k'], 70);
    expect(asking.choose(0, NOBODY)).to.equal('b');
  });
});

describe("another peer's question for many keys", () => {
  const answersWith =
    (sizes: Readonly<Record<string, number>>) =>
    (partition: number, key: string): ReadAnswer | undefined => {
      expect(partition).to.equal(partitionOfKey(key));
      const size = sizes[key];
      if (size === undefined) return undefined;
      return { kind: 'row', row: size < 0 ? null : rowWith(size), servedBy: 'a' };
    };

  it('is answered with what is there at once, what is not there, and what it cannot tell', () => {
    const readNow = answersWith({ there: 1, absent: -1 });
    const { rows } = rowsOf({ readNow }, ['there', 'absent', 'open']);
    expect(rows).to.deep.equal([rowWith(1), null, undefined]);
  });

  it('is answered with a megabyte of values: what does not fit is left open, and what fits behind it is not', () => {
    const sizes = { a: MIB / 2, b: MIB, c: -1, d: MIB / 2, e: 1, f: 0 };
    const { rows } = rowsOf({ readNow: answersWith(sizes) }, Object.keys(sizes));
    const found = rows.map((row) => (row == null ? row : row.value.bytes.length));
    expect(found).to.deep.equal([MIB / 2, undefined, null, MIB / 2, undefined, 0]);
  });

  it('is answered no further once four megabytes of values were read', () => {
    const asked: string[] = [];
    const sizes = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key-${i}`, MIB]));
    const readNow = (partition: number, key: string) => {
      asked.push(key);
      return answersWith(sizes)(partition, key);
    };
    const { rows } = rowsOf({ readNow }, Object.keys(sizes));
    expect(rows.map((row) => row?.value.bytes.length)).to.deep.equal([MIB, undefined, undefined, undefined]);
    expect(asked).to.have.length(4);
  });
});
