/**
 * A whole cluster in one process for tests of the configuration manager: peers that do what the protocol asks of
 * them without delay, and that remember which store holds which writes. The network loses what it is told to.
 */
import {
  type ClusterMap,
  emptyMap,
  type PartitionConfig,
  type PeerId,
  type PeerRecord,
} from '../../../common/configuration.js';
import type { PlannedChange, ReportMessage } from '../../../common/control-messages.js';
import type {
  ManagerNote,
  ManagerSend,
  RegisterOperation,
} from '../../../orchestrator/configuration/machine.js';
import { ConfigurationManager } from '../../../orchestrator/configuration/manager.js';
import {
  DEFAULT_LIMITS,
  type ManagerSettings,
  managerTiming,
} from '../../../orchestrator/configuration/settings.js';
import { checkStep } from './map-rules.js';

export const TICK_MS = 50;

export const SETTINGS: ManagerSettings = {
  clusterId: 'test',
  orchestratorId: 'o1',
  partitionCount: 8,
  replicationFactor: 3,
  bootstrapPeers: 3,
  registerMayBeOld: false,
  seeds: new Map(),
  timing: managerTiming('normal'),
  limits: DEFAULT_LIMITS,
  pace: { restFactor: 0, maxRestMs: 0 },
};

/** One process under a peer's name, and the disk that outlives it. */
export class FakePeer {
  inc = 0;
  up = false;
  cut = false;
  /** Has asked to be relieved for a restart; such a process stops sooner or later. */
  leaving = false;
  /** Takes no new map. */
  frozen = false;
  map: ClusterMap | undefined;
  promised = 0;
  /** By partition: how many acknowledged writes this store holds. */
  writes = new Map<number, number>();
  private disks = 1;

  constructor(
    readonly id: PeerId,
    readonly weight: number | undefined,
  ) {}

  get storeId(): string {
    return `${this.id}/disk${this.disks}`;
  }

  start(): void {
    if (this.up) return;
    this.up = true;
    this.leaving = false;
    this.inc++;
  }

  wipe(): void {
    this.up = false;
    this.disks++;
    this.inc = 0;
    this.map = undefined;
    this.promised = 0;
    this.writes = new Map();
  }
}

export class FakeCluster {
  nowMs = 1_000_000;
  readonly managers: ConfigurationManager[];
  held: ClusterMap | undefined;
  readonly peers = new Map<PeerId, FakePeer>();
  readonly committed: ClusterMap[] = [];
  readonly notes: ManagerNote[] = [];
  readonly answers = new Map<number, string>();
  /** By partition: how many writes were acknowledged in all. */
  readonly acknowledged = new Map<number, number>();
  /** Where one more copy is made at once; false leaves learners waiting. */
  teaching = true;
  /** Whether the register takes a tick to answer, so that others may come between, or answers `unknown`. */
  register: 'prompt' | 'slow' | 'vague' = 'prompt';
  /** Orchestrators that do not hear a peer, and are not heard by it: `0 a`. */
  readonly deaf = new Set<string>();
  private readonly waiting: (() => void)[] = [];
  private lastId = 0;

  constructor(
    readonly settings: ManagerSettings = SETTINGS,
    orchestrators = 1,
  ) {
    this.managers = Array.from({ length: orchestrators }, () => this.newManager(settings));
    this.settle();
  }

  /** The first, and mostly the only, orchestrator. */
  get manager(): ConfigurationManager {
    return this.managers[0] as ConfigurationManager;
  }

  /** The newest committed map. */
  get map(): ClusterMap {
    return this.manager.status(this.nowMs).map;
  }

  part(partition: number): PartitionConfig {
    const part = this.map.parts[partition];
    if (!part) throw new Error(`no partition ${partition}`);
    return part;
  }

  peer(id: PeerId): FakePeer {
    const peer = this.peers.get(id);
    if (!peer) throw new Error(`no peer ${id}`);
    return peer;
  }

  join(id: PeerId, weight?: number): FakePeer {
    const peer = new FakePeer(id, weight);
    this.peers.set(id, peer);
    peer.start();
    return peer;
  }

  /** The orchestrator's process ends and another begins; `settings` may differ. */
  restartManager(settings: ManagerSettings = this.settings, which = 0): void {
    this.managers[which] = this.newManager(settings);
    this.settle();
  }

  private newManager(settings: ManagerSettings): ConfigurationManager {
    return new ConfigurationManager(settings, this.nowMs);
  }

  /** An operator's change; its answer appears in `answers` under the returned id. */
  change(change: PlannedChange): number {
    this.lastId++;
    this.manager.step(this.nowMs, { type: 'change', id: this.lastId, change });
    this.settle();
    return this.lastId;
  }

