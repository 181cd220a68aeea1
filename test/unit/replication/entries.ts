/** Entries for tests: a chain of puts, and single ones. */
import { chainedChecksum, FIRST_CHECKSUM } from '../../../peer/replication/checksum.js';
import type { Change } from '../../../peer/replication/commands.js';
import type { Entry } from '../../../peer/replication/entry.js';

/** A put of `key` at `seq`, with a checksum that fits nothing. */
export function draft(seq: number, key = `k${seq}`, rest: Partial<Entry> = {}): Entry {
  return {
    seq,
    epoch: 1,
    ts: seq,
    key,
    effect: { kind: 'put', value: { bytes: Buffer.from(`v${seq}`), type: 't' } },
    result: { kind: 'done', version: { epoch: 1, seq }, existed: false },
    request: undefined,
    idempotency: undefined,
    checksum: 0,
    ...rest,
  };
}

/** Entries 1 to `count`, chained from the beginning. */
export function chain(count: number): Entry[] {
  const entries: Entry[] = [];
  let sum = FIRST_CHECKSUM;
  for (let seq = 1; seq <= count; seq++) {
    const body = draft(seq);
    sum = chainedChecksum(sum, body);
    entries.push({ ...body, checksum: sum });
  }
  return entries;
}

/** What is special of the entry of a transaction. */
export function several(...changes: readonly Change[]): Pick<Entry, 'key' | 'effect'> {
  return {
    key: '',
    effect: { kind: 'several', changes: new Map(changes.map((change) => [change.key, change])) },
  };
}
