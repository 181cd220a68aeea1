/** A simulated peer: the production core, driver and gateway over a simulated disk, network and clock. */
import { type ClusterMap, changeOf, type Epoch } from '../../common/configuration.js';
import type { OrchestratorEnvelope, ReportEnvelope } from '../../common/control-messages.js';
import { PeerDriver } from '../../peer/driver.js';
import type { Command } from '../../peer/replication/commands.js';
import { leased } from '../../peer/replication/leases.js';
import {
  type Clock,
  DAMAGED,
  type PartitionStoreOp,
  type StoreBatch,
} from '../../peer/replication/machine.js';
import type { PeerEnvelope, SessionsImage } from '../../peer/replication/messages.js';
import { ReplicationNode } from '../../peer/replication/node.js';
import { Gateway } from '../../peer/requests/gateway.js';
import { idempotencyTag } from '../../peer/requests/idempotency.js';
import type { ReadAnswer, WriteAnswer } from '../../peer/requests/rim.js';
import { DEFAULT_GATEWAY_SETTINGS } from '../../peer/requests/settings.js';
import type { WriteCall } from '../../peer/requests/writes.js';
import type { Watched } from './checks.js';
import { Disk } from './disk.js';
import { StoredImage } from './image.js';
import type { Carriage } from './network.js';
import { CLUSTER_ID } from './orchestrator-process.js';
import { Process } from './process.js';
import { commandOf, transactionOf } from './translate.js';
import { settingsOfProcess } from './tuning.js';
import { WatchedMachine } from './watched-machine.js';
import type { Asked } from './workload.js';
import type { World } from './world.js';

const EVERYTHING = { rows: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER } as const;

/** One read in so many goes the way of a single one without a question first, as where nobody answered lately. */
const SINGLE_READS_EACH = 3;
/** A question waits this long for its answer, in ms. */
const ASK_MS = 100;

export class SimulatedPeer extends Process implements Watched {
  readonly disk: Disk<StoreBatch>;
  stored: StoredImage;
  private node: ReplicationNode | undefined;
  private driver: PeerDriver | undefined;
  private gateway: Gateway | undefined;
  /** When the gateway is to be ticked next, and the map that it was last ticked with. */
  private gatewayDueMs = Number.POSITIVE_INFINITY;
  private gatewayVer = 0;
  private stores = 0;
  private reads = 0;

  constructor(
    id: string,
    private readonly world: World,
  ) {
    super(id, world.schedule, world.random, world.tuning.rateBound);
    world.network.attach(this);
    this.stored = this.emptyDisk();
    this.disk = new Disk(world.schedule, world.random, this, {
      persist: (batch) => {
        const cuts = batch.ops.filter(({ type }) => type === 'truncate') as PartitionStoreOp[];
        const held = cuts.map(({ partition }) => [...(this.stored.partitions.get(partition)?.log ?? [])]);
        this.stored.apply(batch);
        for (const [i, { partition }] of cuts.entries()) world.checks.cut(this, partition, held[i] ?? []);
        for (const op of batch.ops) {
          if (op.type !== 'marks') continue;
          const partition = this.stored.partitions.get(op.partition);
          if (partition !== undefined) world.checks.applied(this, op.partition, partition);
        }
      },
      die: (reason) => world.died(this, reason),
    });
  }

  /** Starts, or starts again, with what is on the disk. */
  start(): void {
    this.begin();
    this.stored.inc += 1;
    const { storeId, inc } = this.stored;
    const settings = settingsOfProcess(this.world.tuning, this.world.random);
    const node = new ReplicationNode(this.id, this.stored.load(), this.stored, settings, this.clocks());
    const identity = { clusterId: CLUSTER_ID, peerId: this.id, storeId, inc, addr: this.id };
    const gateway = new Gateway({ peerId: this.id, storeId, inc }, DEFAULT_GATEWAY_SETTINGS, {
      map: () => this.adopted(),
      readNow: (partition, key) => this.driver?.readNow(partition, key),
      ask: (request) => this.driver?.input(request),
      send: (to, message) => this.driver?.send(to, message),
    });
    this.gatewayDueMs = Number.POSITIVE_INFINITY;
    this.node = node;
    this.gateway = gateway;
    this.driver = new PeerDriver(
      identity,
      new WatchedMachine(node, (partition, epoch) => this.world.checks.read(this, partition, epoch)),
      this.disk,
      {
        clock: () => this.clocks(),
        send: (to, envelopes) => this.send(to, envelopes),
        report: (to, envelope) => this.report(to, envelope),
        endOfTurn: (task) => this.endOfTurn(task),
        every: (ms, task) => this.every(ms, task),
        fail: (error) => {
          throw error;
        },
      },
      {
        replied: (reply) => {
          gateway.replied(this.clock(), reply);
          this.wakeGateway();
        },
        answered: (from, message) => {
          gateway.answered(this.clock(), from, message);
          this.wakeGateway();
        },
      },
    );
    this.run(() => this.driver?.start(settings.tickMs));
  }

