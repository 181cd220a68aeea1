/**
 * A stage for the hard cases: machines, disks and messages in flight, moved by hand, one thing at a time.
 * Nothing happens unless a script says so: no message arrives, no batch becomes durable, no time passes.
 */
import { type ClusterMap, emptyMap, type PartitionConfig, type PeerId } from '../../common/configuration.js';
import type { Write } from '../../peer/replication/commands.js';
import { InvariantError } from '../../peer/replication/invariant.js';
import type {
  Effects,
  Input,
  ReplyEffect,
  ReportEffect,
  StoreBatch,
} from '../../peer/replication/machine.js';
import type { Consistency, PeerEnvelope } from '../../peer/replication/messages.js';
import { ReplicationNode } from '../../peer/replication/node.js';
import { sessionId } from '../../peer/replication/sessions.js';
import { DEFAULT_SETTINGS, type Settings } from '../../peer/replication/settings.js';
import { StoredImage } from '../simulator/image.js';

/** The cluster of every scenario. */
export const CLUSTER = 'stage';

/** Times as in the text of the protocol; small limits, so that a few entries reach them. */
export const STAGE_SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  leaseHoldMs: 1_500,
  maxLeaseHoldMs: 1_500,
  leaseRenewMs: 0,
  retryMs: 100,
  resendMs: 150,
  accuseAfterMs: 1_200,
  retainedLogBytes: 1_560,
  settledLogBytes: 1_560,
  maxMessageEntries: 4,
};

/** A message on its way. */
export interface InFlight {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly envelope: PeerEnvelope;
}

/** One peer on the stage. */
export interface Actor {
  readonly id: PeerId;
  image: StoredImage;
  /** undefined while it is down. */
  node: ReplicationNode | undefined;
  batches: StoreBatch[];
  durable: number;
  held: { readonly after: number; readonly message: InFlight }[];
  heldReports: ReportEffect[];
  stores: number;
  requests: number;
}

/** What came out of a move. */
export interface Heard {
  message(message: InFlight): void;
  reply(actor: Actor, reply: ReplyEffect): void;
  report(actor: Actor, report: ReportEffect): void;
  broken(actor: Actor, error: InvariantError): void;
}

export class Stage {
  readonly actors = new Map<PeerId, Actor>();
  inFlight: InFlight[] = [];
  map: ClusterMap = emptyMap(CLUSTER);
  nowMs = 10_000;
  /** How far a peer's clocks stand off the stage's, in ms. */
  readonly skews = new Map<PeerId, number>();

  constructor(private readonly heard: Heard) {}

  actor(id: PeerId): Actor {
    const actor = this.actors.get(id);
    if (actor === undefined) throw new Error(`no peer ${id} on the stage`);
    return actor;
  }

  add(id: PeerId): void {
    const image = new StoredImage(`${id}1`, CLUSTER);
    const actor = { id, image, node: undefined, batches: [], durable: 0, held: [], heldReports: [] };
    this.actors.set(id, { ...actor, stores: 1, requests: 0 });
    this.start(id);
  }

  start(id: PeerId): void {
    const actor = this.actor(id);
    actor.image.inc++;
    actor.requests = 0;
    actor.durable = 0;
    actor.node = new ReplicationNode(id, actor.image.load(), actor.image, STAGE_SETTINGS, this.clock(id));
    this.takeFrom(actor);
  }

  /** The process dies; the first `kept` of its unflushed batches are on disk nevertheless. */
  crash(id: PeerId, kept: number): void {
    const actor = this.actor(id);
    for (const batch of actor.batches.slice(0, kept)) actor.image.apply(batch);
    actor.node = undefined;
    actor.batches = [];
    actor.held = [];
    actor.heldReports = [];
  }

  wipe(id: PeerId): void {
    const actor = this.actor(id);
    actor.stores++;
    actor.image = new StoredImage(`${id}${actor.stores}`, CLUSTER);
  }

