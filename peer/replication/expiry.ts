/**
 * Times to live, and the end of sessions: what a primary appends by itself (section 8, D4).
 *
 * Kept true: no replica decides on its own clock that a key is gone. The primary appends its removal, and "not
 * found" is said only after that is committed, so a value is never seen after it was seen gone. A primary with a
 * slow clock keeps a key longer, no more. Sessions of dead processes go by an entry that also refuses them from
 * then on.
 */

import type { Incarnation } from '../../common/configuration.js';
import type { Effect, Result } from './commands.js';
import { append, leadOf, newestRow, uncommitted, waitFor } from './commit.js';
import type { Core } from './core.js';
import type { Row } from './entry.js';
import { DAMAGED, type Damaged } from './machine.js';
import { find } from './mending.js';
import type { Partition } from './partition.js';
import { parseSession, type SessionName, sessionId } from './sessions.js';

/** Sessions kept, a partition, of peers that the map does not name; beyond it the oldest are retired. */
export const MAX_ABSENT_SESSIONS = 1_024;

/** Whether the row's time to live is over at `wallMs`, or will be within `skewMs`. */
export function isExpired(row: Row | undefined, wallMs: number, skewMs = 0): boolean {
  return (
    row !== undefined &&
    row.value !== null &&
    row.expiresAtMs !== undefined &&
    wallMs + skewMs >= row.expiresAtMs
  );
}

/**
 * At the active primary: if the newest value of the key is over its time, appends its removal. Gives the newest then, as
 * `newestRow`.
 */
export function expireIfDue(
  core: Core,
  partition: Partition,
  key: string,
  withValue = true,
): Row | Damaged | undefined {
  const row = newestRow(core, partition, key, withValue);
  // A damaged row comes back to the sweep when it is mended.
  if (row === DAMAGED || !isExpired(row, core.wallMs) || isFull(core, partition)) return row;
  appendOwn(core, partition, key, { kind: 'delete' });
  return newestRow(core, partition, key);
}

/**
 * At the active primary: calls `answer` once the removals of those of `keys` whose time is over are committed, unless
 * its epoch is over by then: whoever still asks in it was left out, and must not be told that it goes on (R4). Nor if one
 * of them is damaged here: who knows whether its time is over; the question is asked again.
 */
export function afterExpiry(
  core: Core,
  partition: Partition,
  keys: readonly string[],
  answer: () => void,
): void {
  let last = 0;
  for (const key of keys) {
    const row = find(core, partition, key, false);
    if (row === DAMAGED) return;
    if (!isExpired(row, core.wallMs)) continue;
    expireIfDue(core, partition, key);
    last = Math.max(last, partition.dirty.get(key) ?? 0);
  }
  if (last === 0) {
    answer();
    return;
  }
  const { epoch } = partition;
  const committed = (): void => {
    if (partition.epoch === epoch) answer();
  };
  waitFor(partition, last, { kind: 'own', committed, dropped: () => undefined });
}

/** When time passes, at the active primary: removes keys whose time is over, a few at a time. */
export function sweepExpired(core: Core, partition: Partition): void {
  for (let i = 0; i < core.settings.maxExpiriesPerTick; i++) {
    if (isFull(core, partition)) return;
    const key = partition.rows.takeExpired(core.wallMs);
    if (key === undefined) return;
    expireIfDue(core, partition, key);
  }
}

/**
 * At the active primary: appends the end of sessions whose process the map replaced by another (D4). A process that the
 * map does not name at all may still run, and a later map may name it again: its session is kept, up to a number.
 */
export function retireSessions(core: Core, partition: Partition): void {
  const lead = leadOf(partition);
  if (lead.retiredAtVer === core.map.ver || isFull(core, partition)) return;
  lead.retiredAtVer = core.map.ver;
  const absent: SessionName[] = [];
  for (const session of partition.sessions.names()) {
    const name = parseSession(session);
    if (name === undefined || lead.retired.has(session)) continue;
    const record = core.map.peers.get(name.peer);
    if (record === undefined) absent.push(name);
    else if (record.storeId !== name.storeId) retire(core, partition, name, name.inc + 1);
    else if (record.inc > name.inc) retire(core, partition, name, record.inc);
  }
  const surplus = Math.max(0, absent.length - MAX_ABSENT_SESSIONS);
  for (const name of absent.slice(0, surplus)) retire(core, partition, name, name.inc + 1);
}

/** Nothing of the store's processes before `inc` may run here any more. */
function retire(core: Core, partition: Partition, name: SessionName, inc: Incarnation): void {
  leadOf(partition).retired.add(sessionId(name.peer, name.storeId, name.inc));
  appendOwn(core, partition, '', { kind: 'retire', ...name, inc });
}

function appendOwn(core: Core, partition: Partition, key: string, effect: Effect): void {
  const result = ownResult(partition);
  append(core, partition, { key, effect, result, request: undefined, idempotency: undefined });
}

function ownResult(partition: Partition): Result {
  return { kind: 'done', version: { epoch: partition.epoch, seq: partition.prep + 1 }, existed: true };
}

function isFull(core: Core, partition: Partition): boolean {
  return uncommitted(partition) >= core.settings.maxUncommittedEntries;
}