  /** Ends without a word; says how many batches were lost. */
  kill(): number {
    if (!this.up) return 0;
    const lost = this.disk.crash();
    this.driver?.stop();
    this.end();
    this.driver = undefined;
    this.gateway = undefined;
    this.node = undefined;
    return lost;
  }

  /** Its disk comes back empty. */
  wipe(): void {
    this.stored = this.emptyDisk();
  }

  /** Asks to leave the cluster, or only to be relieved for a restart. */
  leave(only?: 'duties'): void {
    this.run(() => this.driver?.input(only === undefined ? { type: 'leave' } : { type: 'leave', only }));
  }

  /** Its connection to another peer broke. */
  disconnected(peer: string): void {
    this.run(() => this.driver?.input({ type: 'disconnected', peer }));
  }

  /** Its clocks are not to be trusted: it forgets every lease. */
  dropLeases(): void {
    this.run(() => this.driver?.input({ type: 'drop-leases' }));
  }

  /** Whether the map names it nowhere. */
  mayStop(): boolean {
    const map = this.adopted();
    return map.parts.every(
      (part) => part === undefined || (!part.members.has(this.id) && !part.learners.includes(this.id)),
    );
  }

  adopted(): ClusterMap {
    return this.node === undefined ? this.stored.map : this.core().map;
  }

  servesReadsIn(number: number): Epoch | undefined {
    if (this.node === undefined) return undefined;
    const core = this.core();
    const partition = core.partitions.get(number);
    if (partition === undefined || !partition.isMember) return undefined;
    core.leaseMs = this.clock();
    return leased(core, partition) ? partition.epoch : undefined;
  }

  /** Whether it leads a partition that cannot go on before all of its members have answered. */
  waitsForMembers(number: number): boolean {
    const partition = this.node === undefined ? undefined : this.core().partitions.get(number);
    if (partition?.lead === undefined) return false;
    return partition.role === 'starting' || partition.com < partition.prep;
  }

  /** A message of an orchestrator has arrived. */
  receiveControl(envelope: OrchestratorEnvelope): void {
    this.driver?.obey(envelope);
  }

  /** A client's read has arrived. */
  serveRead({ partition, key, stored = key, strict }: Asked, done: (answer: ReadAnswer) => void): void {
    const consistency = strict ? 'strict' : 'linearizable';
    const single = (): void => {
      this.gateway?.read(this.clock(), { partition, key: stored, consistency }, done);
      this.wakeGateway();
    };
    this.reads += 1;
    if (strict || this.reads % SINGLE_READS_EACH === 0 || !this.askMember(partition, stored, done, single)) {
      single();
    }
  }

  /** A client's write has arrived, with its own key if it has one. */
  serveWrite(asked: Asked, token: string | undefined, done: (answer: WriteAnswer) => void): void {
    const { partition, parts } = asked;
    const call =
      parts === undefined
        ? writeCall(partition, commandOf(asked), token)
        : { partition, command: transactionOf(parts, this.clocks().wallMs), idempotency: undefined };
    this.gateway?.write(this.clock(), call, (answer) => {
      if (answer.kind === 'result' && answer.result.kind === 'done') {
        const { epoch, seq } = answer.result.version;
        this.world.checks.acknowledged(partition, epoch, seq);
      }
      done(answer);
    });
    this.wakeGateway();
  }

