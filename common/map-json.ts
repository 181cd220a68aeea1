/**
 * The cluster map as JSON: in the registry's file, and in what the orchestrator and the peers say to each other.
 *
 * Invariants: reading what was written gives an equal map; whatever is no sound map is refused as a whole, with the
 * place that is wrong. Maps stand as lists of pairs, so that no name (`__proto__`) is special. A map is turned into
 * text once, however many peers it is sent to: maps are never changed in place.
 */
import { z } from 'zod';
import type { ClusterMap, MapVersion, PartitionConfig, PeerRecord } from './configuration.js';
import { nameSchema } from './names.js';
import { parsePeerAddress } from './peer-address.js';

export const MAX_PEERS = 10_000;
export const MAX_PARTITIONS = 16_384;
/** Copies of one partition, those that come and go included. */
const MAX_COPIES = 64;

/** Beyond what counting reaches (a version holds a term below 2^20), and below where counting by one fails. */
const MAX_COUNT = 2 ** 52;

/** A version, an epoch, an incarnation. */
export const countSchema = z.number().int().nonnegative().max(MAX_COUNT);
export const storeIdSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable characters');
export const peerAddressSchema = z
  .string()
  .refine((text) => parsePeerAddress(text) !== undefined, 'must be host:port/peerPort');
export const weightSchema = z.number().min(0).max(1000);

const recordShape = {
  storeId: storeIdSchema,
  inc: countSchema,
  addr: peerAddressSchema,
  weight: weightSchema.exactOptional(),
  drain: z
    .strictObject({ scope: z.enum(['duties', 'everything']), until: z.enum(['restart', 'operator']) })
    .exactOptional(),
} satisfies Record<keyof PeerRecord, z.ZodType>;

const partShape = {
  epoch: countSchema,
  primary: nameSchema,
  members: z.array(z.tuple([nameSchema, storeIdSchema])).max(MAX_COPIES),
  learners: z.array(nameSchema).max(MAX_COPIES),
  fence: z.array(nameSchema).max(MAX_PEERS),
  active: z.boolean(),
  la: z.array(nameSchema).max(MAX_COPIES),
} satisfies Record<keyof PartitionConfig, z.ZodType>;

export const recordSchema = z.strictObject(recordShape);
export const partSchema = z.strictObject(partShape);
export const minInSyncSchema = z.number().int().min(1).max(MAX_COPIES);

type PartJson = z.infer<typeof partSchema>;

const mapShape = {
  clusterId: nameSchema,
  ver: countSchema,
  peers: z.array(z.tuple([nameSchema, recordSchema])).max(MAX_PEERS),
  parts: z.array(partSchema.nullable()).max(MAX_PARTITIONS),
  minInSync: minInSyncSchema.exactOptional(),
} satisfies Record<keyof ClusterMap, z.ZodType>;

type MapJson = z.infer<z.ZodObject<typeof mapShape>>;

/** Takes the JSON form, gives the map. */
export const mapSchema = z.strictObject(mapShape).transform((json, context): ClusterMap => {
  const map = fromJson(json);
  const fault = faultOf(json, map);
  if (fault === null) return map;
  context.addIssue({ code: 'custom', message: fault });
  return z.NEVER;
});

const texts = new WeakMap<ClusterMap, string>();
const partTexts = new WeakMap<PartitionConfig, string>();

/** The map as JSON text. */
export function mapText(map: ClusterMap): string {
  const known = texts.get(map);
  if (known !== undefined) return known;
  const { parts, peers, ...rest } = map;
  const head = JSON.stringify({ ...rest, peers: [...peers] }).slice(0, -1);
  const text = `${head},"parts":[${parts.map((part) => (part === undefined ? 'null' : partText(part))).join()}]}`;
  texts.set(map, text);
  return text;
}

/** A partition's configuration as JSON text. */
export function partText(part: PartitionConfig): string {
  const known = partTexts.get(part);
  if (known !== undefined) return known;
  const text = JSON.stringify({ ...part, members: [...part.members] });
  partTexts.set(part, text);
  return text;
}

/** A partition's configuration of its JSON form. */
export function partFromJson(json: PartJson): PartitionConfig {
  return { ...json, members: new Map(json.members) };
}

function fromJson({ peers, parts, ...rest }: MapJson): ClusterMap {
  return {
    ...rest,
    peers: new Map(peers),
    parts: parts.map((part) => (part === null ? undefined : partFromJson(part))),
  };
}

/** What is wrong with a map that has the right form; null where nothing is. */
function faultOf(json: MapJson, map: ClusterMap): string | null {
  if (map.peers.size !== json.peers.length) return 'a peer is named twice';
  for (const [partition, part] of map.parts.entries()) {
    if (part === undefined) continue;
    const fault = partFault(partition, json.parts[partition] as PartJson, part, map.ver);
    if (fault !== null) return fault;
  }
  return null;
}

/** What is wrong with a partition of map `ver` that has the right form; null where nothing is. */
export function partFault(
  partition: number,
  json: PartJson,
  part: PartitionConfig,
  ver: MapVersion,
): string | null {
  const { epoch, primary, members, la, learners } = part;
  if (members.size !== json.members.length) return `partition ${partition} names a member twice`;
  if (epoch > ver) return `partition ${partition} is newer than the map`;
  if (!members.has(primary)) return `partition ${partition} is led by ${primary}, who is no member`;
  if (!la.includes(primary)) return `partition ${partition} is led by ${primary}, who may not lead it`;
  if (learners.some((id) => members.has(id))) return `partition ${partition} has a learner that is a member`;
  return null;
}
