/** Between the words of the checker and those of the core. */
import { changeOf, mapVersion, termOf } from '../../common/configuration.js';
import type {
  Change,
  Command,
  Condition,
  Result,
  SeenVersion,
  Transaction,
  Value,
  Version,
} from '../../peer/replication/commands.js';
import type { Row } from '../../peer/replication/entry.js';
import { Violation } from './checks.js';
import type { Outcome, Requirement, Write } from './linearizability.js';
import type { Part } from './transactions.js';
import type { Asked } from './workload.js';

const POSITIONS = 2 ** 20;
const CHANGES = 2 ** 16;
const TYPE = 'text/plain';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A version as one number that sorts alike. */
export function packVersion({ epoch, seq }: Version): number {
  if (seq >= POSITIONS || changeOf(epoch) >= CHANGES) throw new Error(`version too large: ${epoch}/${seq}`);
  return (termOf(epoch) * CHANGES + changeOf(epoch)) * POSITIONS + seq;
}

/** The reverse of `packVersion`. */
export function unpackVersion(packed: number): Version {
  const epoch = Math.floor(packed / POSITIONS);
  return { epoch: mapVersion(Math.floor(epoch / CHANGES), epoch % CHANGES), seq: packed % POSITIONS };
}

/** The command that a gateway is given for a write. */
export function commandOf({ key, call, ttlMs }: Asked): Command {
  if (call.op === 'get') throw new Error('a read is no command');
  const write: Write = call;
  const condition = write.condition === undefined ? {} : { condition: conditionOf(write.condition) };
  switch (write.op) {
    case 'put': {
      const ttl = ttlMs === undefined ? {} : { ttlMs };
      return { kind: 'put', key, value: textValue(write.value), ...ttl, ...condition };
    }
    case 'delete':
      return { kind: 'delete', key, ...condition };
    case 'expire':
      return { kind: 'expire', key, ttlMs, ...condition };
    case 'increment':
      return { kind: 'increment', key, by: BigInt(write.by), ...condition };
    case 'append':
      return { kind: 'append', key, bytes: encoder.encode(write.suffix), type: TYPE, ...condition };
  }
}

/** The transaction that a gateway is given, by whose wall clock its keys expire. */
export function transactionOf(parts: readonly Part[], wallMs: number): Transaction {
  const reads = parts.flatMap(({ key, call }) =>
    call.condition === undefined ? [] : [seenOf(key, call.condition)],
  );
  const changes = parts.map(({ key, call, ttlMs }): Change => {
    if (call.op === 'delete') return { kind: 'delete', key };
    if (call.op !== 'put') throw new Error(`no transaction does ${call.op}`);
    const expiry = ttlMs === undefined ? {} : { expiresAtMs: wallMs + ttlMs };
    return { kind: 'put', key, value: textValue(call.value), ...expiry };
  });
  return { kind: 'transaction', reads, changes };
}

function seenOf(key: string, requirement: Requirement): SeenVersion {
  if (requirement.kind === 'version') return { key, version: unpackVersion(requirement.version) };
  if (requirement.kind !== 'absent') throw new Error(`no transaction asks for ${requirement.kind}`);
  return { key, version: null };
}

/** What the result of a transaction tells a client. TORN: some keys of a group were there, and others not. */
export function outcomeOfTransaction({ key, group }: Asked, result: Result): Outcome {
  if (result.kind === 'failed') return outcomeOf(result);
  const { version, existed, number } = result;
  if (group !== undefined && number !== 0n && number !== BigInt(group.length)) {
    throw new Violation(`TORN: ${number} of ${group.length} keys of ${key} were there`);
  }
  return { version: packVersion(version), found: existed };
}

/** What a result tells a client. */
export function outcomeOf(result: Result): Outcome {
  if (result.kind === 'failed') {
    const { reason, actual } = result;
    if (reason !== 'condition' && reason !== 'not-found' && reason !== 'not-an-integer') {
      throw new Error(`the workload cannot cause ${reason}`);
    }
    return { failed: reason, version: actual === null ? null : packVersion(actual) };
  }
  return {
    version: packVersion(result.version),
    found: result.existed,
    ...(result.number === undefined ? {} : { value: String(result.number) }),
    ...(result.length === undefined ? {} : { length: result.length }),
  };
}

/** What a read tells a client. */
export function outcomeOfRow(row: Row | null): Outcome {
  if (row?.value === undefined || row.value === null) return { value: null, version: null };
  return { value: decoder.decode(row.value.bytes), version: packVersion(row) };
}

function conditionOf(requirement: Requirement): Condition {
  if (requirement.kind === 'version') {
    return { kind: 'version', version: unpackVersion(requirement.version) };
  }
  if (requirement.kind === 'value') return { kind: 'value', bytes: encoder.encode(requirement.value) };
  return { kind: requirement.kind };
}

function textValue(text: string): Value {
  return { bytes: encoder.encode(text), type: TYPE };
}