  /** For messages about what went wrong. */
  describe(): string {
    if (this.node === undefined) return `${this.id} down`;
    const partitions = [...this.core().partitions.values()].map(
      ({ number, role, epoch, com, prep }) => `${number}: ${role}@${changeOf(epoch)} com=${com} prep=${prep}`,
    );
    return `${this.id} ver=${this.adopted().ver} inc=${this.stored.inc} ${partitions.join(', ')}`;
  }

  /** What it holds of a partition in memory, as text: equal for equal content. */
  digest(number: number): string {
    if (this.node === undefined) return `${this.id} is down`;
    const partition = this.core().partitions.get(number);
    if (partition === undefined) return `${this.id} has nothing`;
    const { rows } = partition.rows.range(undefined, EVERYTHING);
    const shown = rows.flatMap(({ key, row }) => {
      if (row === DAMAGED) return [`${key} damaged`];
      return row.value === null ? [] : [`${key}@${row.epoch}/${row.seq}`];
    });
    return `${partition.com}#${partition.log.checksumAt(partition.com)}[${shown}]`;
  }

  /** Of which partition it has not as many keys as it counts; undefined: of none. */
  miscounted(): string | undefined {
    if (this.node === undefined) return `${this.id} is down`;
    for (const { number, isMember, keyCount, rows } of this.core().partitions.values()) {
      if (!isMember) continue;
      const { keys } = rows.keys(undefined, Number.MAX_SAFE_INTEGER);
      if (keys.length !== keyCount)
        return `${this.id} counts ${keyCount} keys in ${number}, and has ${keys.length}`;
    }
    return undefined;
  }

  /** What it still holds for work that is over; undefined: nothing. */
  leftovers(): string | undefined {
    if (this.node === undefined) return `${this.id} is down`;
    const core = this.core();
    const counts: Record<string, number> = {
      'requests at the gateway': this.gateway?.nextTickMs() === Number.POSITIVE_INFINITY ? 0 : 1,
      'rows that are stored': core.out.overlaid.size,
      'positions on their way to the disk': core.durability.length,
      'bytes that are committed, of all that it leads': core.ledUncommitted,
      'effects that were carried out':
        core.out.sends.length + core.out.reports.length + core.out.replies.length,
    };
    for (const partition of core.partitions.values()) {
      // A copy that is out of use may end with entries that nobody committed.
      if (!partition.isMember) continue;
      const { number, lead } = partition;
      counts[`dirty keys of ${number}`] = partition.dirty.size;
      counts[`bytes that are committed, of ${number}`] = partition.uncommittedBytes;
      counts[`reads of ${number}`] =
        partition.waitingReads +
        partition.questions.size +
        partition.asking.length +
        partition.confirming.length;
      counts[`results of finished requests of ${number}`] = finishedResults(partition.sessions.image());
      if (lead === undefined) continue;
      counts[`waiters of ${number}`] = lead.waiters.size + lead.queue.length;
      counts[`open requests of ${number}`] = lead.openTokens.size;
    }
    const found = Object.entries(counts).filter(([, count]) => count !== 0);
    return found.length === 0
      ? undefined
      : `${this.id} holds ${found.map(([what, count]) => `${count} ${what}`)}`;
  }

  /** The checks look inside, where production code may not. */
  private core(): ReplicationNode['core'] {
    // biome-ignore lint/complexity/useLiteralKeys: TypeScript lets nobody look at a private field by its name.
    return (this.node as ReplicationNode)['core'];
  }

  private clocks(): Clock {
    return { leaseMs: this.clock(), wallMs: this.wallClock() };
  }

  /** In some runs a turn ends with its input, in others a little later, so that inputs share it. */
  private endOfTurn(task: () => void): void {
    const end = (): void => {
      task();
      const { ver } = this.adopted();
      if (ver === this.gatewayVer) return;
      this.gatewayVer = ver;
      this.gateway?.tick(this.clock());
      this.wakeGateway();
    };
    const { turnMs } = this.world.tuning;
    if (turnMs === 0) this.afterTask(end);
    else this.completion(this.world.random.next() * turnMs, end);
  }

