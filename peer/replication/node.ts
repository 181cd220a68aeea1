/**
 * The replication core of one peer: takes inputs to the modules, and gathers what they want done.
 *
 * Kept true: one input is one step, with the clock read for it (L6). A message of another cluster or of another
 * epoch is dropped here, so the modules see only what belongs to them (E2). Whoever is behind is found out by any
 * message, and pulls or is given the map.
 */

import type { ClusterMap, PeerId } from '../../common/configuration.js';
import type { OrchestratorEnvelope, PartitionEpoch } from '../../common/control-messages.js';
import { accuseSilent, excuseOthers, onDisconnected } from './accusations.js';
import { releaseFence, tryActivate } from './alignment.js';
import { advance, ownStored, settleOwn } from './commit.js';
import { adopt, enterAll, onQuery, restorePartition } from './configuration.js';
import { Core } from './core.js';
import { dispatch, startsExchange, tickPartition } from './dispatch.js';
import { retireSessions, sweepExpired } from './expiry.js';
import { tickForgetting } from './forgetting.js';
import { askLeases, dropLeases, onLeaseGrant, onLeaseRequest } from './leases.js';
import type { Clock, DiskImage, Effects, Input, Machine, ReadRow, StateReader } from './machine.js';
import { giveMap, pullMap } from './map-exchange.js';
import { tickScrubbing } from './mending.js';
import type { PartitionMessage, PeerEnvelope, PeerMessage } from './messages.js';
import { onRead, readNow, settleReads } from './reads.js';
import type { Settings } from './settings.js';
import { type PartitionStatus, type ShownRows, shownRows, statusOf } from './standing.js';
import { settleStream, tellAlong } from './streaming.js';
import { onWrite } from './writes.js';

/** The machine that production and the simulator run. */
export class ReplicationNode implements Machine {
  private readonly core: Core;
  private lastTickMs: number;
  private silenceCheckedAtMs: number;
  private registeredAtMs = Number.NEGATIVE_INFINITY;
  private tidiedAtMs = Number.NEGATIVE_INFINITY;
  private orchestratorHeardAtMs = Number.NEGATIVE_INFINITY;
  /** By partition: an ALIGN of an epoch that we have not adopted yet. It waits for the map that was pulled. */
  private readonly early = new Map<number, PeerEnvelope>();

  /** `image` is what the store gave back, with `inc` already raised and flushed. */
  constructor(
    readonly peerId: PeerId,
    image: DiskImage,
    reader: StateReader,
    private readonly settings: Settings,
    clock: Clock,
  ) {
    const { storeId, inc, map, promised } = image;
    this.core = new Core(peerId, storeId, inc, map, promised, settings, reader, clock.leaseMs);
    this.core.wallMs = clock.wallMs;
    this.lastTickMs = clock.leaseMs;
    this.silenceCheckedAtMs = clock.leaseMs;
    for (const partition of image.partitions) restorePartition(this.core, partition);
    enterAll(this.core);
  }

  step(clock: Clock, input: Input): void {
    const { core } = this;
    core.leaseMs = clock.leaseMs;
    core.wallMs = clock.wallMs;
    switch (input.type) {
      case 'tick':
        this.tick();
        return;
      case 'message':
        this.receive(input.envelope);
        return;
      case 'control':
        this.obey(input.envelope);
        return;
      case 'write': {
        onWrite(core, core.partitions.get(input.partition), { kind: 'local', id: input.id }, input);
        return;
      }
      case 'read': {
        const { key, consistency } = input;
        const read = { origin: { kind: 'local', id: input.id } as const, key, consistency };
        onRead(core, core.partitions.get(input.partition), read);
        return;
      }
      case 'stored':
        this.stored(input.through);
        return;
      case 'disconnected':
        onDisconnected(core, input.peer);
        return;
      case 'leave':
        core.report(input.only === undefined ? { type: 'leave' } : { type: 'leave', only: input.only });
        return;
      case 'drop-leases':
        dropLeases(core);
        return;
    }
  }

  readNow(clock: Clock, partition: number, key: string): ReadRow | undefined {
    const { core } = this;
    core.leaseMs = clock.leaseMs;
    core.wallMs = clock.wallMs;
    return readNow(core, core.partitions.get(partition), key);
  }

  take(clock: Clock): Effects {
    const { core } = this;
    core.leaseMs = clock.leaseMs;
    core.wallMs = clock.wallMs;
    const { pending } = core;
    // It grows while there is something to do in the course of this.
    for (const partition of pending) {
      partition.isPending = false;
      settleOwn(core, partition);
      settleStream(core, partition);
      settleReads(core, partition);
    }
    core.pending = [];
    tellAlong(core);
    const store = core.out.close(core.leaseMs);
    return { store, ...core.out.empty() };
  }

  /** The map that this peer has adopted. */
  get map(): ClusterMap {
    return this.core.map;
  }

  /** An envelope of this process around a message that is sent now. */
  envelope(body: PeerMessage): PeerEnvelope {
    const { map, me, inc } = this.core;
    return { clusterId: map.clusterId, from: me, fromInc: inc, ver: map.ver, body };
  }

  /** See `statusOf`. */
  status(partition: number, leaseMs: number): PartitionStatus | undefined {
    return statusOf(this.core, partition, leaseMs);
  }

  /** See `shownRows`. */
  rows(partition: number): ShownRows | undefined {
    return shownRows(this.core, partition);
  }

