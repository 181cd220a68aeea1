/** The cluster as a peer knows it: the map that it follows, whose addresses may name a port for Redis clients. */
import type { ClusterMap, PeerId } from '../../common/configuration.js';
import { parsePeerAddress } from '../../common/peer-address.js';
import type { RespCluster } from './store.js';

/** What the Redis lane tells about the cluster, from the map of peer `id`. */
export function respClusterOf(id: PeerId, map: () => ClusterMap): RespCluster {
  return {
    id,
    map,
    respAddress: (peer) => {
      const record = map().peers.get(peer);
      const address = record && parsePeerAddress(record.addr);
      return address?.respPort === undefined ? undefined : { host: address.host, port: address.respPort };
    },
  };
}
