/**
 * Adopting a map, and the role that it gives this peer in each partition (E2); promises to a rebuild (section 9).
 *
 * Kept true: a map is adopted in one step, only upwards, and never below what was promised. A new epoch of a
 * partition ends everything volatile of the old one. A member is a peer WITH ITS STORE: a peer whose disk was
 * wiped is none, whatever its name. A primary is moreover the very process that the map names: a restarted one
 * does not know what it sent (E6).
 */

import type { ClusterMap, PartitionConfig } from '../../common/configuration.js';
import { mapVersion } from '../../common/configuration.js';
import { startLeading } from './alignment.js';
import { FIRST_CHECKSUM } from './checksum.js';
import { settleOwn } from './commit.js';
import type { Core } from './core.js';
import { broken } from './invariant.js';
import { dropStaging, startLearning } from './learning.js';
import { askAcrossFences } from './leases.js';
import { Log } from './log.js';
import type { PartitionImage } from './machine.js';
import { type IncomingSnapshot, type Lead, Partition } from './partition.js';
import { dropReads } from './reads.js';
import { Rows } from './rows.js';
import { Sessions } from './sessions.js';
import { keepLearners } from './teaching.js';

/** E2: takes a newer map over; ignores any other. */
export function adopt(core: Core, map: ClusterMap): void {
  if (map.clusterId !== core.map.clusterId || map.ver <= core.map.ver || map.ver < core.promised) return;
  core.map = map;
  core.out.add({ type: 'map', map });
  core.out.barrier();
  enterAll(core);
  askAcrossFences(core);
}

/** Gives every partition the role that the map gives it; at a start too. */
export function enterAll(core: Core): void {
  for (const [number, config] of core.map.parts.entries()) {
    if (config !== undefined) enter(core, number, config);
  }
}

/** A rebuild asks: refuse every map of a lower term from now on, and show the newest map. */
export function onQuery(core: Core, term: number, from: string): void {
  const ver = mapVersion(term, 0);
  if (ver < core.promised) return;
  if (ver > core.promised) {
    core.promised = ver;
    core.out.add({ type: 'promised', ver });
  }
  core.report({ type: 'state', term, map: core.map }, from, core.out.barrier());
}

/** Brings a partition back from the disk, without a role. */
export function restorePartition(core: Core, image: PartitionImage): Partition {
  const { partition: number, marks } = image;
  const log = new Log(number, image.base, image.baseChecksum, image.log);
  if (marks.com < log.base || marks.com > log.prep) {
    broken(`partition ${number} stored with com within ${log.base}..${log.prep}`, `${marks.com}`);
  }
  const rows = new Rows(core.reader, core.out, number, marks.copy);
  rows.loadMarks();
  const sessions = new Sessions(image.sessions);
  const partition = new Partition(
    number,
    log,
    rows,
    sessions,
    marks.alignedEpoch,
    marks.com,
    marks.staging,
    marks.keyCount,
  );
  core.partitions.set(number, partition);
  dropStaging(core, partition);
  return partition;
}

function enter(core: Core, number: number, config: PartitionConfig): void {
  const known = core.partitions.get(number);
  if (known === undefined && !concerns(core, config)) return;
  const partition = known ?? emptyPartition(core, number);
  if (partition.config === undefined || partition.epoch !== config.epoch) {
    enterEpoch(core, partition, config);
    return;
  }
  if (partition.config === config) return;
  partition.config = config;
  if (partition.role === 'active') keepLearners(partition);
  if (partition.role === 'none' && config.learners.includes(core.me)) startLearning(core, partition);
}

function concerns(core: Core, config: PartitionConfig): boolean {
  return config.members.has(core.me) || config.learners.includes(core.me);
}

function emptyPartition(core: Core, number: number): Partition {
  const image = { partition: number, base: 0, baseChecksum: FIRST_CHECKSUM, log: [] };
  const copy = core.nextCopy.get(number) ?? 0;
  const marks = { alignedEpoch: -1, com: 0, copy, staging: copy, keyCount: 0 };
  return restorePartition(core, { ...image, marks, sessions: new Sessions().image() });
}

function enterEpoch(core: Core, partition: Partition, config: PartitionConfig): void {
  settleOwn(core, partition);
  const { lead } = partition;
  const copy = copyThatGoesOn(core, partition, config);
  const leads = config.primary === core.me && isMemberOf(core, config) && isNamedProcess(core);
  leaveEpoch(core, partition, copy);
  if (partition.others.some((peer) => !config.members.has(peer))) partition.memberLeftAtMs = core.leaseMs;
  partition.config = config;
  partition.others = [...config.members.keys()].filter((peer) => peer !== core.me);
  if (leads) startLeading(core, partition, lead);
  else {
    if (lead !== undefined) dropWaiting(core, lead);
    if (isMemberOf(core, config)) partition.role = 'member';
    else if (config.learners.includes(core.me)) startLearning(core, partition, copy);
    else partition.role = 'none';
  }
}

/**
 * The copy that is being taken in goes on if the same primary sends it: what it committed stays, and so does its whole
 * log (A1). If it was another process of it, or it led nobody meanwhile, it begins another copy.
 */
function copyThatGoesOn(
  core: Core,
  { learning, config: before }: Partition,
  config: PartitionConfig,
): IncomingSnapshot | undefined {
  const learns = config.learners.includes(core.me) && !isMemberOf(core, config);
  return learns && before?.primary === config.primary ? learning?.incoming : undefined;
}

/**
 * Everything volatile of the old epoch goes, but for a copy that goes on, and clients that wait for entries: the caller
 * answers them.
 */
function leaveEpoch(core: Core, partition: Partition, copy: IncomingSnapshot | undefined): void {
  partition.role = 'none';
  partition.lead = undefined;
  if (partition.learning?.incoming !== copy) dropStaging(core, partition);
  partition.learning = undefined;
  partition.ackOwed = false;
  partition.gapSeen = false;
  if (core.led.delete(partition)) core.ledUncommitted -= partition.uncommittedBytes;
  core.fencing.delete(partition);
  dropReads(partition);
  // Damage that was found, at the start perhaps, is mended in the new epoch.
  if (partition.rows.damaged.size > 0) core.touch(partition);
}

function isMemberOf(core: Core, config: PartitionConfig): boolean {
  return config.members.get(core.me) === core.storeId;
}

function isNamedProcess(core: Core): boolean {
  return core.map.peers.get(core.me)?.inc === core.inc;
}

/** H: the entries may be committed by another primary; the gateways ask again with the same tag. */
function dropWaiting(core: Core, lead: Lead): void {
  for (const waiter of lead.waiters.all()) {
    if (waiter.kind === 'own') waiter.dropped();
    else core.answerWrite(waiter, { kind: 'maybe' });
  }
  for (const request of lead.queue) request.answer({ kind: 'refused', reason: 'not-primary' });
}