  /** A report to one orchestrator, or to all of them. */
  report(peer: FakePeer, body: ReportMessage, to: readonly ConfigurationManager[] = this.managers): void {
    if (!peer.up || peer.cut) return;
    if (body.type === 'leave') peer.leaving = true;
    const { id: from, inc: fromInc, storeId } = peer;
    const ver = peer.map?.ver ?? 0;
    const envelope = { clusterId: 'test', from, fromInc, storeId, addr: `${from}:1`, ver, body };
    for (const manager of [...to]) {
      if (!this.isDeaf(manager, from)) manager.step(this.nowMs, { type: 'report', envelope });
    }
    this.settle();
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs += TICK_MS;
      for (const operation of this.waiting.splice(0)) operation();
      for (const manager of this.managers) manager.step(this.nowMs, { type: 'tick' });
      this.settle();
      for (const peer of this.peers.values()) if (peer.up) this.live(peer);
    }
  }

  /** Runs until the condition holds, or fails after `limitMs`. */
  until(what: string, condition: () => boolean, limitMs = 60_000): void {
    const endMs = this.nowMs + limitMs;
    while (!condition()) {
      if (this.nowMs >= endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      this.run(TICK_MS);
    }
  }

  /** Whether every partition is active and complete, with nothing under way. */
  isCalm(): boolean {
    const { parts } = this.map;
    const wanted = Math.min(
      this.settings.replicationFactor,
      [...this.peers.values()].filter((p) => p.up).length,
    );
    if (parts.length === 0) return false;
    return parts.every((part) => part?.active && part.learners.length === 0 && part.members.size === wanted);
  }

  private settle(): void {
    let busy = true;
    while (busy) {
      busy = false;
      for (const manager of [...this.managers]) if (this.carryOut(manager)) busy = true;
    }
  }

  private carryOut(manager: ConfigurationManager): boolean {
    const { register, sends, notes, answers } = manager.take();
    this.notes.push(...notes);
    for (const { id, answer } of answers) {
      this.answers.set(id, answer.kind === 'accepted' ? 'accepted' : answer.why);
    }
    for (const send of sends) this.deliver(manager, send);
    if (register && this.register === 'prompt') this.operate(manager, register);
    else if (register) this.waiting.push(() => this.operate(manager, register));
    return sends.length > 0 || (register !== undefined && this.register === 'prompt');
  }

  private operate(manager: ConfigurationManager, register: RegisterOperation): void {
    if (!this.managers.includes(manager)) return;
    if (register.type === 'read') {
      manager.step(this.nowMs, { type: 'register-holds', map: this.held });
      return;
    }
    const fits = (this.held?.ver ?? 0) === register.expected;
    if (fits) this.commit(register.map);
    const told = fits ? 'swapped' : 'conflict';
    manager.step(this.nowMs, { type: 'register-cas', outcome: this.register === 'vague' ? 'unknown' : told });
  }

  private isDeaf(manager: ConfigurationManager, id: PeerId): boolean {
    return this.deaf.has(`${this.managers.indexOf(manager)} ${id}`);
  }

  private commit(map: ClusterMap): void {
    checkStep(this.held, map, this.settings);
    this.held = map;
    this.committed.push(map);
  }

  private deliver(manager: ConfigurationManager, { to, envelope: { body } }: ManagerSend): void {
    const peer = this.peers.get(to);
    if (!peer?.up || peer.cut || this.isDeaf(manager, to)) return;
    switch (body.type) {
      case 'map':
        if (peer.frozen || body.map.ver < peer.promised) return;
        if (body.map.ver > (peer.map?.ver ?? 0)) peer.map = body.map;
        return;
      case 'query':
        if (body.term * 2 ** 32 < peer.promised) return;
        peer.promised = body.term * 2 ** 32;
        this.report(peer, { type: 'state', term: body.term, map: peer.map ?? emptyMap('test') }, [manager]);
        return;
      case 'ping': {
        const active = this.leads(peer);
        this.report(peer, { type: 'pong', n: body.n, active, promised: peer.promised }, [manager]);
        return;
      }
    }
  }

  /** What a peer does by itself: reports, and as an active primary takes its learners in. */
  private live(peer: FakePeer): void {
    const record = peer.map?.peers.get(peer.id);
    if (record?.inc !== peer.inc || record.storeId !== peer.storeId || peer.map?.ver !== this.held?.ver) {
      this.report(peer, { type: 'register', ...(peer.weight === undefined ? {} : { weight: peer.weight }) });
    }
    for (const { partition, epoch } of this.leads(peer)) {
      const part = peer.map?.parts[partition];
      for (const id of part?.learners ?? []) this.teach(peer, partition, epoch, id);
    }
  }

  private teach(primary: FakePeer, partition: number, epoch: number, id: PeerId): void {
    const learner = this.peers.get(id);
    const named = primary.map?.peers.get(id) as PeerRecord;
    if (!this.teaching || !learner?.up || learner.inc !== named.inc || learner.storeId !== named.storeId)
      return;
    learner.writes.set(partition, primary.writes.get(partition) ?? 0);
    this.report(primary, {
      type: 'add',
      partition,
      epoch,
      learner: id,
      learnerStoreId: named.storeId,
      learnerInc: named.inc,
    });
  }

  /** Activates what can be: every member is up, has its store, and knows the epoch. A write follows each time. */
  private leads(peer: FakePeer): { partition: number; epoch: number }[] {
    const { map } = peer;
    const record = map?.peers.get(peer.id);
    if (!map || record?.inc !== peer.inc || record.storeId !== peer.storeId) return [];
    const led: { partition: number; epoch: number }[] = [];
    for (const [partition, part] of map.parts.entries()) {
      if (part?.primary !== peer.id || !this.aligned(partition, part)) continue;
      this.write(peer, partition, part);
      led.push({ partition, epoch: part.epoch });
    }
    return led;
  }

  private aligned(partition: number, part: PartitionConfig): boolean {
    return [...part.members].every(([id, storeId]) => {
      const member = this.peers.get(id);
      return member?.up && member.storeId === storeId && member.map?.parts[partition]?.epoch === part.epoch;
    });
  }

  private write(primary: FakePeer, partition: number, part: PartitionConfig): void {
    const known = this.acknowledged.get(partition) ?? 0;
    const held = primary.writes.get(partition) ?? 0;
    if (held < known) {
      throw new Error(`${primary.id} leads ${partition} with ${held} of ${known} acknowledged writes`);
    }
    this.acknowledged.set(partition, held + 1);
    for (const id of part.members.keys()) this.peers.get(id)?.writes.set(partition, held + 1);
  }
}
