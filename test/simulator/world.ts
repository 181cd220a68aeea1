/**
 * One simulated cluster: peers, orchestrators, their registry, the network between them, and what faults may do to
 * them. Faults stop for good when the world is healed; then everybody is started again.
 */
import { type ClusterMap, changeOf, type PartitionConfig } from '../../common/configuration.js';
import type { PlannedChange } from '../../common/control-messages.js';
import { Checks } from './checks.js';
import { Network } from './network.js';
import { SimulatedOrchestrator } from './orchestrator-process.js';
import { SimulatedPeer } from './peer-process.js';
import type { Random } from './random.js';
import { Registry } from './registry.js';
import { Schedule } from './schedule.js';
import type { Trace } from './trace.js';
import type { ClusterTuning } from './tuning.js';

/** A lost registry and a wiped disk within this time of each other would lose data that no protocol can save. */
const DISASTER_GAP_MS = 15_000;
/** Before a disk is wiped nothing happens for so long: no removal of another member is under way. */
const QUIET_BEFORE_WIPE_MS = 2500;
/** After a disk was wiped nothing else happens for so long: the copies are being made anew. */
const QUIET_AFTER_WIPE_MS = 5000;
/** And after an old copy of the registry was put back without a word. */
const QUIET_AFTER_OLD_COPY_MS = 7000;
const LEAVE_LIMIT_MS = 15_000;

