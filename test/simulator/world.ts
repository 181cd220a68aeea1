/**
 * One simulated cluster: peers, orchestrators, their registry, the network between them, and what faults may do to
 * them. Faults stop for good when the world is healed; then everybody is started again.
 */
import { type ClusterMap, changeOf } from '../../common/configuration.js';
import type { PlannedChange } from '../../common/control-messages.js';
import { Checks } from './checks.js';
import { Disasters } from './disasters.js';
import { Network } from './network.js';
import { SimulatedOrchestrator } from './orchestrator-process.js';
import { SimulatedPeer } from './peer-process.js';
import { Plans } from './plans.js';
import type { Random } from './random.js';
import { Registry } from './registry.js';
import { Schedule } from './schedule.js';
import type { Trace } from './trace.js';
import type { ClusterTuning } from './tuning.js';

export class World {
  readonly schedule = new Schedule();
  readonly network: Network;
  readonly registry: Registry;
  readonly checks: Checks;
  readonly orchestrators: readonly SimulatedOrchestrator[];
  /** Peers that belong to the cluster at the moment, running or not. */
  peers: SimulatedPeer[] = [];
  /** Peers that may still join. */
  readonly spares: SimulatedPeer[] = [];
  readonly disasters: Disasters;
  readonly plans: Plans;
  private readonly byId = new Map<string, SimulatedPeer>();
  private readonly notes: Record<string, number> = {};
  /** How often each kind of fault struck. */
  readonly faults: Record<string, number> = {};
  healed = false;
  /** Nothing strikes before this time. */
  quietUntil = 0;

  constructor(
    readonly random: Random,
    readonly trace: Trace,
    readonly tuning: ClusterTuning,
    leasesHold: boolean,
  ) {
    this.disasters = new Disasters(this);
    this.plans = new Plans(this);
    this.network = new Network(this.schedule, random, trace);
    this.registry = new Registry(this.schedule, random, () => this.configured());
    this.checks = new Checks(tuning.partitions, () => this.decided(), leasesHold);
    this.orchestrators = Array.from(
      { length: tuning.orchestrators },
      (_, i) => new SimulatedOrchestrator(`O${i + 1}`, this),
    );
    for (let i = 0; i < tuning.peers + tuning.spares; i += 1) {
      const peer = new SimulatedPeer(String.fromCharCode(65 + i), this);
      (i < tuning.peers ? this.peers : this.spares).push(peer);
      this.byId.set(peer.id, peer);
      this.checks.watch(peer);
    }
    for (const orchestrator of this.orchestrators) orchestrator.start();
    for (const peer of this.peers) peer.start();
  }

  /** The map that the registry holds, unless it is being rebuilt. */
  decided(): ClusterMap | undefined {
    return this.registryIsWhole() ? this.registry.map : undefined;
  }

  /** Counts a strike. */
  count(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
  }

  /** Does something later, unless the world was healed by then. */
  afterFault(ms: number, task: () => void): void {
    this.schedule.after(ms, () => {
      if (!this.healed) task();
    });
  }

  runningPeers(): SimulatedPeer[] {
    return this.peers.filter(({ up }) => up);
  }

  /** A peer that belongs to the cluster. */
  peer(id: string): SimulatedPeer | undefined {
    return this.peers.find((peer) => peer.id === id);
  }

  /** A peer that messages can be sent to, also if it has not joined yet. */
  known(id: string): SimulatedPeer | undefined {
    return this.byId.get(id);
  }

  /** An orchestrator noted something. */
  noted(what: string): void {
    this.notes[what] = (this.notes[what] ?? 0) + 1;
  }

  /** What the orchestrators noted, counted. */
  events(): Readonly<Record<string, number>> {
    return this.notes;
  }

  /** Who is what, for a message about what went wrong. */
  describe(): string {
    const parts = this.registry.map?.parts.map((part, partition) => {
      if (part === undefined) return `${partition}: none`;
      const { epoch, primary, members, learners, fence, active, la } = part;
      const lists = `members=${[...members.keys()]} learners=${learners} fence=${fence} la=${la}`;
      return `${partition}: epoch=${changeOf(epoch)} ${active ? 'active' : 'inactive'} primary=${primary} ${lists}`;
    });
    const processes = [...this.orchestrators, ...this.peers].map((process) => process.describe());
    return [`ver=${this.registry.map?.ver}`, ...(parts ?? []), ...processes].join('\n    ');
  }

  private configured(): void {
    if (this.trace.loud) this.trace.say(this.schedule.now, 'map', this.describe());
    const map = this.decided();
    if (map !== undefined) this.checks.configured(map);
  }

  /** Kills a peer, which comes back after a while. */
  crash(peer: SimulatedPeer, downMs: number): void {
    if (!peer.up || this.schedule.now < this.quietUntil) return;
    this.end(peer, downMs);
  }

  private end(peer: SimulatedPeer, downMs: number): void {
    if (peer.kill() > 0) this.count('lost-writes');
    this.tellDisconnected(peer.id, this.runningPeers());
    this.startLater(peer, downMs);
  }

  /** Starts a peer again after a while, if it still belongs to the cluster. */
  startLater(peer: SimulatedPeer, afterMs: number): void {
    this.schedule.after(afterMs, () => {
      if (!peer.up && this.peers.includes(peer)) peer.start();
    });
  }

  /** Some of `others` notice that their connections to a process broke. */
  tellDisconnected(id: string, others: readonly SimulatedPeer[]): void {
    for (const other of others) {
      if (other.id === id || this.network.isCut(id, other.id) || this.random.chance(0.5)) continue;
      this.schedule.after(this.random.integer(1, 40), () => other.disconnected(id));
    }
  }

  /** A peer's own end, ordered by its disk. */
  died(peer: SimulatedPeer, reason: string): void {
    this.trace.say(this.schedule.now, peer.id, `dies: ${reason}`);
    this.end(peer, this.random.integer(20, 3000));
  }

  /** Crashes an orchestrator for a while. */
  crashOrchestrator(downMs: number): boolean {
    const running = this.orchestrators.filter(({ up }) => up);
    const orchestrator = this.random.pickMaybe(running);
    if (orchestrator === undefined) return false;
    orchestrator.kill();
    this.schedule.after(downMs, () => {
      if (!orchestrator.up) orchestrator.start();
    });
    return true;
  }

  /** Ends all faults and starts everybody. */
  heal(): void {
    this.healed = true;
    this.plans.end();
    this.network.heal();
    this.registry.unknownShare = 0;
    for (const peer of this.peers) {
      peer.slowDown(0);
      peer.disk.heal();
      peer.resume();
      if (!peer.up) peer.start();
    }
    for (const orchestrator of this.orchestrators) {
      orchestrator.resume();
      if (!orchestrator.up) orchestrator.start();
    }
  }

  /** Asks a running orchestrator for a change. */
  change(change: PlannedChange): boolean {
    const orchestrator = this.random.pickMaybe(this.orchestrators.filter(({ up }) => up));
    orchestrator?.change(change);
    return orchestrator !== undefined;
  }

  private registryIsWhole(): boolean {
    const newest = Math.max(0, ...this.peers.map((peer) => peer.stored.map.ver));
    const { map } = this.registry;
    return map !== undefined && map.ver >= newest;
  }
}