  private stored(through: number): void {
    const { core } = this;
    core.out.stored(through);
    for (const partition of ownStored(core, through)) {
      tryActivate(core, partition);
      advance(core, partition);
    }
  }

  private tick(): void {
    const { core, settings } = this;
    if (core.leaseMs - this.lastTickMs > settings.stallMs) excuseOthers(core);
    this.lastTickMs = core.leaseMs;
    askLeases(core);
    if (core.leaseMs - this.silenceCheckedAtMs >= settings.accuseAfterMs / 4) {
      this.silenceCheckedAtMs = core.leaseMs;
      accuseSilent(core);
    }
    this.register();
    tickScrubbing(core);
    // In every tick, going through all partitions would cost an idle peer more than its leases.
    if (core.leaseMs - this.tidiedAtMs >= settings.leaseRenewMs) this.tidy();
    for (const partition of core.busy) {
      if (tickPartition(core, partition)) continue;
      partition.isBusy = false;
      core.busy.delete(partition);
    }
    // They all were told just now.
    core.untold.clear();
  }

  /** What is to be done for partitions that nobody waits for. */
  private tidy(): void {
    const { core } = this;
    this.tidiedAtMs = core.leaseMs;
    tickForgetting(core);
    for (const partition of core.led) {
      sweepExpired(core, partition);
      retireSessions(core, partition);
    }
  }

  /**
   * E6: says that this process is there until the map names it; and again while no orchestrator was heard for
   * long, since one that lost its registry does not know whom to ask (section 9).
   */
  private register(): void {
    const { core, settings } = this;
    const record = core.map.peers.get(core.me);
    const named = record?.inc === core.inc && record.storeId === core.storeId;
    const silentMs = core.leaseMs - Math.max(this.orchestratorHeardAtMs, this.registeredAtMs);
    if (named && silentMs < settings.accuseAfterMs * 2) return;
    if (core.leaseMs - this.registeredAtMs < settings.leaseRenewMs) return;
    this.registeredAtMs = core.leaseMs;
    core.report({ type: 'register' });
  }

  private receive(envelope: PeerEnvelope): void {
    const { core } = this;
    const { from, body } = envelope;
    if (envelope.clusterId !== core.map.clusterId) return;
    core.heardAt.set(from, core.leaseMs);
    if (core.fencing.size > 0) releaseFence(core, from, envelope.ver);
    if (envelope.ver > core.map.ver && body.type !== 'map') pullMap(core, from);
    switch (body.type) {
      case 'map':
        this.adopt(body.map);
        return;
      case 'pull':
        if (core.map.ver > envelope.ver) core.send(from, { type: 'map', map: core.map });
        return;
      case 'lreq':
        onLeaseRequest(core, envelope, body);
        return;
      case 'lgrant':
        onLeaseGrant(core, envelope, body);
        return;
      case 'fwd': {
        const { tag, attempt } = body;
        const origin = { kind: 'remote-write', to: from, session: tag.session, n: tag.n, attempt } as const;
        onWrite(core, core.partitions.get(body.partition), origin, body);
        return;
      }
      case 'rfwd': {
        const { key, consistency } = body;
        const origin = { kind: 'remote-read', to: from, id: body.id, inc: body.inc } as const;
        onRead(core, core.partitions.get(body.partition), { origin, key, consistency });
        return;
      }
      case 'fwd_r':
      case 'rfwd_r':
        return;
      default:
        this.receiveInEpoch(envelope, body);
        return;
    }
  }

  /** E2: drops what belongs to another epoch, and lets a sender that is behind know. */
  private receiveInEpoch(envelope: PeerEnvelope, message: PartitionMessage): void {
    const { core } = this;
    const partition = core.partitions.get(message.partition);
    const epoch = partition?.epoch ?? core.map.parts[message.partition]?.epoch ?? -1;
    if (message.epoch > epoch) {
      if (message.type === 'align' && envelope.ver > core.map.ver)
        this.early.set(message.partition, envelope);
      return;
    }
    if (message.epoch < epoch) {
      if (envelope.ver < core.map.ver && startsExchange(message)) giveMap(core, envelope.from);
      return;
    }
    if (partition !== undefined) dispatch(core, partition, envelope, message);
  }

  private obey(envelope: OrchestratorEnvelope): void {
    const { core } = this;
    const { body } = envelope;
    if (envelope.clusterId !== core.map.clusterId) return;
    this.orchestratorHeardAtMs = core.leaseMs;
    switch (body.type) {
      case 'map':
        this.adopt(body.map);
        return;
      case 'query':
        onQuery(core, body.term, envelope.from);
        return;
      case 'ping': {
        if (envelope.ver > core.map.ver) core.report({ type: 'pull' }, envelope.from);
        const active: PartitionEpoch[] = [];
        for (const { number, epoch } of core.led) active.push({ partition: number, epoch });
        core.report({ type: 'pong', n: body.n, active, promised: core.promised }, envelope.from);
        return;
      }
    }
  }

  /** Adopts a map, and then takes what came too early for it: as if the network had been slower. */
  private adopt(map: ClusterMap): void {
    const { core, early } = this;
    adopt(core, map);
    for (const [partition, envelope] of [...early]) {
      if (envelope.ver > core.map.ver) continue;
      early.delete(partition);
      this.receive(envelope);
    }
  }
}