export class World {
  readonly schedule = new Schedule();
  readonly network: Network;
  readonly registry: Registry;
  readonly checks: Checks;
  readonly orchestrators: readonly SimulatedOrchestrator[];
  /** Peers that belong to the cluster at the moment, running or not. */
  peers: SimulatedPeer[] = [];
  /** Peers that may still join. */
  private readonly spares: SimulatedPeer[] = [];
  private readonly byId = new Map<string, SimulatedPeer>();
  private readonly drained = new Set<string>();
  private readonly notes: Record<string, number> = {};
  private readonly leaving = new Set<SimulatedPeer>();
  /** How often each kind of fault struck. */
  readonly faults: Record<string, number> = {};
  healed = false;
  /** Nothing strikes before this time. */
  quietUntil = 0;
  private wipedAt = Number.NEGATIVE_INFINITY;
  private registryLostAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly random: Random,
    readonly trace: Trace,
    readonly tuning: ClusterTuning,
    leasesHold: boolean,
  ) {
    this.network = new Network(this.schedule, random, trace);
    this.registry = new Registry(this.schedule, random);
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

  /** Which partition has too few or too many copies, now; undefined: none. */
  missingCopies(): string | undefined {
    const parts = this.registry.map?.parts ?? [];
    for (const [partition, part] of parts.entries()) {
      if (part?.members.size !== Math.min(this.tuning.replicas, this.peers.length)) {
        return `partition ${partition} has ${part?.members.size ?? 0} copies`;
      }
    }
    return undefined;
  }

  /** In what the members of a partition differ, now; undefined: in nothing. */
  differenceOfReplicas(): string | undefined {
    const parts = this.registry.map?.parts ?? [];
    for (const [partition, part] of parts.entries()) {
      if (part === undefined) continue;
      const states = [...part.members.keys()].map(
        (id) => this.known(id)?.digest(partition) ?? `${id} is gone`,
      );
      if (new Set(states).size > 1) return `members of partition ${partition} hold ${states.join(' and ')}`;
    }
    return undefined;
  }

  /** Kills a peer, which comes back after a while. */
  crash(peer: SimulatedPeer, downMs: number): void {
    if (!peer.up || this.schedule.now < this.quietUntil) return;
    this.end(peer, downMs);
  }

  private end(peer: SimulatedPeer, downMs: number): void {
    if (peer.kill() > 0) this.count('lost-writes');
    this.tellDisconnected(peer.id, this.runningPeers());
    this.schedule.after(downMs, () => {
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

  /**
   * Wipes one disk when the cluster has been in peace for a while and everything on it lies safely elsewhere; then
   * leaves the cluster in peace. (Whoever loses one copy to a fault, and the other to a wipe, has lost both.)
   */
  wipeOne(random: Random): boolean {
    return this.disaster(random, (peer) => this.wipe(peer.id, random.integer(50, 2000)));
  }

  /** One peer is gone for good, with its disk: nobody hears of it again. */
  loseOne(random: Random): boolean {
    if (this.peers.length < 3) return false;
    return this.disaster(random, (peer) => {
      if (this.maySpare(peer.id) && this.peers.length >= 3) {
        this.wipedAt = this.schedule.now;
        peer.kill();
        this.peers = this.peers.filter((other) => other !== peer);
      }
    });
  }

  private disaster(random: Random, strike: (peer: SimulatedPeer) => void): boolean {
    const peer = random.pickMaybe(this.runningPeers());
    if (peer === undefined || this.decided() === undefined) return false;
    const { now } = this.schedule;
    if (now - this.registryLostAt < DISASTER_GAP_MS || now - this.wipedAt < DISASTER_GAP_MS) return false;
    this.quietUntil = now + QUIET_BEFORE_WIPE_MS + QUIET_AFTER_WIPE_MS;
    this.network.mendAll();
    for (const { disk } of this.peers) disk.heal();
    this.afterFault(QUIET_BEFORE_WIPE_MS, () => {
      if (this.schedule.now - this.registry.changedAt > 1000) strike(peer);
    });
    return true;
  }

  /** Wipes a disk; false if that could lose data for good. */
  wipe(id: string, downMs: number): boolean {
    const peer = this.peer(id);
    if (peer === undefined || !this.maySpare(id)) return false;
    this.wipedAt = this.schedule.now;
    peer.kill();
    peer.wipe();
    this.schedule.after(downMs, () => {
      if (!peer.up) peer.start();
    });
    return true;
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

  /** The registry's disk is lost or replaced by an old copy; all orchestrators go down with it. */
  loseRegistry(random: Random, how: 'empty' | 'old-copy'): boolean {
    const { now } = this.schedule;
    if (this.decided() === undefined) return false;
    if (now - this.wipedAt < DISASTER_GAP_MS || now - this.registryLostAt < DISASTER_GAP_MS) return false;
    // Whoever puts an old copy back says so; if not, then only where the peers can contradict it at once: a peer
    // that alone knows the newest configuration, and cannot be reached, cannot be missed by anybody.
    const told =
      how === 'old-copy' && (random.chance(0.6) || this.peers.some(({ up, paused }) => !up || paused));
    if (how === 'empty') this.registry.lose();
    else if (!this.registry.restoreOldCopy()) return false;
    if (how === 'old-copy' && !told) {
      this.network.mendAll();
      this.network.hurt.clear();
      this.quietUntil = now + QUIET_AFTER_OLD_COPY_MS;
    }
    this.registryLostAt = now;
    for (const orchestrator of this.orchestrators) {
      orchestrator.registerMayBeOld = told;
      orchestrator.kill();
      this.schedule.after(random.integer(50, 2500), () => {
        if (!orchestrator.up) orchestrator.start();
      });
    }
    return true;
  }

  /** A planned move of a primary or a copy. */
  move(random: Random): boolean {
    const map = this.decided();
    if (map === undefined) return false;
    const partition = random.integer(0, this.tuning.partitions - 1);
    const part = map.parts[partition];
    if (part === undefined) return false;
    const members = [...part.members.keys()];
    const outside = this.runningPeers().filter(({ id }) => !part.members.has(id));
    if (random.chance(0.6) || outside.length === 0) {
      return this.change({ type: 'move-primary', partition, to: random.pick(members) });
    }
    return this.change({
      type: 'move-replica',
      partition,
      from: random.pick(members),
      to: random.pick(outside).id,
    });
  }

  /** Drains a peer; some time later it is restarted. */
  drain(random: Random): boolean {
    const peer = random.pickMaybe(this.runningPeers());
    if (peer === undefined || !this.change({ type: 'drain', peer: peer.id })) return false;
    this.drained.add(peer.id);
    this.afterFault(random.integer(3000, 9000), () => {
      if (random.chance(0.5)) this.crash(peer, random.integer(50, 1000));
      this.undrain();
    });
    return true;
  }

  /** A peer asks to go, goes when it may, and comes back later, with its disk or as a new one. */
  leave(random: Random): boolean {
    const peer = random.pickMaybe(this.runningPeers().filter((one) => !this.leaving.has(one)));
    if (peer === undefined || this.peers.length - this.leaving.size <= 3) return false;
    this.leaving.add(peer);
    peer.leave();
    const asked = this.schedule.now;
    const look = (): void => {
      if (!this.leaving.has(peer)) return;
      const gone = peer.up && peer.mayStop();
      if (!gone && !this.healed && this.schedule.now - asked < LEAVE_LIMIT_MS) {
        this.schedule.after(100, look);
        return;
      }
      this.leaving.delete(peer);
      peer.kill();
      if (gone && random.chance(0.3)) peer.wipe();
      this.schedule.after(random.integer(500, 5000), () => {
        if (!peer.up) peer.start();
      });
    };
    look();
    return true;
  }

  /** A peer that was never here joins. */
  join(): boolean {
    const peer = this.spares.shift();
    if (peer === undefined) return false;
    this.peers.push(peer);
    peer.start();
    return true;
  }

  /** Ends all faults and starts everybody. */
  heal(): void {
    this.healed = true;
    this.schedule.after(1000, () => this.undrain());
    this.schedule.after(4000, () => this.undrain());
    this.network.heal();
    this.registry.unknownShare = 0;
    this.leaving.clear();
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

  private undrain(): void {
    for (const peer of this.drained) this.change({ type: 'undrain', peer });
  }

  /** Whether everything on the peer's disk lies safely elsewhere. */
  private maySpare(id: string): boolean {
    const { now } = this.schedule;
    const map = this.decided();
    if (map === undefined || this.peer(id)?.up !== true) return false;
    if (now - this.registryLostAt < DISASTER_GAP_MS || now - this.wipedAt < DISASTER_GAP_MS) return false;
    return map.parts.every((part) => !part?.members.has(id) || this.isSafeWithout(part, id));
  }

  private isSafeWithout(part: PartitionConfig, id: string): boolean {
    const others = [...part.members].filter(([member]) => member !== id);
    if (others.length === 0 || !part.active) return false;
    return others.every(([member, storeId]) => {
      const other = this.peer(member);
      return other?.up === true && !other.paused && other.stored.storeId === storeId;
    });
  }

  private registryIsWhole(): boolean {
    const newest = Math.max(0, ...this.peers.map((peer) => peer.stored.map.ver));
    const { map } = this.registry;
    return map !== undefined && map.ver >= newest;
  }
}
