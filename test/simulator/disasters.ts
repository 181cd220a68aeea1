/**
 * Faults that destroy what is stored: wiped disks, peers lost for good, a lost or old registry. They come one at a time
 * and in peace, because two of them together lose data that no protocol can save.
 */
import { isRestarting, type PartitionConfig } from '../../common/configuration.js';
import type { SimulatedPeer } from './peer-process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** The least time between two of them. */
const DISASTER_GAP_MS = 15_000;
/** Before a disk is wiped nothing happens for so long: no removal of another member is under way. */
const QUIET_BEFORE_WIPE_MS = 2500;
/** After a disk was wiped nothing else happens for so long: the copies are being made anew. */
const QUIET_AFTER_WIPE_MS = 5000;
/** And after an old copy of the registry was put back without a word. */
const QUIET_AFTER_OLD_COPY_MS = 7000;
/** The map must not have changed for so long. */
const STEADY_MS = 1000;

export class Disasters {
  private wipedAt = Number.NEGATIVE_INFINITY;
  private registryLostAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly world: World) {}

  /**
   * Wipes one disk when the cluster has been in peace for a while and everything on it lies safely elsewhere; then
   * leaves the cluster in peace. (Whoever loses one copy to a fault, and the other to a wipe, has lost both.)
   */
  wipeOne(random: Random): boolean {
    return this.disaster(random, (peer) => this.wipe(peer.id, random.integer(50, 2000)));
  }

  /** Two disks at once, where a third member has everything. */
  wipeTwo(random: Random): boolean {
    return this.disaster(random, (peer) => {
      const other = random.pickMaybe(this.world.runningPeers().filter((one) => one !== peer));
      if (other === undefined || !this.maySpare(peer.id, other.id)) return;
      this.wipedAt = this.world.schedule.now;
      for (const one of [peer, other]) {
        one.kill();
        one.wipe();
        this.world.startLater(one, random.integer(50, 2000));
      }
    });
  }

  /** One peer is gone for good, with its disk: nobody hears of it again. */
  loseOne(random: Random): boolean {
    if (this.world.peers.length < 3) return false;
    return this.disaster(random, (peer) => this.lose(peer.id));
  }

  /** Loses a peer for good; false if that could lose data with it. */
  lose(id: string): boolean {
    const peer = this.world.peer(id);
    if (peer === undefined || !this.maySpare(id) || this.world.peers.length < 3) return false;
    this.wipedAt = this.world.schedule.now;
    peer.kill();
    this.world.peers = this.world.peers.filter((other) => other !== peer);
    return true;
  }

  /** Bits flip in some rows of one peer, of which every other member of the partition has a sound copy. */
  damageOne(random: Random): boolean {
    return this.disaster(random, (peer) => {
      if (!this.maySpare(peer.id)) return;
      this.wipedAt = this.world.schedule.now;
      for (const [partition, { marks, copies }] of peer.stored.partitions) {
        for (const key of copies.get(marks.copy)?.keys() ?? []) {
          if (random.chance(0.4)) peer.stored.damage(partition, marks.copy, key);
        }
      }
    });
  }

  private disaster(random: Random, strike: (peer: SimulatedPeer) => void): boolean {
    const peer = random.pickMaybe(this.world.runningPeers());
    if (peer === undefined || this.world.decided() === undefined) return false;
    if (this.isTooSoon()) return false;
    const { now } = this.world.schedule;
    this.world.quietUntil = now + QUIET_BEFORE_WIPE_MS + QUIET_AFTER_WIPE_MS;
    this.world.network.mendAll();
    for (const { disk } of this.world.peers) disk.heal();
    this.world.afterFault(QUIET_BEFORE_WIPE_MS, () => {
      if (this.world.schedule.now - this.world.registry.changedAt > STEADY_MS) strike(peer);
    });
    return true;
  }

  /** Wipes a disk; false if that could lose data for good. */
  wipe(id: string, downMs: number): boolean {
    const peer = this.world.peer(id);
    if (peer === undefined || !this.maySpare(id)) return false;
    this.wipedAt = this.world.schedule.now;
    peer.kill();
    peer.wipe();
    this.world.startLater(peer, downMs);
    return true;
  }

  /** The registry's disk is lost or replaced by an old copy; all orchestrators go down with it. */
  loseRegistry(random: Random, how: 'empty' | 'old-copy'): boolean {
    const { now } = this.world.schedule;
    if (this.world.decided() === undefined) return false;
    if (this.isTooSoon() || this.isLostPeerNamed()) return false;
    // Whoever puts an old copy back says so; if not, then only where the peers can contradict it at once: a peer
    // that alone knows the newest configuration, and cannot be reached, cannot be missed by anybody.
    const told =
      how === 'old-copy' && (random.chance(0.6) || this.world.peers.some(({ up, paused }) => !up || paused));
    if (how === 'empty') this.world.registry.lose();
    else if (!this.world.registry.restoreOldCopy()) return false;
    if (how === 'old-copy' && !told) {
      this.world.network.mendAll();
      this.world.network.hurt.clear();
      this.world.quietUntil = now + QUIET_AFTER_OLD_COPY_MS;
    }
    this.registryLostAt = now;
    for (const orchestrator of this.world.orchestrators) {
      orchestrator.registerMayBeOld = told;
      orchestrator.kill();
      this.world.schedule.after(random.integer(50, 2500), () => {
        if (!orchestrator.up) orchestrator.start();
      });
    }
    return true;
  }

  private isTooSoon(): boolean {
    const { now } = this.world.schedule;
    return now - this.registryLostAt < DISASTER_GAP_MS || now - this.wipedAt < DISASTER_GAP_MS;
  }

  /** Whether any map still counts on a peer that is gone for good: a rebuild would wait for it, as it must (section 9). */
  private isLostPeerNamed(): boolean {
    const { peers } = this.world;
    const maps = [this.world.decided(), ...peers.map(({ stored }) => stored.map)];
    const named = maps.flatMap(
      (map) => map?.parts.flatMap((part) => [...(part?.members.keys() ?? [])]) ?? [],
    );
    return named.some((id) => this.world.peer(id) === undefined);
  }

  /** Whether everything on the disks of these peers lies safely elsewhere. */
  private maySpare(...ids: readonly string[]): boolean {
    const map = this.world.decided();
    if (map === undefined || ids.some((id) => this.world.peer(id)?.up !== true)) return false;
    if (this.isTooSoon() || [...map.peers.values()].some(isRestarting)) return false;
    return map.parts.every(
      (part) => !part || !ids.some((id) => part.members.has(id)) || this.isSafeWithout(part, ids),
    );
  }

  private isSafeWithout(part: PartitionConfig, ids: readonly string[]): boolean {
    const others = [...part.members].filter(([member]) => !ids.includes(member));
    if (others.length === 0 || !part.active) return false;
    return others.every(([member, storeId]) => {
      const other = this.world.peer(member);
      return other?.up === true && !other.paused && other.stored.storeId === storeId;
    });
  }
}
