/**
 * Entries of the log as bytes.
 *
 * Kept true: every field of an entry reads back equal, because its chained checksum covers them. The first byte
 * names the format. A decoded entry shares the bytes of its record.
 */

import type { Change, Effect, FailureReason, Result } from '../replication/commands.js';
import type { Entry } from '../replication/entry.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { readType, writeType } from './type-codec.js';

const FORMAT = 1;

/** Flags of the second byte. */
const REQUEST = 1;
const IDEMPOTENCY = 2;
const FAILED = 4;
const EXISTED = 8;
const NUMBER = 16;
const LENGTH = 32;
/** Done: the result's version is the entry's own. Failed: the key was there. */
const VERSION = 64;
const EXPIRES = 128;

/** Part of the format: new ones go to the end. */
const EFFECTS: readonly Effect['kind'][] = ['none', 'put', 'delete', 'retire', 'several'];
const REASONS: readonly FailureReason[] = [
  'condition',
  'not-found',
  'not-an-integer',
  'overflow',
  'too-large',
];

const writer = new ByteWriter();

/** The bytes of an entry, with `room` unused bytes before them. */
export function encodeEntry(entry: Entry, room: number): Buffer {
  const { request, idempotency, effect } = entry;
  writer.byte((FORMAT << 4) | EFFECTS.indexOf(effect.kind));
  writer.byte(flagsOf(entry));
  writer.number(entry.seq);
  writer.number(entry.epoch);
  writer.number(entry.ts);
  writer.word(entry.checksum);
  writer.text(entry.key);
  if (request !== undefined) {
    writer.text(request.session);
    writer.number(request.n);
    writer.number(request.fi);
  }
  if (idempotency !== undefined) {
    writer.text(idempotency.token);
    writer.word(idempotency.fingerprint);
  }
  writeResult(entry);
  writeEffect(effect);
  return writer.take(room);
}

/** The entry whose bytes begin at `from`. Throws RangeError for bytes that are none. */
export function decodeEntry(record: Buffer, from: number): Entry {
  const reader = new ByteReader(record, from);
  const head = reader.byte();
  if (head >> 4 !== FORMAT) throw new RangeError(`entries of format ${head >> 4} are unknown`);
  const flags = reader.byte();
  const seq = reader.number();
  const epoch = reader.number();
  const ts = reader.number();
  const checksum = reader.word();
  const key = reader.text();
  const request =
    (flags & REQUEST) === 0 ? undefined : { session: reader.text(), n: reader.number(), fi: reader.number() };
  const idempotency =
    (flags & IDEMPOTENCY) === 0 ? undefined : { token: reader.text(), fingerprint: reader.word() };
  const result = readResult(reader, flags, epoch, seq);
  const effect = readEffect(reader, EFFECTS[head & 15], flags);
  return { seq, epoch, ts, key, effect, result, request, idempotency, checksum };
}

function flagsOf(entry: Entry): number {
  const { result, effect } = entry;
  let flags =
    (entry.request === undefined ? 0 : REQUEST) | (entry.idempotency === undefined ? 0 : IDEMPOTENCY);
  if (effect.kind === 'put' && effect.expiresAtMs !== undefined) flags |= EXPIRES;
  if (result.kind === 'failed') return flags | FAILED | (result.actual === null ? 0 : VERSION);
  if (result.existed) flags |= EXISTED;
  if (result.number !== undefined) flags |= NUMBER;
  if (result.length !== undefined) flags |= LENGTH;
  return isOwnVersion(entry) ? flags | VERSION : flags;
}

function isOwnVersion({ result, epoch, seq }: Entry): boolean {
  return result.kind === 'done' && result.version.epoch === epoch && result.version.seq === seq;
}

function writeResult(entry: Entry): void {
  const { result } = entry;
  if (result.kind === 'failed') {
    writer.byte(REASONS.indexOf(result.reason));
    if (result.actual === null) return;
    writer.number(result.actual.epoch);
    writer.number(result.actual.seq);
    return;
  }
  if (!isOwnVersion(entry)) {
    writer.number(result.version.epoch);
    writer.number(result.version.seq);
  }
  if (result.number !== undefined) writer.text(`${result.number}`);
  if (result.length !== undefined) writer.number(result.length);
}

function readResult(reader: ByteReader, flags: number, epoch: number, seq: number): Result {
  if ((flags & FAILED) !== 0) {
    const reason = REASONS[reader.byte()];
    if (reason === undefined) throw new RangeError('unknown reason of a failure');
    const actual = (flags & VERSION) === 0 ? null : { epoch: reader.number(), seq: reader.number() };
    return { kind: 'failed', reason, actual };
  }
  const version = (flags & VERSION) !== 0 ? { epoch, seq } : { epoch: reader.number(), seq: reader.number() };
  const number = (flags & NUMBER) === 0 ? {} : { number: BigInt(reader.text()) };
  const length = (flags & LENGTH) === 0 ? {} : { length: reader.number() };
  return { kind: 'done', version, existed: (flags & EXISTED) !== 0, ...number, ...length };
}

function writeEffect(effect: Effect): void {
  if (effect.kind === 'put') {
    if (effect.expiresAtMs !== undefined) writer.number(effect.expiresAtMs);
    writeType(writer, effect.value.type);
    writer.rest(effect.value.bytes);
  } else if (effect.kind === 'retire') {
    writer.text(effect.peer);
    writer.text(effect.storeId);
    writer.number(effect.inc);
  } else if (effect.kind === 'several') {
    writer.number(effect.changes.size);
    for (const change of effect.changes.values()) writeChange(change);
  }
}

/** A change of a transaction: its kind is 0 for a delete, 1 for a put, 2 for a put that expires. */
function writeChange(change: Change): void {
  writer.text(change.key);
  if (change.kind === 'delete') {
    writer.byte(0);
    return;
  }
  const { value, expiresAtMs } = change;
  writer.byte(expiresAtMs === undefined ? 1 : 2);
  if (expiresAtMs !== undefined) writer.number(expiresAtMs);
  writeType(writer, value.type);
  writer.bytes(value.bytes);
}

function readChange(reader: ByteReader): Change {
  const key = reader.text();
  const kind = reader.byte();
  if (kind === 0) return { kind: 'delete', key };
  if (kind > 2) throw new RangeError('unknown change of a key');
  const expiry = kind === 1 ? {} : { expiresAtMs: reader.number() };
  const type = readType(reader);
  return { kind: 'put', key, value: { bytes: reader.bytes(), type }, ...expiry };
}

function readChanges(reader: ByteReader): ReadonlyMap<string, Change> {
  const changes = new Map<string, Change>();
  for (let left = reader.number(); left > 0; left--) {
    const change = readChange(reader);
    changes.set(change.key, change);
  }
  return changes;
}

function readEffect(reader: ByteReader, kind: Effect['kind'] | undefined, flags: number): Effect {
  switch (kind) {
    case 'put': {
      const expiry = (flags & EXPIRES) === 0 ? {} : { expiresAtMs: reader.number() };
      const type = readType(reader);
      return { kind, value: { bytes: reader.rest(), type }, ...expiry };
    }
    case 'retire':
      return { kind, peer: reader.text(), storeId: reader.text(), inc: reader.number() };
    case 'several':
      return { kind, changes: readChanges(reader) };
    case 'delete':
    case 'none':
      return { kind };
    case undefined:
      throw new RangeError('unknown effect');
  }
}
