/** What operators do to a healthy cluster: planned moves, draining, leaving, joining. */
import { mayStop } from '../../common/leaving.js';
import type { SimulatedPeer } from './peer-process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** A peer that asked to go and is still needed after this long goes anyway. */
const LEAVE_LIMIT_MS = 15_000;

/** A peer that asked to be relieved for a restart, and is still needed after this long, stops anyway. */
const RESTART_LIMIT_MS = 3000;
/** It asks this often, and looks this often whether it may stop. */
const ASK_MS = 250;
const LOOK_MS = 20;

/** When drained peers are given back after the healing. */
const UNDRAIN_AFTER_MS = [1000, 4000, 8000, 12_000];

export class Plans {
  private readonly drained = new Set<string>();
  private readonly leaving = new Set<SimulatedPeer>();
  /** One after the other restarts. */
  private rolling = false;

  constructor(private readonly world: World) {}

  /** A planned move of a primary or a copy. */
  move(random: Random): boolean {
    const map = this.world.decided();
    if (map === undefined) return false;
    const partition = random.integer(0, this.world.tuning.partitions - 1);
    const part = map.parts[partition];
    if (part === undefined) return false;
    const members = [...part.members.keys()];
    const outside = this.world.runningPeers().filter(({ id }) => !part.members.has(id));
    if (random.chance(0.6) || outside.length === 0) {
      return this.world.change({ type: 'move-primary', partition, to: random.pick(members) });
    }
    return this.world.change({
      type: 'move-replica',
      partition,
      from: random.pick(members),
      to: random.pick(outside).id,
    });
  }

  /** Drains a peer; some time later it is restarted. */
  drain(random: Random): boolean {
    const peer = random.pickMaybe(this.world.runningPeers());
    if (peer === undefined || !this.world.change({ type: 'drain', peer: peer.id })) return false;
    this.drained.add(peer.id);
    this.world.afterFault(random.integer(3000, 9000), () => {
      if (random.chance(0.5)) this.world.crash(peer, random.integer(50, 1000));
      this.undrain();
    });
    return true;
  }

  /** A peer asks to go, goes when it may, and comes back later, with its disk or as a new one. */
  leave(random: Random): boolean {
    const peer = random.pickMaybe(this.world.runningPeers().filter((one) => !this.leaving.has(one)));
    if (peer === undefined || this.world.peers.length - this.leaving.size <= 3) return false;
    this.leaving.add(peer);
    peer.leave();
    const asked = this.world.schedule.now;
    const look = (): void => {
      if (!this.leaving.has(peer)) return;
      const gone = peer.up && peer.mayStop();
      if (!gone && !this.world.healed && this.world.schedule.now - asked < LEAVE_LIMIT_MS) {
        this.world.schedule.after(100, look);
        return;
      }
      this.leaving.delete(peer);
      peer.kill();
      if (gone && random.chance(0.3)) peer.wipe();
      this.world.startLater(peer, random.integer(500, 5000));
    };
    look();
    return true;
  }

  /** All peers restart, mostly one after the other; each asks to be relieved, and stops when it may. */
  rollingRestart(random: Random): boolean {
    if (this.rolling) return false;
    const waiting = this.world.runningPeers();
    if (random.chance(0.15)) {
      for (const peer of waiting) this.restart(peer, random, () => undefined);
      return waiting.length > 0;
    }
    const gapMs = random.pick([0, 300, 1500]);
    const next = (): void => {
      const peer = waiting.shift();
      this.rolling = peer !== undefined;
      if (peer !== undefined) this.restart(peer, random, () => this.world.afterFault(gapMs, next));
    };
    next();
    return this.rolling;
  }

  private restart(peer: SimulatedPeer, random: Random, then: () => void): void {
    const { schedule } = this.world;
    if (!peer.up || this.leaving.has(peer)) {
      then();
      return;
    }
    this.leaving.add(peer);
    const since = schedule.now;
    let asked = Number.NEGATIVE_INFINITY;
    const look = (): void => {
      if (!this.leaving.has(peer)) return;
      const verdict = peer.up ? mayStop(peer.adopted(), peer.id) : 'down';
      const { now } = schedule;
      const quiet = now < this.world.quietUntil;
      if (!quiet && verdict === 'wait' && now - asked >= ASK_MS) {
        asked = now;
        peer.leave('duties');
      }
      if (quiet || (verdict === 'wait' && now - since < RESTART_LIMIT_MS)) {
        schedule.after(LOOK_MS, look);
        return;
      }
      this.leaving.delete(peer);
      this.world.noted(`restart-${verdict}`);
      this.world.crash(peer, random.integer(50, 800));
      then();
    };
    look();
  }

  /** A peer that was never here joins. */
  join(): boolean {
    const peer = this.world.spares.shift();
    if (peer === undefined) return false;
    this.world.peers.push(peer);
    peer.start();
    return true;
  }

  /**
   * Nobody leaves any more, and whoever was drained may be filled again. A peer that has asked to go goes now, to be
   * started with everybody else: no process goes on for ever after it asked, and while it does it is given nothing.
   */
  end(): void {
    for (const peer of this.leaving) peer.kill();
    this.leaving.clear();
    // Again and again: an orchestrator that stood still may carry out an earlier drain after the first of these.
    for (const ms of UNDRAIN_AFTER_MS) this.world.schedule.after(ms, () => this.undrain());
  }

  private undrain(): void {
    for (const peer of this.drained) this.world.change({ type: 'undrain', peer });
  }
}