  /** Sees to it that the gateway is ticked when it wants to be. */
  private wakeGateway(): void {
    const dueMs = this.gateway?.nextTickMs() ?? Number.POSITIVE_INFINITY;
    if (dueMs >= this.gatewayDueMs) return;
    this.gatewayDueMs = dueMs;
    this.timer(Math.max(1, Math.ceil(dueMs - this.clock())), () => {
      if (this.gatewayDueMs !== dueMs) return;
      this.gatewayDueMs = Number.POSITIVE_INFINITY;
      this.gateway?.tick(this.clock());
      this.wakeGateway();
    });
  }

  private every(ms: number, task: () => void): () => void {
    let stopped = false;
    const again = (): void =>
      this.timer(ms + this.world.random.next() * 2, () => {
        if (stopped) return;
        again();
        task();
      });
    again();
    return () => {
      stopped = true;
    };
  }

  /**
   * As `forwarded-reads.ts` does with a key that this peer does not hold: asks a member what it can answer at once, and goes
   * the way of a single read where it cannot, or says nothing. False: there is nobody to ask.
   */
  private askMember(
    partition: number,
    key: string,
    done: (answer: ReadAnswer) => void,
    single: () => void,
  ): boolean {
    const { gateway, world } = this;
    const members = this.adopted().parts[partition]?.members;
    if (members === undefined || members.has(this.id)) return false;
    const member = [...members.keys()].map((id) => world.known(id)).find((peer) => peer !== undefined);
    if (member === undefined) return false;
    let open = true;
    const settle = (how: () => void): void => {
      // An answer to an earlier life is nobody's.
      if (open && this.gateway === gateway) how();
      open = false;
    };
    world.network.send(this.id, member.id, 'read', 'tcp', () => {
      const found = member.driver?.readNow(partition, key);
      world.network.send(member.id, this.id, 'rows', 'tcp', () =>
        settle(() =>
          found === undefined ? single() : done({ kind: 'row', row: found.row, servedBy: member.id }),
        ),
      );
    });
    this.timer(ASK_MS, () =>
      settle(() => {
        gateway?.avoid(this.clock(), member.id);
        single();
      }),
    );
    return true;
  }

  /** Whether a connection to the peer is refused at once, because nobody listens there. */
  private isRefusedBy(peer: SimulatedPeer): boolean {
    return !peer.up && !this.world.network.isCut(this.id, peer.id) && this.world.random.chance(0.5);
  }

  private receive(envelope: PeerEnvelope): void {
    this.driver?.receive(envelope);
  }

  private report(to: string | undefined, envelope: ReportEnvelope): void {
    for (const orchestrator of this.world.orchestrators) {
      if (to !== undefined && to !== orchestrator.id) continue;
      this.world.network.send(this.id, orchestrator.id, envelope.body.type, 'any', () =>
        orchestrator.receive(envelope),
      );
    }
  }

  private send(to: string, envelopes: readonly PeerEnvelope[]): void {
    const peer = this.world.known(to);
    if (peer === undefined) return;
    for (const envelope of envelopes) {
      const { body } = envelope;
      this.world.checks.said(this, body);
      if (body.type === 'fwd' && this.isRefusedBy(peer)) {
        const { attempt, tag } = body;
        this.completion(1, () => {
          this.gateway?.undelivered(this.clock(), tag.n, attempt);
          this.wakeGateway();
        });
        continue;
      }
      this.world.network.send(this.id, to, body.type, carriageOf(body.type), () => peer.receive(envelope));
    }
  }

  private emptyDisk(): StoredImage {
    this.stores += 1;
    return new StoredImage(`${this.id.toLowerCase()}${this.stores}`, CLUSTER_ID);
  }
}

function carriageOf(kind: PeerEnvelope['body']['type']): Carriage {
  return kind === 'fwd' || kind === 'fwd_r' || kind === 'rfwd' || kind === 'rfwd_r' ? 'tcp' : 'any';
}

/** Results that their gateway has said it will never ask for again. */
function finishedResults({ sessions }: SessionsImage): number {
  return sessions.reduce((sum, { fi, results }) => sum + results.filter(({ n }) => n < fi).length, 0);
}

function writeCall(partition: number, command: Command, token: string | undefined): WriteCall {
  return {
    partition,
    command,
    idempotency: token === undefined ? undefined : idempotencyTag(token, command),
  };
}
