/**
 * A process that writes batches until it is killed, and says which of them are done. Arguments: directory, durability, and
 * after how many changes a checkpoint begins.
 */
import { writeSync } from 'node:fs';
import type { StoreOp } from '../../peer/replication/machine.js';
import type { Durability } from '../../peer/storage/engine.js';
import { CHECKPOINT_LIMITS } from '../../peer/storage/journaled-tables.js';
import { openLmdbEngine } from '../../peer/storage/lmdb-engine.js';
import { draft } from '../unit/replication/entries.js';

const IN_FLIGHT = 16;

const [directory = '', durability = 'flush', changes] = process.argv.slice(2);
const fail = (error: unknown) => {
  throw error;
};
const engine = await openLmdbEngine({
  directory,
  clusterId: 'c',
  durability: durability as Durability,
  events: { failed: fail, damaged: fail },
  ...(changes === undefined ? {} : { checkpoints: { ...CHECKPOINT_LIMITS, changes: Number(changes) } }),
});
let next = (engine.load().partitions[0]?.marks.com ?? 0) + 1;
for (let i = 0; i < IN_FLIGHT; i++) write();

function write(): void {
  const n = next++;
  engine.write({ number: n, ops: batchOf(n) }, () => {
    writeSync(1, `${n}\n`);
    write();
  });
}

/** Every part of a batch shows its number, so that half a batch would be seen. */
function batchOf(n: number): readonly StoreOp[] {
  const entry = draft(n, `k${n}`, { request: { session: 'p/s/1', n, fi: n } });
  const value = { bytes: Buffer.alloc(n % 9_000, n), type: 't' };
  const row = { value, epoch: 1, seq: n, ts: n, expiresAtMs: undefined };
  return [
    { type: 'append', partition: 0, entries: [entry] },
    { type: 'row', partition: 0, copy: 0, key: `a${n % 50}`, row },
    { type: 'remember', partition: 0, entry },
    { type: 'row', partition: 1, copy: 0, key: `b${n % 50}`, row },
    { type: 'trim', partition: 0, base: Math.max(0, n - 40), baseChecksum: n },
    { type: 'marks', partition: 0, marks: { alignedEpoch: 1, com: n, copy: 0, staging: 0, keyCount: 0 } },
    { type: 'marks', partition: 1, marks: { alignedEpoch: 1, com: n, copy: 0, staging: 0, keyCount: 0 } },
  ];
}
