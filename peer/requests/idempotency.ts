/**
 * What goes with a client's Idempotency-Key (D6).
 *
 * Keeps true: the same command gives the same fingerprint in every process, and everything that a command does is
 * in it; so a key that comes again with another request is noticed, whatever gateway it comes through.
 */
import { fingerprint } from '../replication/checksum.js';
import type { Command, Condition, Expire, Put } from '../replication/commands.js';
import type { IdempotencyTag } from '../replication/entry.js';

/** The tag of a command that came with an Idempotency-Key. */
export function idempotencyTag(token: string, command: Command): IdempotencyTag {
  return { token, fingerprint: fingerprint([command.kind, command.key, ...partsOf(command)]) };
}

function partsOf(command: Command): (string | Uint8Array)[] {
  const condition = conditionParts(command.condition);
  switch (command.kind) {
    case 'put':
      return [command.value.type, command.value.bytes, ...expiryParts(command), ...condition];
    case 'delete':
      return condition;
    case 'expire':
      return [...expiryParts(command), ...condition];
    case 'increment':
      return [String(command.by), ...condition];
    case 'append':
      return [command.type, command.bytes, ...condition];
  }
}

/** A moment is told apart from a span of the same number. */
function expiryParts({ ttlMs, expiresAtMs }: Put | Expire): string[] {
  return expiresAtMs === undefined ? [String(ttlMs ?? '')] : ['at', String(expiresAtMs)];
}

function conditionParts(condition: Condition | undefined): (string | Uint8Array)[] {
  if (!condition) return [];
  switch (condition.kind) {
    case 'absent':
    case 'present':
      return [condition.kind];
    case 'version':
      return [condition.kind, `${condition.version.epoch}/${condition.version.seq}`];
    case 'value':
      return [condition.kind, condition.bytes];
  }
}
