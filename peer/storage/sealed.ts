/**
 * Records with a checksum over key and content.
 *
 * Kept true: a record that was changed, cut short or put under another key does not open. CRC-32 finds faults of
 * disks and memory, not forgers.
 */

import { crc32 } from 'node:zlib';

/** Bytes of the checksum before the content. */
export const SEAL_BYTES = 4;

/** Seals a record whose content begins after SEAL_BYTES unused bytes; changes and returns it. */
export function seal(key: Uint8Array, record: Buffer): Buffer {
  record.writeUInt32BE(crc32(record.subarray(SEAL_BYTES), crc32(key)), 0);
  return record;
}

/** A sealed record with this content. */
export function sealed(key: Uint8Array, content: Uint8Array): Buffer {
  const record = Buffer.allocUnsafeSlow(SEAL_BYTES + content.length);
  record.set(content, SEAL_BYTES);
  return seal(key, record);
}

/** Whether the record is what was sealed under this key. */
export function isSound(key: Uint8Array, record: Buffer): boolean {
  return (
    record.length > SEAL_BYTES && record.readUInt32BE(0) === crc32(record.subarray(SEAL_BYTES), crc32(key))
  );
}
