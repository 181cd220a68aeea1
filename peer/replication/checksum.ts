/**
 * The chained checksum of a log: two replicas with the same checksum at a position hold the same history to it.
 *
 * Kept true: everything of an entry that a replica acts upon is in its checksum. CRC-32 finds faults, not
 * forgers; peers are authenticated (section 3).
 */

import { crc32 } from 'node:zlib';
import type { Change, KeyEffect, Result } from './commands.js';
import type { Entry } from './entry.js';

/** The checksum before the first entry of a partition. */
export const FIRST_CHECKSUM = 0;

/** The checksum of an entry that follows one with checksum `before`; unsigned 32 bits. */
export function chainedChecksum(before: number, entry: Omit<Entry, 'checksum'>): number {
  const { request, idempotency, effect } = entry;
  const who = request === undefined ? '' : `${request.session}\n${request.n}\n${request.fi}`;
  const token = idempotency === undefined ? '' : `${idempotency.token}\n${idempotency.fingerprint}`;
  const head = `${entry.seq}\n${entry.epoch}\n${entry.ts}\n${who}\n${token}\n${describe(entry.result)}\n${effect.kind}\n`;
  const text = head + entry.key;
  switch (effect.kind) {
    case 'put':
    case 'delete':
      return changed(text, effect, before);
    case 'several':
      return changedAll(effect.changes, crc32(text, before));
    case 'retire':
      return crc32(`${text}\n${effect.peer}\n${effect.storeId}\n${effect.inc}`, before);
    case 'none':
      return crc32(text, before);
  }
}

/** Of the text and the change behind it: texts in a row are one, as each call costs more than what it reads. */
function changed(text: string, change: KeyEffect, before: number): number {
  if (change.kind === 'delete') return crc32(text, before);
  const { value, expiresAtMs } = change;
  return crcOf(value.bytes, crc32(`${text}\n${expiresAtMs ?? ''}\n${value.type}\n`, before));
}

/** Each change tells its lengths: where one ends and the next begins is a part of what is checked. */
function changedAll(changes: ReadonlyMap<string, Change>, before: number): number {
  let sum = crc32(`\n${changes.size}`, before);
  for (const [key, change] of changes) {
    const length = change.kind === 'put' ? change.value.bytes.length : '';
    sum = changed(`\n${change.kind}\n${key.length}\n${length}\n${key}`, change, sum);
  }
  return sum;
}

/** The same command gives the same fingerprint; see IdempotencyTag. Unsigned 32 bits. */
export function fingerprint(parts: readonly (string | Uint8Array)[]): number {
  let sum = 0;
  for (const part of parts) sum = crcOf(part, crc32(`${part.length}\n`, sum));
  return sum;
}

/** Node gives 0 for no bytes once anybody has looked at their `buffer`, and what came before if nobody has. */
function crcOf(data: string | Uint8Array, before: number): number {
  return data.length === 0 ? before : crc32(data, before);
}

function describe(result: Result): string {
  if (result.kind === 'failed') {
    const at = result.actual === null ? '' : `${result.actual.epoch}/${result.actual.seq}`;
    return `failed ${result.reason} ${at}`;
  }
  return `done ${result.existed} ${result.number ?? ''} ${result.length ?? ''}`;
}
