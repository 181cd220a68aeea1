/**
 * The chained checksum of a log: two replicas with the same checksum at a position hold the same history to it.
 *
 * Kept true: everything of an entry that a replica acts upon is in its checksum. CRC-32 finds faults, not
 * forgers; peers are authenticated (section 3).
 */

import { crc32 } from 'node:zlib';
import type { Result } from './commands.js';
import type { Entry } from './entry.js';

/** The checksum before the first entry of a partition. */
export const FIRST_CHECKSUM = 0;

/** The checksum of an entry that follows one with checksum `before`; unsigned 32 bits. */
export function chainedChecksum(before: number, entry: Omit<Entry, 'checksum'>): number {
  const { request, idempotency, effect } = entry;
  const who = request === undefined ? '' : `${request.session}\n${request.n}\n${request.fi}`;
  const token = idempotency === undefined ? '' : `${idempotency.token}\n${idempotency.fingerprint}`;
  const text = `${entry.seq}\n${entry.epoch}\n${entry.ts}\n${who}\n${token}\n${describe(entry.result)}\n${effect.kind}\n${entry.key}`;
  switch (effect.kind) {
    case 'put': {
      const { value, expiresAtMs } = effect;
      return crc32(value.bytes, crc32(`${text}\n${expiresAtMs ?? ''}\n${value.type}\n`, before));
    }
    case 'retire':
      return crc32(`${text}\n${effect.peer}\n${effect.storeId}\n${effect.inc}`, before);
    case 'delete':
    case 'none':
      return crc32(text, before);
  }
}

/** The same command gives the same fingerprint; see IdempotencyTag. Unsigned 32 bits. */
export function fingerprint(parts: readonly (string | Uint8Array)[]): number {
  let sum = 0;
  for (const part of parts) sum = crc32(part, crc32(`${part.length}\n`, sum));
  return sum;
}

function describe(result: Result): string {
  if (result.kind === 'failed') {
    const at = result.actual === null ? '' : `${result.actual.epoch}/${result.actual.seq}`;
    return `failed ${result.reason} ${at}`;
  }
  return `done ${result.existed} ${result.number ?? ''} ${result.length ?? ''}`;
}
