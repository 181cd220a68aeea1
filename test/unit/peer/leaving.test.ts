/** How a peer leaves: it hands over while that goes on, and always ends. */
import { expect } from 'chai';
import type { ClusterMap, PartitionConfig } from '../../../common/configuration.js';
import { handOver, type LeavingParts } from '../../../peer/leaving.js';

const SILENT_LOG = { info: () => undefined, warn: () => undefined };

const RECORD = { storeId: 'x', inc: 1, addr: 'x:1' };

function mapOf(parts: readonly (readonly string[])[]): ClusterMap {
  const configs = parts.map(
    (members): PartitionConfig => ({
      epoch: 1,
      primary: members[0] ?? '',
      members: new Map(members.map((id) => [id, `store-of-${id}`])),
      learners: [],
      fence: [],
      active: true,
      la: [...members],
    }),
  );
  return { clusterId: 'c', ver: 1, peers: new Map(), parts: configs };
}

/** Time runs `stepMs` at each look. */
function leaving(
  change: Partial<LeavingParts>,
  stepMs = 50,
): LeavingParts & { readonly asked: (string | undefined)[] } {
  let ms = 0;
  const asked: (string | undefined)[] = [];
  return {
    id: 'a',
    map: () => mapOf([['a', 'b']]),
    leave: (only) => asked.push(only),
    orchestratorSilentMs: () => 0,
    monotonicMs: () => {
      ms += stepMs;
      return ms;
    },
    log: SILENT_LOG,
    ...change,
    asked,
  };
}

describe('a peer that leaves', () => {
  it('does not wait where it holds nothing, or where nobody would hear it', async () => {
    const empty = leaving({ map: () => mapOf([['b', 'c']]) });
    await handOver(empty, false);
    const alone = leaving({ orchestratorSilentMs: () => 10_000 });
    await handOver(alone, false);
    expect([...empty.asked, ...alone.asked]).to.deep.equal([]);
  });

  it('asks until it holds nothing any more', async () => {
    let looks = 0;
    const maps = [
      mapOf([
        ['a', 'b'],
        ['b', 'a'],
      ]),
      mapOf([
        ['b', 'a'],
        ['b', 'a'],
      ]),
      mapOf([['b'], ['b']]),
    ];
    const parts = leaving({ map: () => maps[Math.min(2, Math.floor(looks++ / 16))] as ClusterMap });
    await handOver(parts, false);
    expect(parts.asked.length).to.be.greaterThan(1);
    expect(new Set(parts.asked)).to.deep.equal(new Set(['duties']));
  });

  it('ends though nothing gets better, or the orchestrator falls silent', async () => {
    await handOver(leaving({}), false);
    let silentMs = 0;
    await handOver(leaving({ orchestratorSilentMs: () => (silentMs += 500) }), true);
  });

  it('does not wait for others that stop, too', async () => {
    const peers = new Map(
      ['a', 'b'].map((id) => [id, { ...RECORD, drain: { scope: 'duties', until: 'restart' } as const }]),
    );
    const parts = leaving({ map: () => ({ ...mapOf([['a', 'b']]), peers }) });
    await handOver(parts, false);
    expect(parts.asked).to.deep.equal([]);
  });

  it('asks for everything where its data goes with it', async () => {
    const peers = new Map(['a', 'b', 'c'].map((id) => [id, RECORD]));
    const parts = leaving({ map: () => ({ ...mapOf([['a', 'b']]), peers }) }, 5_000);
    await handOver(parts, true);
    expect(new Set(parts.asked)).to.deep.equal(new Set([undefined]));
  });

  it('does not wait for copies that nobody can take', async () => {
    const restarting = { ...RECORD, drain: { scope: 'duties', until: 'restart' } as const };
    let asked = false;
    const parts = leaving({
      map: () => ({ ...mapOf([['a']]), peers: new Map([['a', asked ? restarting : RECORD]]) }),
      leave: (only) => {
        expect(only).to.equal('duties');
        asked = true;
      },
    });
    await handOver(parts, true);
    expect(asked).to.equal(true);
    expect(parts.monotonicMs()).to.be.below(1_000);
  });
});
