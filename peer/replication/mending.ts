/**
 * Rows whose stored record is damaged are mended from another member.
 *
 * Kept true: a member answers from its rows as of its com, and says which com that is.
 */

import type { PeerId } from '../../common/configuration.js';
import type { Core } from './core.js';
import type { KeyedRow, Mend } from './messages.js';
import type { Partition } from './partition.js';

/** At a member: tells what its own rows say, as much as one message carries. */
export function onMend(core: Core, partition: Partition, from: PeerId, message: Mend): void {
  if (!partition.isMember) return;
  const rows: KeyedRow[] = [];
  const absent: string[] = [];
  let bytes = 0;
  for (const key of message.keys) {
    const row = partition.rows.get(key);
    bytes += key.length + (row?.value?.bytes.length ?? 0);
    if (bytes > core.settings.maxMessageBytes && rows.length > 0) break;
    if (row === undefined) absent.push(key);
    else rows.push({ key, row });
  }
  const { number, epoch, com } = partition;
  core.send(from, { type: 'mend_r', partition: number, epoch, com, rows, absent });
}
