/**
 * Frames <-> bytes, by `peer.proto`.
 *
 * Invariants: what is decoded has the types that `messages.ts` says, whatever the bytes were, or decoding throws;
 * values that are to be kept (of puts and of fetched entries) hold no more memory than a little over their own size.
 * Keys are well-formed Unicode: a lone surrogate would not come back.
 */
import { existsSync, readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import type { Operation, StoredRecord, Version } from '../../common/records.js';
import { viewSchema } from '../../common/view.js';
import type { Frame, NoReplyReason } from './frames.js';
import type { ForwardedOutcome, PeerReply, PeerRequest } from './messages.js';
import type * as Wire from './wire.js';

// tsc copies no .proto: what runs from dist/peer/transport reads the one beside the sources.
const besideThis = new URL('./peer.proto', import.meta.url);
const besideSources = new URL('../../../peer/transport/peer.proto', import.meta.url);
const proto = readFileSync(existsSync(besideThis) ? besideThis : besideSources, 'utf8');
const batchType = protobuf.parse(proto).root.lookupType('covey.peer.v1.Batch');

const REFUSED = { behind: 1, 'not-held': 2 } as const;
const NO_REPLY: Record<NoReplyReason, number> = { overloaded: 1, closing: 2, failed: 3 };
const NO_REPLY_REASONS: readonly (NoReplyReason | undefined)[] = [
  undefined,
  'overloaded',
  'closing',
  'failed',
];
const EMPTY = Buffer.alloc(0);

/** The bytes of one batch. */
export function encodeBatch(frames: readonly Frame[]): Buffer {
  const batch: Wire.Batch = { frames: frames.map(toWire) };
  return batchType.encode(batch).finish() as Buffer;
}

/** The frames of one batch. Throws an Error if the bytes are not what a peer sends. */
export function decodeBatch(bytes: Buffer): Frame[] {
  const batch = batchType.decode(bytes) as unknown as Wire.Batch;
  return batch.frames.map((frame) => fromWire(frame, bytes.length));
}

function toWire(frame: Frame): Wire.Frame {
  switch (frame.kind) {
    case 'request':
      return requestToWire(frame.id, frame.request);
    case 'reply':
      return replyToWire(frame.id, frame.reply);
    case 'no-reply':
      return { id: frame.id, noReply: { reason: NO_REPLY[frame.reason] } };
  }
}

function requestToWire(id: number, request: PeerRequest): Wire.Frame {
  switch (request.type) {
    case 'execute':
      return { id, execute: { epoch: request.epoch, operations: request.operations.map(operationToWire) } };
    case 'list':
      return { id, list: request };
    case 'fetch':
      return { id, fetch: request };
    case 'release':
      return { id, release: request };
    case 'view':
      return { id, getView: request };
  }
}

function operationToWire(operation: Operation): Wire.Operation {
  switch (operation.type) {
    case 'get':
      return { get: operation.key };
    case 'put': {
      const { bytes, contentType, encoding } = operation.value;
      return { put: { key: operation.key, value: bytes, contentType, encoding } };
    }
    case 'delete':
      return { delete: operation.key };
  }
}

function replyToWire(id: number, reply: PeerReply): Wire.Frame {
  const { epoch } = reply;
  switch (reply.type) {
    case 'executed':
      return { id, executed: { epoch, outcomes: reply.outcomes.map(outcomeToWire) } };
    case 'listed':
      return { id, listed: reply };
    case 'fetched': {
      const entries = reply.entries.map(([key, record]) => ({ key, record: recordToWire(record) }));
      return { id, fetched: { epoch, entries, cursor: reply.cursor, sequence: reply.sequence } };
    }
    case 'released':
      return { id, released: { epoch } };
    case 'refused':
      return { id, refused: { epoch, reason: REFUSED[reply.reason] } };
    case 'view':
      return {
        id,
        viewIs: { epoch, viewJson: reply.view ? Buffer.from(JSON.stringify(reply.view)) : EMPTY },
      };
  }
}

function outcomeToWire(outcome: ForwardedOutcome): Wire.Outcome {
  switch (outcome.type) {
    case 'found':
      return { found: recordToWire(outcome.record) };
    case 'absent':
      return { absent: true };
    case 'written': {
      const { epoch, sequence } = outcome.version;
      return { written: { epoch, sequence, created: outcome.created } };
    }
    case 'deleted':
      return { deleted: true };
    case 'failed':
      return { failed: { maybeApplied: outcome.applied === 'unknown', detail: outcome.detail } };
    case 'not-owner':
      return { notOwner: true };
  }
}

function recordToWire(record: StoredRecord): Wire.StoredRecord {
  const { bytes, contentType, encoding, version, modifiedMs } = record;
  return {
    value: bytes,
    contentType,
    encoding,
    epoch: version.epoch,
    sequence: version.sequence,
    modifiedMs,
  };
}

/** The hot ones first: a frame has one body, found by looking. */
function fromWire(frame: Wire.Frame, batchBytes: number): Frame {
  const { id } = frame;
  if (frame.execute) {
    const operations = frame.execute.operations.map((each) => operationFromWire(each, batchBytes));
    return {
      kind: 'request',
      id,
      request: { type: 'execute', epoch: whole(frame.execute.epoch), operations },
    };
  }
  if (frame.executed) {
    const outcomes = frame.executed.outcomes.map(outcomeFromWire);
    return { kind: 'reply', id, reply: { type: 'executed', epoch: whole(frame.executed.epoch), outcomes } };
  }
  const request = requestFromWire(frame);
  if (request) return { kind: 'request', id, request };
  const reply = replyFromWire(frame, batchBytes);
  if (reply) return { kind: 'reply', id, reply };
  const reason = frame.noReply && NO_REPLY_REASONS[frame.noReply.reason];
  if (reason) return { kind: 'no-reply', id, reason };
  throw new Error('a frame without a body that is known here');
}

function requestFromWire({ list, fetch, release, getView }: Wire.Frame): PeerRequest | undefined {
  if (list) {
    const { partitions, prefix, after, limit } = list;
    return { type: 'list', epoch: whole(list.epoch), partitions, prefix, after, limit };
  }
  if (fetch) {
    return { type: 'fetch', epoch: whole(fetch.epoch), partition: fetch.partition, cursor: fetch.cursor };
  }
  if (release) return { type: 'release', epoch: whole(release.epoch), partition: release.partition };
  if (getView) return { type: 'view', epoch: whole(getView.epoch) };
  return undefined;
}

function operationFromWire(operation: Wire.Operation, batchBytes: number): Operation {
  const { put } = operation;
  if (put) {
    const { key, contentType, encoding } = put;
    return { type: 'put', key, value: { bytes: kept(put.value, batchBytes), contentType, encoding } };
  }
  // A member of a oneof that was not sent has its default on the prototype only.
  if (Object.hasOwn(operation, 'get')) return { type: 'get', key: operation.get as string };
  if (Object.hasOwn(operation, 'delete')) return { type: 'delete', key: operation.delete as string };
  throw new Error('an operation without a body that is known here');
}

function replyFromWire(frame: Wire.Frame, batchBytes: number): PeerReply | undefined {
  const { listed, fetched, released, refused, viewIs } = frame;
  if (listed) {
    return { type: 'listed', epoch: whole(listed.epoch), keys: listed.keys, notOwned: listed.notOwned };
  }
  if (fetched) {
    const entries = fetched.entries.map(({ key, record }): [string, StoredRecord] => {
      if (!record) throw new Error('an entry without a record');
      return [key, recordFromWire(record, kept(record.value, batchBytes))];
    });
    const { cursor } = fetched;
    return {
      type: 'fetched',
      epoch: whole(fetched.epoch),
      entries,
      cursor,
      sequence: whole(fetched.sequence),
    };
  }
  if (released) return { type: 'released', epoch: whole(released.epoch) };
  if (refused) {
    if (refused.reason !== REFUSED.behind && refused.reason !== REFUSED['not-held']) {
      throw new Error('a refusal for a reason that is not known here');
    }
    const reason = refused.reason === REFUSED.behind ? 'behind' : 'not-held';
    return { type: 'refused', epoch: whole(refused.epoch), reason };
  }
  if (viewIs) {
    const json = Buffer.from(viewIs.viewJson).toString();
    const view = json === '' ? null : viewSchema.parse(JSON.parse(json));
    return { type: 'view', epoch: whole(viewIs.epoch), view };
  }
  return undefined;
}

function outcomeFromWire(outcome: Wire.Outcome): ForwardedOutcome {
  const { found, written, failed } = outcome;
  if (found) return { type: 'found', record: recordFromWire(found, asBuffer(found.value)) };
  if (outcome.absent) return { type: 'absent' };
  if (written) return { type: 'written', version: versionFromWire(written), created: written.created };
  if (outcome.deleted) return { type: 'deleted' };
  if (failed) {
    return {
      type: 'failed',
      applied: failed.maybeApplied ? 'unknown' : 'not-applied',
      detail: failed.detail,
    };
  }
  if (outcome.notOwner) return { type: 'not-owner' };
  throw new Error('an outcome without a body that is known here');
}

function recordFromWire(record: Wire.StoredRecord, bytes: Buffer): StoredRecord {
  const { contentType, encoding } = record;
  return {
    bytes,
    contentType,
    encoding,
    version: versionFromWire(record),
    modifiedMs: whole(record.modifiedMs),
  };
}

function versionFromWire(wire: { readonly epoch: Wire.Uint64; readonly sequence: Wire.Uint64 }): Version {
  return { epoch: whole(wire.epoch), sequence: whole(wire.sequence) };
}

function whole(value: Wire.Uint64): number {
  if (typeof value === 'number') return value;
  const number = (value.high >>> 0) * 0x1_0000_0000 + (value.low >>> 0);
  if (number > Number.MAX_SAFE_INTEGER) throw new Error('a number of 2^53 or more');
  return number;
}

/** A decoded value is a window on its batch: kept as such, a small value would keep the whole batch in memory. */
function kept(value: Uint8Array, batchBytes: number): Buffer {
  return value.length * 2 < batchBytes ? Buffer.from(value) : asBuffer(value);
}

/** What was not sent is protobufjs's own empty value, which need not be a Buffer. */
function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value);
}
