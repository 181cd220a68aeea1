/**
 * Where a key lives: key -> slot -> partition, everywhere the same.
 *
 * Slots are those of Redis Cluster (CRC16-XMODEM of the key's tag, modulo 16,384), so that cluster-aware
 * Redis clients agree with us. A partition is a run of neighbouring slots.
 * Source: the Redis Cluster specification, "Key distribution model" and "Hash tags".
 */

export const SLOT_COUNT = 16_384;

/** Partitions of a cluster; a power of two, and the same for the whole life of the cluster. */
export const PARTITION_COUNT = 256;

const OPEN = 0x7b; // {
const CLOSE = 0x7d; // }
const LAST_ASCII = 0x7f;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** The slot of a key, 0 to 16,383. A string stands for its UTF-8 bytes. */
export function slotOf(key: string | Uint8Array): number {
  return typeof key === 'string' ? slotOfText(key) : slotOfBytes(key);
}

/** Most keys are ASCII, whose characters are their bytes: no Buffer need be made of them. */
function slotOfText(key: string): number {
  let start = key.indexOf('{') + 1;
  let end = start === 0 ? -1 : key.indexOf('}', start);
  if (end <= start) {
    start = 0;
    end = key.length;
  }
  let crc = 0;
  for (let i = start; i < end; i++) {
    const unit = key.charCodeAt(i);
    if (unit > LAST_ASCII) return slotOfBytes(Buffer.from(key));
    crc = crc16Of(crc, unit);
  }
  return crc % SLOT_COUNT;
}

function slotOfBytes(bytes: Uint8Array): number {
  let start = bytes.indexOf(OPEN) + 1;
  let end = start === 0 ? -1 : bytes.indexOf(CLOSE, start);
  if (end <= start) {
    start = 0;
    end = bytes.length;
  }
  let crc = 0;
  for (let i = start; i < end; i++) crc = crc16Of(crc, bytes[i] as number);
  return crc % SLOT_COUNT;
}

/** The partition that a slot belongs to, 0 to partitionCount - 1. */
export function partitionOf(slot: number, partitionCount = PARTITION_COUNT): number {
  return Math.floor((slot * partitionCount) / SLOT_COUNT);
}

/** The partition that a key belongs to, 0 to partitionCount - 1. */
export function partitionOfKey(key: string | Uint8Array, partitionCount = PARTITION_COUNT): number {
  return partitionOf(slotOf(key), partitionCount);
}

/** The checksum with one more byte. */
function crc16Of(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ (CRC_TABLE[((crc >> 8) ^ byte) & 0xff] as number);
}