  /** A new map with this one partition; the registry knows every process that runs. */
  decide(config: Omit<PartitionConfig, 'epoch'>, newEpoch: boolean, minInSync = 1): void {
    const ver = this.map.ver + 1;
    const epoch = newEpoch ? ver : (this.map.parts[0]?.epoch ?? ver);
    const peers = new Map([...this.actors.values()].map((actor) => [actor.id, this.record(actor)]));
    this.map = { clusterId: CLUSTER, ver, peers, parts: [{ ...config, epoch }], minInSync };
  }

  give(id: PeerId, map = this.map): void {
    const envelope = { clusterId: CLUSTER, from: 'CM', ver: map.ver, body: { type: 'map', map } as const };
    this.step(this.actor(id), { type: 'control', envelope });
  }

  write(id: PeerId, from: PeerId, n: number | undefined, fi: number | undefined, command: Write): number {
    const gateway = this.actor(from);
    const number = n ?? ++gateway.requests;
    const tag = {
      session: sessionId(from, gateway.image.storeId, gateway.image.inc),
      n: number,
      fi: fi ?? number,
    };
    const body = { type: 'fwd', partition: 0, tag, attempt: 1, command, idempotency: undefined } as const;
    if (from === id) {
      this.step(this.actor(id), { ...body, type: 'write', id: number });
      return number;
    }
    const ver = gateway.node?.map.ver ?? 0;
    const envelope = { clusterId: CLUSTER, from, fromInc: gateway.image.inc, ver, body };
    this.step(this.actor(id), { type: 'message', envelope });
    return number;
  }

  read(id: PeerId, key: string, consistency: Consistency): void {
    const actor = this.actor(id);
    actor.requests++;
    this.step(actor, { type: 'read', id: actor.requests, partition: 0, key, consistency });
  }

  deliver(messages: readonly InFlight[]): void {
    for (const { to, envelope } of messages) {
      const actor = this.actors.get(to);
      if (actor?.node !== undefined) this.step(actor, { type: 'message', envelope });
    }
  }

  /** Everything that a peer has written becomes durable. */
  flush(id: PeerId): void {
    const actor = this.actor(id);
    const { batches } = actor;
    const last = batches[batches.length - 1];
    if (last === undefined || actor.node === undefined) return;
    actor.batches = [];
    for (const batch of batches) actor.image.apply(batch);
    actor.durable = last.number;
    this.release(actor);
    this.step(actor, { type: 'stored', through: last.number });
  }

  tick(id: PeerId): void {
    const actor = this.actor(id);
    if (actor.node !== undefined) this.step(actor, { type: 'tick' });
  }

  step(actor: Actor, input: Input): void {
    if (actor.node === undefined) throw new Error(`${actor.id} is down`);
    try {
      actor.node.step(this.clock(actor.id), input);
      this.takeFrom(actor);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.crash(actor.id, 0);
      this.heard.broken(actor, error);
    }
  }

  private clock(id: PeerId) {
    const skew = this.skews.get(id) ?? 0;
    return { leaseMs: this.nowMs, wallMs: this.nowMs + skew };
  }

  private record({ id, image }: Actor) {
    return { storeId: image.storeId, inc: image.inc, addr: `${id}:1` };
  }

  private takeFrom(actor: Actor): void {
    const effects: Effects | undefined = actor.node?.take(this.clock(actor.id));
    if (effects === undefined) return;
    if (effects.store !== undefined) actor.batches.push(effects.store);
    for (const { to, after, envelope } of effects.sends) {
      const message = { from: actor.id, to, envelope };
      if (after > actor.durable) actor.held.push({ after, message });
      else this.post(message);
    }
    for (const report of effects.reports) {
      if (report.after > actor.durable) actor.heldReports.push(report);
      else this.heard.report(actor, report);
    }
    for (const reply of effects.replies) this.heard.reply(actor, reply);
  }

  private release(actor: Actor): void {
    const { held, heldReports } = actor;
    actor.held = held.filter(({ after }) => after > actor.durable);
    for (const { after, message } of held) if (after <= actor.durable) this.post(message);
    actor.heldReports = heldReports.filter(({ after }) => after > actor.durable);
    for (const report of heldReports) if (report.after <= actor.durable) this.heard.report(actor, report);
  }

  private post(message: InFlight): void {
    this.inFlight.push(message);
    this.heard.message(message);
  }
}
