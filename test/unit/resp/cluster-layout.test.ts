/** The slots as Redis clients are told them, and the addresses that they come from. */
import { expect } from 'chai';
import { type ClusterMap, emptyMap, type PartitionConfig } from '../../../common/configuration.js';
import { formatPeerAddress } from '../../../common/peer-address.js';
import { PARTITION_COUNT } from '../../../common/slots.js';
import { nodeId, slotRanges } from '../../../peer/resp/cluster-layout.js';
import { respClusterOf } from '../../../peer/resp/peer-cluster.js';

function part(primary: string, members: readonly string[]): PartitionConfig {
  const stores = new Map(members.map((id) => [id, 's']));
  return { epoch: 1, primary, members: stores, learners: [], fence: [], active: true, la: members };
}

function mapOf(
  parts: readonly (PartitionConfig | undefined)[],
  respPorts: Readonly<Record<string, number | undefined>>,
) {
  const peers = Object.entries(respPorts).map(([id, respPort]) => {
    const addr = formatPeerAddress({
      host: `${id}.example`,
      port: 1,
      peerPort: 2,
      ...(respPort && { respPort }),
    });
    return [id, { storeId: 's', inc: 1, addr }] as const;
  });
  const map: ClusterMap = { ...emptyMap('c'), ver: 1, parts, peers: new Map(peers) };
  return respClusterOf('a', () => map);
}

describe('the slots of the cluster', () => {
  it('are runs of neighbours that the same peers hold', () => {
    const parts = Array.from({ length: PARTITION_COUNT }, (_, i) =>
      i < 100 ? part('a', ['a', 'b']) : i < 200 ? part('b', ['a', 'b']) : part('a', ['a', 'b']),
    );
    const shown = slotRanges(mapOf(parts, { a: 9080, b: 9081 })).map(({ first, last, primary, replicas }) => [
      first,
      last,
      `${primary.host}:${primary.port}`,
      replicas.map(({ id }) => id),
    ]);
    expect(shown).to.deep.equal([
      [0, 6_399, 'a.example:9080', [nodeId('b')]],
      [6_400, 12_799, 'b.example:9081', [nodeId('a')]],
      [12_800, 16_383, 'a.example:9080', [nodeId('b')]],
    ]);
  });

  it('leave out what nobody holds yet', () => {
    const parts = [part('a', ['a']), undefined, part('a', ['a'])];
    expect(slotRanges(mapOf(parts, { a: 9080 })).map(({ first, last }) => [first, last])).to.deep.equal([
      [0, 63],
      [128, 191],
    ]);
    expect(slotRanges(mapOf([], { a: 9080 }))).to.deep.equal([]);
  });

  it('of a primary without a port for Redis clients are said to be here: this peer forwards', () => {
    const [range] = slotRanges(mapOf([part('b', ['a', 'b', 'c'])], { a: 9080, b: undefined, c: 9082 }));
    expect(range?.primary.id).to.equal(nodeId('a'));
    expect(range?.replicas.map(({ id }) => id)).to.deep.equal([nodeId('c')]);
    expect(slotRanges(mapOf([part('b', ['b'])], { a: undefined, b: undefined }))).to.deep.equal([]);
  });

  it('name nodes by 40 hexadecimal digits, always the same', () => {
    expect(nodeId('peer-1'))
      .to.match(/^[0-9a-f]{40}$/)
      .and.to.equal(nodeId('peer-1'));
    expect(nodeId('peer-2')).not.to.equal(nodeId('peer-1'));
  });
});
