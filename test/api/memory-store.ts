/** A whole cluster in one Map: the smallest Store that is true to its interface, and one that can be told to fail. */
import { compareBytes } from '../../common/byte-order.js';
import { partitionOfKey } from '../../common/slots.js';
import type {
  Check,
  ClusterSummary,
  Holder,
  KeyPage,
  ManyAnswer,
  Store,
  Write,
} from '../../peer/gateway/store.js';
import type { Command, Effect, Result, Value } from '../../peer/replication/commands.js';
import type { IdempotencyTag, Row } from '../../peer/replication/entry.js';
import { evaluate } from '../../peer/replication/evaluate.js';
import type { Consistency } from '../../peer/replication/messages.js';
import { idempotencyTag } from '../../peer/requests/idempotency.js';
import type { GiveUpReason, ReadAnswer, WriteAnswer } from '../../peer/requests/rim.js';

/** What each row is said to have been written at. */
export const WRITTEN_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What goes wrong with a request: it is given up, or (writes) nobody knows, or its token is too old. */
export type Fault = GiveUpReason | 'unknown' | 'idempotency-key-expired';

type LiveRow = Row & { readonly value: Value };

export class MemoryStore implements Store {
  readonly id = 'peer-1';
  readonly records = new Map<string, LiveRow>();
  /** What goes wrong with the requests for a key. */
  fault: (key: string) => Fault | undefined = () => undefined;
  /** How each read was asked for. */
  readonly consistencies: Consistency[] = [];
  /** The writes that were asked for. */
  readonly writes: Write[] = [];
  /** Whether listing fails. */
  silent = false;
  ready = true;
  /** From this key on, in a batch, the answer is full. */
  fullFrom: string | undefined;
  /** How many operations were asked for. */
  asked = 0;
  /** Iterators of `ownData` that were begun and not closed. */
  open = 0;
  readonly #tokens = new Map<string, { readonly tag: IdempotencyTag; readonly result: Result }>();
  #sequence = 0;

  /** Forgets everything but its last sequence number. */
  clear(): void {
    this.records.clear();
    this.#tokens.clear();
    this.fault = () => undefined;
    this.fullFrom = undefined;
    this.consistencies.length = 0;
    this.writes.length = 0;
    this.silent = false;
    this.ready = true;
    this.asked = 0;
  }

  partitionOf(key: string): number {
    return partitionOfKey(key);
  }

  async read(key: string, consistency: Consistency): Promise<ReadAnswer> {
    this.asked++;
    this.consistencies.push(consistency);
    const fault = this.fault(key);
    if (fault !== undefined) return { kind: 'unavailable', reason: reasonOf(fault) };
    return { kind: 'row', row: this.records.get(key) ?? null, servedBy: this.id };
  }

  readNow(key: string): ReadAnswer | undefined {
    if (this.fault(key) !== undefined) return undefined;
    const row = this.records.get(key);
    if (row === undefined) return undefined;
    this.asked++;
    this.consistencies.push('linearizable');
    return { kind: 'row', row, servedBy: this.id };
  }

  async write(write: Write): Promise<WriteAnswer> {
    this.asked++;
    this.writes.push(write);
    const fault = this.fault(write.command.key);
    if (fault === 'unknown') return { kind: 'unknown', request: 'peer-1/x/1/1' };
    if (fault === 'idempotency-key-expired') return { kind: 'conflict', reason: fault };
    if (fault !== undefined) return { kind: 'not-applied', reason: fault };
    return this.#once(write);
  }

  async readMany(keys: readonly string[]): Promise<readonly ManyAnswer[]> {
    const full = this.fullFrom === undefined ? -1 : keys.indexOf(this.fullFrom);
    const answers = keys.map(async (key, index): Promise<ManyAnswer> => {
      if (full !== -1 && index >= full) return { kind: 'answer-full' };
      const answer = await this.read(key, 'linearizable');
      return answer.kind === 'row' ? { kind: 'value', value: answer.row?.value ?? null } : answer;
    });
    return Promise.all(answers);
  }

  writeMany(writes: readonly Write[]): Promise<readonly WriteAnswer[]> {
    return Promise.all(writes.map((write) => this.write(write)));
  }

  list(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    if (this.silent) return Promise.resolve(null);
    const keys = this.#keys(prefix, after);
    return Promise.resolve({ keys: keys.slice(0, limit), more: keys.length > limit });
  }

  *ownKeys(prefix: string, after: string): Iterable<string> {
    for (const [key] of this.ownData(prefix, after)) yield key;
  }

  *ownData(prefix: string, after: string): Iterable<readonly [string, Row]> {
    this.open++;
    try {
      // By partition, as a node holds it: nothing may rely on the keys' own order.
      const rank = (key: string) => [this.partitionOf(key), key] as const;
      const keys = this.#keys(prefix, '').map(rank).sort(byPartition);
      const rest = after === '' ? keys : keys.filter((each) => byPartition(each, rank(after)) > 0);
      for (const [, key] of rest) yield [key, this.records.get(key) as Row];
    } finally {
      this.open--;
    }
  }

  holders(key: string): Promise<readonly Holder[]> {
    const row = this.records.get(key);
    const version = row === undefined ? null : { epoch: row.epoch, seq: row.seq };
    return Promise.resolve([
      { id: this.id, address: '127.0.0.1:8080', role: 'primary', status: 'up', version },
      { id: 'peer-2', address: '127.0.0.1:8081', role: 'replica', status: 'up', version },
      { id: 'peer-3', address: '127.0.0.1:8082', role: 'joining', status: 'up', version: null },
    ]);
  }

  cluster(): ClusterSummary {
    return { cluster: 'test', epoch: 1, orchestrator: 'http://127.0.0.1:8079', nodes: [] };
  }

  readiness(): readonly Check[] {
    return [{ name: 'map', ok: this.ready, detail: this.ready ? 'version 1' : 'no map yet' }];
  }

  /** Judges a write as a primary does, but one that came before with the same token. */
  #once({ command, token }: Write): WriteAnswer {
    const tag = token === undefined ? undefined : idempotencyTag(token, command);
    const before = tag === undefined ? undefined : this.#tokens.get(tag.token);
    if (before !== undefined && before.tag.fingerprint !== tag?.fingerprint) {
      return { kind: 'conflict', reason: 'idempotency-key-reused' };
    }
    const result = before?.result ?? this.#judge(command);
    if (tag !== undefined) this.#tokens.set(tag.token, { tag, result });
    return { kind: 'result', result, servedBy: this.id };
  }

  #judge(command: Command): Result {
    const version = { epoch: 1, seq: ++this.#sequence };
    const { effect, result } = evaluate(command, this.records.get(command.key), version, WRITTEN_MS);
    this.#apply(command.key, effect);
    return result;
  }

  #apply(key: string, effect: Effect): void {
    if (effect.kind === 'delete') this.records.delete(key);
    if (effect.kind !== 'put') return;
    const { value, expiresAtMs } = effect;
    this.records.set(key, { value, epoch: 1, seq: this.#sequence, ts: WRITTEN_MS, expiresAtMs });
  }

  #keys(prefix: string, after: string): string[] {
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix));
    return keys.filter((key) => after === '' || compareBytes(key, after) > 0).sort(compareBytes);
  }
}

function reasonOf(fault: Fault): GiveUpReason {
  if (fault === 'unknown' || fault === 'idempotency-key-expired')
    throw new Error(`no read ends with ${fault}`);
  return fault;
}

function byPartition(a: readonly [number, string], b: readonly [number, string]): number {
  return a[0] - b[0] || compareBytes(a[1], b[1]);
}
