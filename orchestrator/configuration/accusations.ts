/**
 * Members that accuse one another, and how long an accused one must stay away (E9).
 *
 * Keeps true: an accusation counts only in the epoch that it names, so of two that accuse each other one goes,
 * and the other's accusation carries an old epoch. Accusations are collected for a moment; the peer with more
 * accusers in the whole cluster goes, the first accused where they are level. A removed peer may rejoin after a
 * cool-down that doubles each time it is removed again soon after.
 * Policy, not safety: nothing breaks if an accusation is lost, late or unjust.
 */
import type { Epoch, PeerId } from '../../common/configuration.js';
import type { AccusationReason } from '../../common/control-messages.js';

/** The times that rule accusations, in ms; see ManagerTiming. */
export interface AccusationTiming {
  readonly collectAccusationsMs: number;
  readonly accusationExpiresMs: number;
  readonly coolDownMs: number;
  readonly maxCoolDownMs: number;
}

/** An accusation as it came in. */
export interface Accusation {
  readonly accuser: PeerId;
  readonly who: PeerId;
  readonly why: AccusationReason;
  readonly partition: number;
  readonly epoch: Epoch;
}

/** Somebody whom the members of a partition want removed. */
export interface Accused {
  readonly who: PeerId;
  /** What the first accuser said. */
  readonly why: AccusationReason;
  readonly accusers: ReadonlySet<PeerId>;
  /** The probe round when the first accusation came: survivors must answer a later one (E3). */
  readonly round: number;
}

interface Case extends Accused {
  readonly epoch: Epoch;
  readonly firstMs: number;
  lastMs: number;
  readonly accusers: Set<PeerId>;
}

/** The accusations that are open, by partition. */
export class Accusations {
  readonly #timing: AccusationTiming;
  readonly #cases = new Map<number, Case[]>();

  constructor(timing: AccusationTiming) {
    this.#timing = timing;
  }

  get isEmpty(): boolean {
    return this.#cases.size === 0;
  }

  /** Takes an accusation down. The caller has checked that the accuser is a member and the epoch the present one. */
  add({ accuser, who, why, partition, epoch }: Accusation, round: number, nowMs: number): void {
    const cases = (this.#cases.get(partition) ?? []).filter((known) => known.epoch === epoch);
    const known = cases.find((other) => other.who === who);
    if (known) {
      known.lastMs = nowMs;
      known.accusers.add(accuser);
    } else {
      cases.push({ who, why, round, epoch, firstMs: nowMs, lastMs: nowMs, accusers: new Set([accuser]) });
    }
    this.#cases.set(partition, cases);
  }

  /** Drops all of them. */
  clear(): void {
    this.#cases.clear();
  }

  /** Drops what was not repeated lately. */
  expire(nowMs: number): void {
    for (const [partition, cases] of this.#cases) {
      const fresh = cases.filter((known) => nowMs - known.lastMs < this.#timing.accusationExpiresMs);
      if (fresh.length === 0) this.#cases.delete(partition);
      else if (fresh.length < cases.length) this.#cases.set(partition, fresh);
    }
  }

  /** Whether anybody is accused in this partition and epoch. */
  concerns(partition: number, epoch: Epoch): boolean {
    return this.#cases.get(partition)?.some((known) => known.epoch === epoch) ?? false;
  }

  /** Whom to remove from the partition in this epoch now: undefined while accusations are still collected. */
  due(partition: number, epoch: Epoch, nowMs: number): Accused | undefined {
    const cases = this.#cases.get(partition)?.filter((known) => known.epoch === epoch) ?? [];
    const firstMs = Math.min(...cases.map((known) => known.firstMs));
    if (cases.length === 0 || nowMs - firstMs < this.#timing.collectAccusationsMs) return undefined;
    return cases.reduce((worst, known) =>
      this.#accusersOf(known.who) > this.#accusersOf(worst.who) ? known : worst,
    );
  }

  #accusersOf(who: PeerId): number {
    const accusers = new Set<PeerId>();
    for (const cases of this.#cases.values()) {
      for (const known of cases) if (known.who === who) for (const id of known.accusers) accusers.add(id);
    }
    return accusers.size;
  }
}

/** How long removed peers must wait before they may become learners again. */
export class CoolDowns {
  readonly #timing: AccusationTiming;
  readonly #waits = new Map<PeerId, { readonly ms: number; readonly untilMs: number }>();

  constructor(timing: AccusationTiming) {
    this.#timing = timing;
  }

  /** The peer was removed by accusation, perhaps from many partitions at once: that counts as one. */
  begin(id: PeerId, nowMs: number): void {
    const before = this.#waits.get(id);
    if (before && nowMs < before.untilMs) return;
    const again = before !== undefined && nowMs < before.untilMs + before.ms + this.#timing.coolDownMs;
    const ms = again ? Math.min(before.ms * 2, this.#timing.maxCoolDownMs) : this.#timing.coolDownMs;
    this.#waits.set(id, { ms, untilMs: nowMs + ms });
  }

  isOver(id: PeerId, nowMs: number): boolean {
    return nowMs >= (this.#waits.get(id)?.untilMs ?? nowMs);
  }
}
