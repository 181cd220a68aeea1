/**
 * Rows whose stored record is damaged are never served, and mended from another member.
 *
 * Kept true: a damaged row is replaced only by what it must have said. Let the rows have shown the log up to `since`
 * when the damage was found; a later write of the key would have mended it, so none was applied. Another member tells
 * what it has as of its own com: with com at least `since`, a row of a position up to `since` is the newest one up
 * to there, so it is ours. A row of a later position comes to us by the log. That the other has nothing at all, not even
 * a tombstone, says so only once we have applied as much as it had: the key may have been deleted in between; and only of
 * a key that was deleted here: otherwise it is the key that is damaged, and which it was nobody can tell. Such a row stays
 * damaged, and no copy is made from here: a person has to see to it.
 * Damage is looked for in rows that nobody asks for as well, while other members can still mend it.
 */

import type { PeerId } from '../../common/configuration.js';
import type { Core } from './core.js';
import type { Row } from './entry.js';
import { DAMAGED, type Damaged } from './machine.js';
import type { KeyedRow, Mend, Mended } from './messages.js';
import type { Partition } from './partition.js';

/** Keys that one message asks for; the others have to wait for the next. */
const MAX_KEYS_ASKED = 64;

/** The committed row of a key here, as `Rows.find`. If it is damaged, that is noted, and it will be mended. */
export function find(
  core: Core,
  partition: Partition,
  key: string,
  withValue = true,
): Row | Damaged | undefined {
  const row = partition.rows.find(key, withValue);
  if (row === DAMAGED) noteDamage(core, partition, key);
  return row;
}

/** The row of this key was found damaged. */
export function noteDamage(core: Core, partition: Partition, key: string): void {
  partition.rows.noteDamage(key, partition.com);
  core.touch(partition);
}

/** When time passes: asks the other members in turn for what is damaged here, the primary first. */
export function tickMending(core: Core, partition: Partition): void {
  const { rows, config, others, mending } = partition;
  if (rows.damaged.size === 0 || config === undefined || !partition.isMember) return;
  for (const [key, { absentAt }] of [...rows.damaged]) mendAbsent(partition, key, absentAt);
  if (rows.damaged.size === 0 || others.length === 0) return;
  if (core.leaseMs - mending.askedAtMs < core.settings.retryMs) return;
  mending.askedAtMs = core.leaseMs;
  const candidates = [...others].sort((a, b) => Number(b === config.primary) - Number(a === config.primary));
  const to = candidates[mending.turn % candidates.length] as PeerId;
  mending.turn++;
  const keys = [...rows.damaged.keys()].slice(0, MAX_KEYS_ASKED);
  // Those that nobody can tell must not keep the others waiting.
  for (const key of keys) moveToEnd(rows.damaged, key);
  core.send(to, { type: 'mend', partition: partition.number, epoch: partition.epoch, keys });
}

/** When time passes: looks at some more rows, of one partition after another, whether they can be read. */
export function tickScrubbing(core: Core): void {
  const { scrubEveryMs, scrubRows: rows, scrubBytes: bytes } = core.settings;
  if (core.leaseMs - core.scrubbed.atMs < scrubEveryMs) return;
  const partition = nextHeld(core, core.scrubbed.partition) ?? nextHeld(core, -1);
  core.scrubbed = { atMs: core.leaseMs, partition: partition?.number ?? -1 };
  if (partition === undefined) return;
  const { mending } = partition;
  const found = partition.rows.range(mending.scrubbed, { rows, bytes });
  for (const { key, row } of found.rows) if (row === DAMAGED) noteDamage(core, partition, key);
  mending.scrubbed = found.more ? found.rows[found.rows.length - 1]?.key : undefined;
}

/** At a member: tells what its own rows say, as much as one message carries. */
export function onMend(core: Core, partition: Partition, from: PeerId, message: Mend): void {
  if (!partition.isMember) return;
  const rows: KeyedRow[] = [];
  const absent: string[] = [];
  let bytes = 0;
  for (const key of message.keys) {
    const row = find(core, partition, key);
    if (row === DAMAGED) continue;
    bytes += key.length + (row?.value?.bytes.length ?? 0);
    if (bytes > core.settings.maxMessageBytes && rows.length > 0) break;
    if (row === undefined) absent.push(key);
    else rows.push({ key, row });
  }
  const { number, epoch, com } = partition;
  core.send(from, { type: 'mend_r', partition: number, epoch, com, rows, absent });
}

/** Back at the member that asked. */
export function onMended(partition: Partition, message: Mended): void {
  if (!partition.isMember) return;
  const { rows } = partition;
  for (const { key, row } of message.rows) {
    const damage = rows.damaged.get(key);
    if (damage !== undefined && message.com >= damage.since && row.seq <= damage.since) rows.mend(key, row);
  }
  for (const key of message.absent) {
    const damage = rows.damaged.get(key);
    if (damage === undefined || message.com < damage.since) continue;
    damage.absentAt = message.com;
    mendAbsent(partition, key, message.com);
  }
}

/** Of the partitions that this peer is a member of the first one above `after`. */
function nextHeld(core: Core, after: number): Partition | undefined {
  let next: Partition | undefined;
  for (const partition of core.partitions.values()) {
    if (!partition.isMember || partition.number <= after) continue;
    if (next === undefined || partition.number < next.number) next = partition;
  }
  return next;
}

function mendAbsent(partition: Partition, key: string, absentAt: number | undefined): void {
  const { rows, com } = partition;
  if (absentAt !== undefined && com >= absentAt && rows.wasDeleted(key)) rows.mend(key, undefined);
}

function moveToEnd<T>(map: Map<string, T>, key: string): void {
  const value = map.get(key) as T;
  map.delete(key);
  map.set(key, value);
}
