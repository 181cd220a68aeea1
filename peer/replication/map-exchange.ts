/**
 * Maps between peers: whoever is behind pulls the map from any peer that shows a newer one, or is given it.
 *
 * Kept true: maps are large, so there is one a peer and `pullMs` each way, however many messages ask for it.
 */

import type { PeerId } from '../../common/configuration.js';
import type { Core } from './core.js';

/** A message of this peer shows that it has a newer map. */
export function pullMap(core: Core, from: PeerId): void {
  if (isDue(core, core.pulledAt, from)) core.send(from, { type: 'pull' });
}

/** To a peer that is behind and did not ask; what it sent was dropped, so it will send again. */
export function giveMap(core: Core, to: PeerId): void {
  if (isDue(core, core.mapGivenAt, to)) core.send(to, { type: 'map', map: core.map });
}

function isDue(core: Core, lastAt: Map<PeerId, number>, peer: PeerId): boolean {
  const last = lastAt.get(peer);
  if (last !== undefined && core.leaseMs - last < core.settings.pullMs) return false;
  lastAt.set(peer, core.leaseMs);
  return true;
}
