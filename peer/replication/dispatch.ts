/**
 * Which rule a message belongs to, and what a partition does when time passes, by its role.
 *
 * Kept true: whoever calls has seen to it that the message is of the epoch that the partition is in.
 */

import { tickAccusations } from './accusations.js';
import { onAlign, onAlignOk, tickAlignment } from './alignment.js';
import type { Core } from './core.js';
import { onLearn, onSnap, onSnapEnd, tickLearning } from './learning.js';
import { onMend, onMended, tickMending } from './mending.js';
import type { PartitionMessage, PeerEnvelope } from './messages.js';
import type { Partition } from './partition.js';
import { onCommittedQuery, onCommittedReply, onConfirm, onConfirmed, tickReads } from './reads.js';
import { onAck, onPrepare, streamIdle, tickStream } from './streaming.js';
import { onJoin, onSnapDone, onSnapOk, tickTeaching } from './teaching.js';
import { tickQueue } from './writes.js';

/** Messages that somebody sends by its own will; answers to them need no further answer. */
export function startsExchange(message: PartitionMessage): boolean {
  return ['align', 'prep', 'join', 'rseq', 'conf', 'mend'].includes(message.type);
}

/** Takes a message of the adopted epoch to the rule that it belongs to. */
export function dispatch(
  core: Core,
  partition: Partition,
  envelope: PeerEnvelope,
  message: PartitionMessage,
): void {
  const { from, fromInc } = envelope;
  switch (message.type) {
    case 'align':
      onAlign(core, partition, from, message);
      return;
    case 'align_ok':
      onAlignOk(core, partition, from, message);
      return;
    case 'prep':
      onPrepare(core, partition, from, message);
      return;
    case 'ack':
      onAck(core, partition, from, message);
      return;
    case 'rseq':
      onCommittedQuery(core, partition, from, message);
      return;
    case 'rseq_r':
      onCommittedReply(core, partition, message);
      return;
    case 'conf':
      onConfirm(core, partition, from, message);
      return;
    case 'conf_r':
      onConfirmed(core, partition, from, message);
      return;
    case 'join':
      onJoin(core, partition, from, fromInc, message);
      return;
    case 'learn':
      onLearn(core, partition, from, message);
      return;
    case 'snap':
      onSnap(core, partition, from, message);
      return;
    case 'snap_ok':
      onSnapOk(core, partition, from, message);
      return;
    case 'snap_end':
      onSnapEnd(core, partition, from, message);
      return;
    case 'snap_done':
      onSnapDone(core, partition, from, message);
      return;
    case 'mend':
      onMend(core, partition, from, message);
      return;
    case 'mend_r':
      onMended(partition, message);
      return;
  }
}

/** Time has passed. Returns whether the partition has anything left that more time will bring on. */
export function tickPartition(core: Core, partition: Partition): boolean {
  tickReads(core, partition);
  tickMending(core, partition);
  // Reads that came in this turn are questions only at its end.
  let busy = partition.questions.size + partition.asking.length + partition.confirming.length > 0;
  busy ||= partition.isMember && partition.rows.damaged.size > 0;
  switch (partition.role) {
    case 'starting':
      tickAlignment(core, partition);
      tickQueue(core, partition);
      tickAccusations(core, partition);
      return true;
    case 'active':
      tickStream(core, partition);
      tickTeaching(core, partition);
      tickAccusations(core, partition);
      busy ||= !streamIdle(partition) || (partition.config?.learners.length ?? 0) > 0;
      return busy || partition.lead?.addPending !== undefined;
    case 'learner':
      tickLearning(core, partition);
      return busy || partition.learning?.joined === false;
    case 'member':
    case 'none':
      return busy;
  }
}
