/**
 * One peer behind its gateway: takes keys to partitions, and requests to the replica, which finds who can answer them.
 *
 * Invariant: whatever is answered here is an answer of the replica, of its retries, or of the map that it follows.
 */
import type { ClusterMap } from '../common/configuration.js';
import type { Roster } from '../common/roster.js';
import { partitionOfKey } from '../common/slots.js';
import { summarise } from '../common/summary.js';
import type { BatchReads } from './batch-reads.js';
import { writeBatch } from './batch-writes.js';
import type { ForwardedReads } from './forwarded-reads.js';
import type { Check, ClusterSummary, Holder, KeyPage, ManyAnswer, Store, Write } from './gateway/store.js';
import type { Holdings } from './holdings.js';
import type { Lister } from './lister.js';
import type { Readiness } from './readiness.js';
import type { Replica } from './replica.js';
import type { Version } from './replication/commands.js';
import type { Row } from './replication/entry.js';
import type { Consistency } from './replication/messages.js';
import { idempotencyTag } from './requests/idempotency.js';
import type { ReadAnswer, WriteAnswer } from './requests/rim.js';
import type { Transport } from './transport/transport.js';

/** Another peer is asked which version it holds for this long, in ms. */
const INSPECT_MS = 1_000;

export interface NodeParts {
  readonly id: string;
  /** As clients are told: its URL. */
  readonly orchestrator: string;
  readonly replica: Pick<Replica, 'map' | 'read' | 'readNow' | 'write' | 'beginWrite'>;
  readonly forwardedReads: Pick<ForwardedReads, 'begin'>;
  readonly batchReads: Pick<BatchReads, 'read'>;
  readonly holdings: Pick<Holdings, 'answer' | 'all' | 'allKeys'>;
  readonly lister: Pick<Lister, 'page'>;
  readonly readiness: Pick<Readiness, 'checks'>;
  readonly transport: Pick<Transport, 'call'>;
  roster(): Roster | null;
}

export class Node implements Store {
  readonly id: string;

  constructor(private readonly parts: NodeParts) {
    this.id = parts.id;
  }

  partitionOf(key: string): number {
    return partitionOfKey(key);
  }

  read(key: string, consistency: Consistency): Promise<ReadAnswer> {
    const { replica, forwardedReads } = this.parts;
    const partition = partitionOfKey(key);
    if (consistency !== 'linearizable') return replica.read({ partition, key, consistency });
    return new Promise((resolve) => forwardedReads.begin(partition, key, resolve));
  }

  readNow(key: string, partition = partitionOfKey(key)): ReadAnswer | undefined {
    return this.parts.replica.readNow(partition, key);
  }

  write({ command, token }: Write): Promise<WriteAnswer> {
    const idempotency = token === undefined ? undefined : idempotencyTag(token, command);
    return this.parts.replica.write({ partition: partitionOfKey(command.key), command, idempotency });
  }

  readMany(keys: readonly string[]): Promise<readonly ManyAnswer[]> {
    return this.parts.batchReads.read(keys);
  }

  writeMany(writes: readonly Write[]): Promise<readonly WriteAnswer[]> {
    return writeBatch(this.parts.replica, writes);
  }

  list(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    return this.parts.lister.page(prefix, after, limit);
  }

  ownData(prefix: string, after: string): Iterable<readonly [key: string, row: Row]> {
    return this.parts.holdings.all(prefix, after);
  }

  ownKeys(prefix: string, after: string): Iterable<string> {
    return this.parts.holdings.allKeys(prefix, after);
  }

  async holders(key: string): Promise<readonly Holder[]> {
    const part = this.map.parts[partitionOfKey(key)];
    if (part === undefined) return [];
    const replicas = [...part.members.keys()].filter((id) => id !== part.primary);
    const nodes = new Map(this.cluster().nodes.map((node) => [node.id, node]));
    const describe = async (id: string, role: Holder['role']): Promise<Holder> => {
      const { address, status } = nodes.get(id) ?? { address: '', status: 'down' as const };
      return { id, address, role, status, version: await this.versionAt(id, key) };
    };
    return Promise.all([
      describe(part.primary, 'primary'),
      ...replicas.map((id) => describe(id, 'replica')),
      ...part.learners.map((id) => describe(id, 'joining')),
    ]);
  }

  cluster(): ClusterSummary {
    const { map } = this;
    const { orchestrator, roster } = this.parts;
    return {
      cluster: map.clusterId,
      epoch: map.ver,
      orchestrator,
      nodes: summarise(map, roster()),
    };
  }

  readiness(): readonly Check[] {
    return this.parts.readiness.checks();
  }

  private get map(): ClusterMap {
    return this.parts.replica.map;
  }

  private async versionAt(id: string, key: string): Promise<Version | null> {
    const { holdings, transport } = this.parts;
    const request = { type: 'inspect', key } as const;
    const reply = id === this.id ? holdings.answer(request) : await transport.call(id, request, INSPECT_MS);
    return reply.type === 'inspected' ? reply.version : null;
  }
}
