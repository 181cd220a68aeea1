/**
 * Catching up, at the learner (C1, C2).
 *
 * Kept true: what a learner has committed is a prefix of history; what it has beyond is cut before it joins. A
 * copy is built beside the old one, never merged into it (deleted keys would come back), and takes its place in
 * one batch. Nothing is acknowledged before it is durable; what JOIN says of com is an acknowledgement, too.
 */

import type { PeerId } from '../../common/configuration.js';
import { commitThrough, store, truncate } from './commit.js';
import type { Core } from './core.js';
import { type Entry, eachChange, rowLeftBy } from './entry.js';
import { broken } from './invariant.js';
import { DAMAGED } from './machine.js';
import type { Learn, Snap, SnapEnd } from './messages.js';
import type { IncomingSnapshot, Learning, Partition } from './partition.js';
import { Rows } from './rows.js';
import { Sessions } from './sessions.js';

/** This peer is a learner in the epoch that was just adopted, or was just listed. */
export function startLearning(core: Core, partition: Partition, incoming?: IncomingSnapshot): void {
  partition.role = 'learner';
  partition.learning = {
    joined: false,
    joinSentAtMs: 0,
    joinAfter: 0,
    incoming,
    finished: undefined,
  };
  core.touch(partition);
  join(core, partition, partition.learning);
}

/** When time passes: says again what it has, until it has joined. */
export function tickLearning(core: Core, partition: Partition): void {
  const { learning } = partition;
  if (learning === undefined || learning.joined) return;
  // While our disk hangs JOIN has not left: each repeat behind it would be answered with the same tail.
  if (learning.joinAfter > core.out.durable) return;
  if (core.leaseMs - learning.joinSentAtMs >= core.settings.retryMs) join(core, partition, learning);
}

/** C1: the tail of the log after what this learner has. */
export function onLearn(core: Core, partition: Partition, from: PeerId, message: Learn): void {
  const { learning } = partition;
  if (learning === undefined || learning.joined || !isFor(core, partition, from, message)) return;
  // com does not move before this process has joined, so the answer is to what was asked.
  if (message.from < partition.com) {
    broken(
      `${from}, primary of partition ${partition.number}, to hold ${partition.com}, committed here`,
      `${message.from}`,
    );
  }
  if (message.from > partition.com) return;
  partition.log.compare(message.from, message.fromChecksum, from);
  truncate(core, partition, partition.com);
  store(core, partition, message.entries);
  joined(core, partition, learning);
  commitThrough(core, partition, message.com);
  partition.ackOwed = true;
}

/** C2: one part of a copy. */
export function onSnap(core: Core, partition: Partition, from: PeerId, message: Snap): void {
  const { learning } = partition;
  if (learning === undefined || learning.joined || !isFor(core, partition, from, message)) return;
  const incoming = incomingOf(core, partition, learning, message.id);
  if (message.part === incoming.got) {
    for (const { key, row } of message.rows) incoming.rows.put(key, row);
    incoming.entries.push(...message.entries);
    incoming.got++;
  }
  const { number, epoch } = partition;
  core.send(from, { type: 'snap_ok', partition: number, epoch, id: message.id, got: incoming.got });
}

/** C2: the end of a copy; it takes the place of the old one. */
export function onSnapEnd(core: Core, partition: Partition, from: PeerId, message: SnapEnd): void {
  const { learning } = partition;
  if (learning === undefined || !isFor(core, partition, from, message)) return;
  const { incoming } = learning;
  if (incoming !== undefined && incoming.id === message.id && incoming.got === message.part) {
    takeOver(core, partition, incoming, message);
    joined(core, partition, learning);
    learning.finished = message.id;
  }
  if (learning.finished !== message.id) return;
  const { number, epoch, prep } = partition;
  core.send(
    from,
    { type: 'snap_done', partition: number, epoch, id: message.id, upto: prep },
    core.out.barrier(),
  );
}

function isFor(core: Core, partition: Partition, from: PeerId, message: Learn | Snap | SnapEnd): boolean {
  return partition.config?.primary === from && message.inc === core.inc;
}

function join(core: Core, partition: Partition, learning: Learning): void {
  const { config, number, epoch, com } = partition;
  if (config === undefined) return;
  learning.joinSentAtMs = core.leaseMs;
  // A learner commits what its own disk does not hold yet, and the primary takes com for acknowledged.
  const message = { type: 'join', partition: number, epoch, storeId: core.storeId, com } as const;
  learning.joinAfter = core.out.barrier();
  core.send(config.primary, message, learning.joinAfter);
}

function joined(core: Core, partition: Partition, learning: Learning): void {
  partition.alignedEpoch = partition.epoch;
  core.out.mark(partition);
  learning.joined = true;
  learning.incoming = undefined;
  core.settle(partition);
}

/** The copy that is being taken in; a new name begins a new one, beside the valid rows. */
function incomingOf(core: Core, partition: Partition, learning: Learning, id: number): IncomingSnapshot {
  if (learning.incoming?.id === id) return learning.incoming;
  dropStaging(core, partition);
  partition.staging++;
  core.out.mark(partition);
  const rows = new Rows(core.reader, core.out, partition.number, partition.staging);
  learning.incoming = { id, rows, got: 0, entries: [] };
  return learning.incoming;
}

/** Drops a copy that was begun and not finished. */
export function dropStaging(core: Core, partition: Partition): void {
  if (partition.staging === partition.rows.copy) return;
  core.out.add({ type: 'drop-copy', partition: partition.number, copy: partition.staging });
}

function takeOver(core: Core, partition: Partition, incoming: IncomingSnapshot, message: SnapEnd): void {
  const { number, log } = partition;
  const { rows } = incoming;
  const old = partition.rows.copy;
  core.out.add({ type: 'truncate', partition: number, after: log.base });
  log.reset(message.s0, message.s0Checksum);
  core.out.add({ type: 'trim', partition: number, base: message.s0, baseChecksum: message.s0Checksum });
  const entries = [...incoming.entries, ...message.entries];
  for (const entry of entries) log.append(entry);
  core.out.add({ type: 'append', partition: number, entries });
  if (message.com > log.prep)
    broken(`a copy of partition ${number} with entries through ${message.com}`, `${log.prep}`);
  for (const entry of entries) if (entry.seq <= message.com) replay(rows, entry, message.com);
  rows.sortTombstones();
  core.out.add({ type: 'drop-copy', partition: number, copy: old });
  core.out.add({ type: 'sessions', partition: number, sessions: message.sessions });
  partition.rows = rows;
  partition.sessions = new Sessions(message.sessions);
  partition.com = message.com;
  partition.keyCount = message.keyCount;
  partition.reindex();
}

/** Rows of the copy may be newer than an entry since its beginning: those stay. */
function replay(rows: Rows, entry: Entry, com: number): void {
  eachChange(entry, (key, change) => {
    const known = rows.find(key, false);
    if (known === DAMAGED) rows.noteDamage(key, com);
    else if (known === undefined || known.seq < entry.seq) rows.put(key, rowLeftBy(entry, change));
  });
}
