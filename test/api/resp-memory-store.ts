/**
 * A whole cluster in one Map, for the Redis lane: the smallest RespStore that is true to its interface. Commands are judged
 * by the core's own `evaluate`. It answers at once or later, and can be told to fail.
 */
import { compareBytes } from '../../common/byte-order.js';
import type { ClusterMap } from '../../common/configuration.js';
import { PARTITION_COUNT, partitionOfKey } from '../../common/slots.js';
import type { KeyPage } from '../../peer/gateway/store.js';
import type { Command, Transaction, Version } from '../../peer/replication/commands.js';
import type { Row } from '../../peer/replication/entry.js';
import { evaluate, evaluateTransaction, isTooLarge } from '../../peer/replication/evaluate.js';
import type { ReadAnswer, WriteAnswer } from '../../peer/requests/rim.js';
import type { RespCluster, RespStore, TransactionAnswer } from '../../peer/resp/store.js';

export class RespMemoryStore implements RespStore {
  readonly rows = new Map<string, Row>();
  /** Answers instead of the store, where they return something. */
  readFault: (key: string) => ReadAnswer | undefined = () => undefined;
  writeFault: (command: Command) => WriteAnswer | undefined = () => undefined;
  transactFault: () => TransactionAnswer | undefined = () => undefined;
  /** Runs between a read and what follows it: another client, so to speak. */
  afterRead: (key: string) => void = () => undefined;
  /** Whether listing fails. */
  silent = false;
  #sequence = 0;

  constructor(
    readonly nowMs: () => number,
    /** How answers come; undefined: before the call returns. */
    private readonly later: ((answer: () => void) => void) | undefined = undefined,
  ) {}

  partitionOf(key: string): number {
    return partitionOfKey(key);
  }

  readNow(key: string): ReadAnswer | undefined {
    const atOnce = this.later === undefined && this.readFault(key) === undefined;
    return atOnce ? this.#rowAnswer(key) : undefined;
  }

  read(key: string, done: (answer: ReadAnswer) => void): void {
    this.#answer(
      () => this.readFault(key) ?? this.#rowAnswer(key),
      (answer) => {
        this.afterRead(key);
        done(answer);
      },
    );
  }

  write(command: Command, done: (answer: WriteAnswer) => void): void {
    this.#answer(() => this.writeFault(command) ?? this.#judge(command), done);
  }

  transact(partition: number, transaction: Transaction, done: (answer: TransactionAnswer) => void): void {
    this.#answer(() => this.transactFault() ?? this.#commit(partition, transaction), done);
  }

  keysOf(partition: number, after: string, limit: number): Promise<KeyPage | null> {
    if (this.silent) return Promise.resolve(null);
    const keys = this.#live().filter((key) => this.partitionOf(key) === partition);
    const rest = keys.filter((key) => after === '' || compareBytes(key, after) > 0).sort(compareBytes);
    return Promise.resolve({ keys: rest.slice(0, limit), more: rest.length > limit });
  }

  count(): Promise<number | null> {
    return Promise.resolve(this.silent ? null : this.#live().length);
  }

  /** The live row of a key. */
  row(key: string): Row | null {
    const row = this.rows.get(key);
    const expired = row?.expiresAtMs !== undefined && row.expiresAtMs <= this.nowMs();
    return row === undefined || row.value === null || expired ? null : row;
  }

  #answer<Answer>(make: () => Answer, done: (answer: Answer) => void): void {
    if (this.later === undefined) done(make());
    else {
      // It takes effect in the order of the calls; only the answers may overtake each other.
      const answer = make();
      this.later(() => done(answer));
    }
  }

  #rowAnswer(key: string): ReadAnswer {
    return { kind: 'row', row: this.row(key), servedBy: 'peer-1' } as ReadAnswer;
  }

  #judge(command: Command): WriteAnswer {
    const version = this.#next();
    const row = this.row(command.key) ?? undefined;
    const { effect, result } = evaluate(command, row, version, this.nowMs());
    if (effect.kind === 'put') this.#put(command.key, version, effect.value, effect.expiresAtMs);
    if (effect.kind === 'delete') this.rows.delete(command.key);
    return { kind: 'result', result, servedBy: 'peer-1' };
  }

  #commit(partition: number, transaction: Transaction): TransactionAnswer {
    if (isTooLarge(transaction)) return { kind: 'too-large' };
    const keys = [...transaction.reads, ...transaction.changes].map(({ key }) => key);
    if (keys.some((key) => this.partitionOf(key) !== partition))
      throw new Error(`not in ${partition}: ${keys}`);
    const rows = new Map(keys.map((key) => [key, this.row(key) ?? undefined]));
    const version = this.#next();
    const { effect, result } = evaluateTransaction(transaction, rows, version);
    if (result.kind === 'failed') return { kind: 'conflict' };
    for (const change of effect.kind === 'several' ? effect.changes.values() : []) {
      if (change.kind === 'delete') this.rows.delete(change.key);
      else this.#put(change.key, version, change.value, change.expiresAtMs);
    }
    return { kind: 'committed', existed: Number(result.number) };
  }

  #put(
    key: string,
    { epoch, seq }: Version,
    value: NonNullable<Row['value']>,
    expiresAtMs: number | undefined,
  ): void {
    this.rows.set(key, { value, epoch, seq, ts: this.nowMs(), expiresAtMs });
  }

  #next(): Version {
    return { epoch: 1, seq: ++this.#sequence };
  }

  #live(): string[] {
    return [...this.rows.keys()].filter((key) => this.row(key) !== null);
  }
}

/** A cluster of which every peer is reached at the same port. */
export function testCluster(
  port: () => number,
  primaryOf: (partition: number) => string = () => 'peer-1',
  peers: readonly string[] = ['peer-1'],
): RespCluster {
  const record = { storeId: 's', inc: 1, addr: '' };
  const map: ClusterMap = {
    clusterId: 'test',
    ver: 7,
    peers: new Map(peers.map((id) => [id, record])),
    parts: Array.from({ length: PARTITION_COUNT }, (_, partition) => ({
      epoch: 7,
      primary: primaryOf(partition),
      members: new Map(peers.map((id) => [id, 's'])),
      learners: [],
      fence: [],
      active: true,
      la: peers,
    })),
  };
  return {
    id: peers[0] as string,
    map: () => map,
    respAddress: () => ({ host: '127.0.0.1', port: port() }),
  };
}
