/**
 * What changed from one cluster map to a later one, as JSON: a move changes one partition of many, and a thousand peers
 * are told of it.
 *
 * Invariants: the change, applied to a map equal to the one that it was drawn from, gives a map equal to the later one; it
 * is applied to no other version, and to none where what it brings is not sound. What did not change is shared with the
 * map before. A change is turned into text once, however many peers it is sent to.
 */
import { z } from 'zod';
import type { ClusterMap, PeerId, PeerRecord } from './configuration.js';
import {
  countSchema,
  MAX_PARTITIONS,
  MAX_PEERS,
  minInSyncSchema,
  partFault,
  partFromJson,
  partSchema,
  partText,
  recordSchema,
} from './map-json.js';
import { nameSchema } from './names.js';

export const mapChangeSchema = z.strictObject({
  /** The version of the map that it applies to. */
  base: countSchema,
  ver: countSchema,
  /** Peers that came or changed; null: one that is gone. */
  peers: z.array(z.tuple([nameSchema, recordSchema.nullable()])).max(MAX_PEERS),
  /** Partitions that came or changed. */
  parts: z
    .array(
      z.tuple([
        z
          .number()
          .int()
          .nonnegative()
          .max(MAX_PARTITIONS - 1),
        partSchema,
      ]),
    )
    .max(MAX_PARTITIONS),
  minInSync: minInSyncSchema.exactOptional(),
});

export type MapChange = z.infer<typeof mapChangeSchema>;

const texts = new WeakMap<ClusterMap, WeakMap<ClusterMap, string>>();

/** The change from `before` to `after` as JSON text; undefined where the whole map must be sent. */
export function mapChangeText(before: ClusterMap, after: ClusterMap): string | undefined {
  if (before.clusterId !== after.clusterId || hasLost(before, after)) return undefined;
  let known = texts.get(after);
  if (known === undefined) {
    known = new WeakMap();
    texts.set(after, known);
  }
  const text = known.get(before) ?? textOf(before, after);
  known.set(before, text);
  return text;
}

/** The map after the change; a text that says what is wrong where there is none. */
export function applyMapChange(before: ClusterMap, change: MapChange): ClusterMap | string {
  const { base, ver, minInSync } = change;
  if (base !== before.ver) return `it changes map ${base}, and map ${before.ver} is here`;
  const parts = [...before.parts];
  for (const [partition, json] of change.parts) {
    const part = partFromJson(json);
    const fault = partFault(partition, json, part, ver);
    if (fault !== null) return fault;
    while (parts.length < partition) parts.push(undefined);
    parts[partition] = part;
  }
  const peers = change.peers.length === 0 ? before.peers : changedPeers(before.peers, change.peers);
  const { clusterId } = before;
  return { clusterId, ver, peers, parts, ...(minInSync === undefined ? {} : { minInSync }) };
}

/** Partitions are never lost but by a rebuild. */
function hasLost(before: ClusterMap, after: ClusterMap): boolean {
  if (after.parts.length < before.parts.length) return true;
  return before.parts.some((part, at) => part !== undefined && after.parts[at] === undefined);
}

function textOf(before: ClusterMap, after: ClusterMap): string {
  const parts: string[] = [];
  for (const [partition, part] of after.parts.entries()) {
    if (part !== undefined && part !== before.parts[partition])
      parts.push(`[${partition},${partText(part)}]`);
  }
  const { ver, minInSync } = after;
  const head = { base: before.ver, ver, peers: peersBetween(before.peers, after.peers), minInSync };
  return `${JSON.stringify(head).slice(0, -1)},"parts":[${parts.join()}]}`;
}

type Peers = ReadonlyMap<PeerId, PeerRecord>;

function peersBetween(before: Peers, after: Peers): [PeerId, PeerRecord | null][] {
  if (before === after) return [];
  const changed: [PeerId, PeerRecord | null][] = [...after].filter(
    ([id, record]) => before.get(id) !== record,
  );
  for (const id of before.keys()) if (!after.has(id)) changed.push([id, null]);
  return changed;
}

function changedPeers(before: Peers, changes: MapChange['peers']): Peers {
  const peers = new Map(before);
  for (const [id, record] of changes) {
    if (record === null) peers.delete(id);
    else peers.set(id, record);
  }
  return peers;
}
