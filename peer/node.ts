/**
 * A peer without its sockets: the parts wired together behind what the gateway, the orchestrator and other peers ask.
 *
 * Invariant: all that changes with a view changes in one synchronous step (`follow`).
 */
import type { Clock } from '../common/clock.js';
import type { Health } from '../common/control.js';
import type { Logger } from '../common/log.js';
import { hostPort } from '../common/names.js';
import { formatVersion, type Operation, type StoredRecord } from '../common/records.js';
import { partitionOfKey } from '../common/slots.js';
import { summarise } from '../common/summary.js';
import { type Member, memberOf, type View } from '../common/view.js';
import { Follower } from './follower.js';
import type { Answer, ClusterSummary, Holder, KeyPage, Store } from './gateway/store.js';
import { Handover } from './handover.js';
import { Lister } from './lister.js';
import { Partitions } from './partitions.js';
import { Responder } from './responder.js';
import { Router } from './router.js';
import type { PeerReply, PeerRequest } from './transport/messages.js';
import type { Transport } from './transport/transport.js';

export interface NodeOptions {
  readonly id: string;
  readonly cluster: string;
  readonly instance: number;
  /** As clients are told: its URL. */
  readonly orchestrator: string;
  /** Time that a client's request has in all, milliseconds. */
  readonly requestMs: number;
}

export class Node implements Store {
  readonly id: string;
  readonly follower: Follower;
  private readonly partitions: Partitions;
  private readonly handover: Handover;
  private readonly router: Router;
  private readonly lister: Lister;
  private readonly responder: Responder;

  constructor(
    private readonly options: NodeOptions,
    private readonly transport: Transport,
    clock: Clock,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
  ) {
    const { id, requestMs } = options;
    this.id = id;
    this.partitions = new Partitions(id, options.instance, clock.wallMs);
    this.follower = new Follower(options.cluster, transport, (view) => this.follow(view));
    this.handover = new Handover(this.partitions, this.follower, transport, log);
    this.router = new Router(id, this.partitions, this.follower, transport, clock.monotonicMs, requestMs);
    this.lister = new Lister(id, this.partitions, this.follower, transport, clock.monotonicMs, requestMs);
    this.responder = new Responder(this.partitions, this.follower, requestMs);
  }

  /** What the peer-to-peer transport hands in. */
  answer(from: string, request: PeerRequest): PeerReply | Promise<PeerReply> {
    return this.responder.answer(from, request);
  }

  health(): Health {
    const { cluster, id, instance } = this.options;
    return {
      cluster,
      id,
      instance,
      epoch: this.follower.epoch,
      fetching: this.partitions.inState('fetching'),
    };
  }

  /** Whether a view names this process as a member. */
  isMember(): boolean {
    const view = this.follower.view;
    return view !== null && memberOf(view, this.id)?.instance === this.options.instance;
  }

  /** Whether no key would be lost if this peer ended now. */
  isEmpty(): boolean {
    return this.partitions.inState('serving', 'fetching', 'held').length === 0;
  }

  stop(): void {
    this.handover.stop();
  }

  partitionOf(key: string): number {
    return partitionOfKey(key);
  }

  execute(operation: Operation): Promise<Answer> {
    return this.router.execute(operation);
  }

  executeMany(operations: readonly Operation[]): Promise<readonly Answer[]> {
    return this.router.executeMany(operations);
  }

  list(prefix: string, after: string, limit: number): Promise<KeyPage | null> {
    return this.lister.page(prefix, after, limit);
  }

  ownData(prefix: string, after: string): Iterable<readonly [string, StoredRecord]> {
    return this.partitions.entries(prefix, after, after === '' ? 0 : partitionOfKey(after));
  }

  async holders(key: string): Promise<readonly Holder[]> {
    const { outcome, servedBy } = await this.router.execute({ type: 'get', key });
    const view = this.follower.view;
    const primary = view?.partitions[partitionOfKey(key)]?.primary ?? servedBy;
    const member = view === null ? undefined : memberOf(view, outcome.type === 'failed' ? primary : servedBy);
    if (member === undefined) return [];
    const version = outcome.type === 'found' ? formatVersion(outcome.record.version) : null;
    return [{ id: member.id, address: addressOf(member), role: 'primary', status: member.status, version }];
  }

  cluster(): ClusterSummary {
    const view = this.follower.view;
    const { cluster, orchestrator } = this.options;
    if (view === null) return { cluster, epoch: 0, orchestrator, nodes: [] };
    return { cluster, epoch: view.epoch, orchestrator, nodes: summarise(view) };
  }

  readiness(): readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[] {
    const fetching = this.partitions.inState('fetching').length;
    const owned = this.follower.view?.partitions.every((partition) => partition.primary !== null) === true;
    const member = this.isMember();
    return [
      {
        name: 'registered',
        ok: member,
        detail: member ? `member of ${this.options.cluster}` : 'no view names this peer yet',
      },
      {
        name: 'owners',
        ok: owned,
        detail: owned ? `epoch ${this.follower.epoch}` : 'some partitions have no owner yet',
      },
      { name: 'data', ok: fetching === 0, detail: `${fetching} partitions on their way here` },
    ];
  }

  private follow(view: View): void {
    const { toFetch, cutShort } = this.partitions.adopt(view);
    const others = view.members.filter((member) => member.id !== this.id);
    this.transport.setPeers(others);
    this.handover.start(toFetch);
    this.log.info(
      { epoch: view.epoch, members: view.members.length, fetching: toFetch.length },
      'follows a new view',
    );
    if (cutShort.length > 0) {
      this.log.warn(
        { partitions: cutShort },
        'the old primary is gone before all of the partitions had come: data is lost',
      );
    }
  }
}

function addressOf(member: Member): string {
  return hostPort(member.host, member.port);
}
