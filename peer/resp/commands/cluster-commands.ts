/** CLUSTER: where each slot's primary is, so that cluster-aware clients go straight there. */
import type { PeerId } from '../../../common/configuration.js';
import { hostPort } from '../../../common/names.js';
import { SLOT_COUNT, slotOf } from '../../../common/slots.js';
import { type ClusterNode, nodeId, nodeOf, type SlotRange, slotRanges } from '../cluster-layout.js';
import { NOT_AN_INTEGER, unknownSubcommand, wrongArity } from '../errors.js';
import { integerOf, positionOf } from '../numbers.js';
import { NOT_ALL_ANSWERED } from '../refusals.js';
import { bulkText, failure, integer, list, map, type Protocol, type Reply, verbatim } from '../replies.js';
import { keysInSlot } from '../scan.js';
import type { RespCluster } from '../store.js';
import { wordOf } from './command.js';
import type { Caller } from './runs.js';
import { alone, type Runs } from './runs.js';

/** More keys of a slot than this are not listed. */
const MAX_SLOT_KEYS = 100_000;
const INVALID_SLOT: Reply = failure('ERR Invalid or out of range slot');

interface Subcommand {
  /** Arguments with CLUSTER and its name. */
  readonly arity: number;
  readonly run: (args: readonly Buffer[], caller: Caller) => Reply | Promise<Reply>;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  slots: { arity: 2, run: (_args, { session, services }) => slots(services.cluster, session.protocol) },
  shards: { arity: 2, run: (_args, { session, services }) => shards(services.cluster, session.protocol) },
  nodes: {
    arity: 2,
    run: (_args, { session, services }) => verbatim(nodes(services.cluster), session.protocol),
  },
  info: {
    arity: 2,
    run: (_args, { session, services }) => verbatim(info(services.cluster), session.protocol),
  },
  myid: { arity: 2, run: (_args, { services }) => bulkText(nodeId(services.cluster.id)) },
  keyslot: { arity: 3, run: (args) => integer(slotOf(args[2] as Buffer)) },
  countkeysinslot: { arity: 3, run: countKeysInSlot },
  getkeysinslot: { arity: 4, run: getKeysInSlot },
};

function cluster(args: readonly Buffer[], caller: Caller): Reply | Promise<Reply> {
  const name = wordOf(args[1]);
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand === undefined) return unknownSubcommand(args[1] as Buffer, 'cluster');
  if (args.length !== subcommand.arity) return wrongArity(`cluster|${name}`);
  return subcommand.run(args, caller);
}

function slots(known: RespCluster, protocol: Protocol): Reply {
  const node = ({ host, port, id }: ClusterNode) =>
    list([bulkText(host), integer(port), bulkText(id), map([], protocol)]);
  return list(
    slotRanges(known).map(({ first, last, primary, replicas }) =>
      list([integer(first), integer(last), node(primary), ...replicas.map(node)]),
    ),
  );
}

/** A shard is all slots that the same peers hold with the same primary. */
function shards(known: RespCluster, protocol: Protocol): Reply {
  const groups = new Map<string, SlotRange[]>();
  for (const range of slotRanges(known)) {
    const holders = [range.primary, ...range.replicas].map(({ id }) => id).join();
    const group = groups.get(holders);
    if (group === undefined) groups.set(holders, [range]);
    else group.push(range);
  }
  return list([...groups.values()].map((ranges) => shard(ranges, protocol)));
}

function shard(ranges: readonly SlotRange[], protocol: Protocol): Reply {
  const [{ primary, replicas }] = ranges as [SlotRange, ...SlotRange[]];
  const node = ({ id, host, port }: ClusterNode, role: string): Reply =>
    map(
      [
        [bulkText('id'), bulkText(id)],
        [bulkText('port'), integer(port)],
        [bulkText('ip'), bulkText(host)],
        [bulkText('endpoint'), bulkText(host)],
        [bulkText('role'), bulkText(role)],
        [bulkText('replication-offset'), integer(0)],
        [bulkText('health'), bulkText('online')],
      ],
      protocol,
    );
  return map(
    [
      [bulkText('slots'), list(ranges.flatMap(({ first, last }) => [integer(first), integer(last)]))],
      [bulkText('nodes'), list([node(primary, 'master'), ...replicas.map((each) => node(each, 'replica'))])],
    ],
    protocol,
  );
}

/** One line a peer; all are equals, and so are masters here, whatever they have copies of. */
function nodes(known: RespCluster): string {
  const slotsOf = new Map<string, string[]>();
  for (const { first, last, primary } of slotRanges(known)) {
    const ranges = slotsOf.get(primary.id) ?? [];
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
    slotsOf.set(primary.id, ranges);
  }
  const { peers, ver } = known.map();
  const line = (peer: PeerId) => {
    const node = nodeOf(known, peer);
    if (node === undefined) return [];
    const flags = peer === known.id ? 'myself,master' : 'master';
    const ranges = slotsOf.get(node.id) ?? [];
    // The port behind the @ is that of Redis' own cluster bus, which there is none of.
    const fields = [
      node.id,
      `${hostPort(node.host, node.port)}@0`,
      flags,
      '-',
      0,
      0,
      ver,
      'connected',
      ...ranges,
    ];
    return [`${fields.join(' ')}\n`];
  };
  return [...peers.keys()].sort().flatMap(line).join('');
}

function info(known: RespCluster): string {
  const { peers, parts, ver } = known.map();
  const served = slotRanges(known).reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const primaries = new Set(parts.flatMap((part) => (part === undefined ? [] : [part.primary])));
  const fields = {
    cluster_enabled: 1,
    cluster_state: served === SLOT_COUNT ? 'ok' : 'fail',
    cluster_slots_assigned: served,
    cluster_slots_ok: served,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: peers.size,
    cluster_size: primaries.size,
    cluster_current_epoch: ver,
    cluster_my_epoch: ver,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');
}

function slotArg(arg: Buffer): number | Reply {
  const slot = integerOf(arg);
  if (slot === undefined) return NOT_AN_INTEGER;
  return slot >= 0n && slot < BigInt(SLOT_COUNT) ? Number(slot) : INVALID_SLOT;
}

async function countKeysInSlot(args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const slot = slotArg(args[2] as Buffer);
  if (typeof slot !== 'number') return slot;
  const keys = await keysInSlot(services.store, slot, Number.POSITIVE_INFINITY);
  return keys === null ? NOT_ALL_ANSWERED : integer(keys.length);
}

async function getKeysInSlot(args: readonly Buffer[], { services }: Caller): Promise<Reply> {
  const slot = slotArg(args[2] as Buffer);
  if (typeof slot !== 'number') return slot;
  const count = positionOf(args[3] as Buffer);
  if (count === undefined) return NOT_AN_INTEGER;
  if (count < 0) return failure('ERR Invalid number of keys');
  const keys = await keysInSlot(services.store, slot, Math.min(count, MAX_SLOT_KEYS));
  return keys === null ? NOT_ALL_ANSWERED : list(keys.map(bulkText));
}

/** What it does, by name. */
export const CLUSTER_RUNS: Runs = { cluster: alone(cluster) };
